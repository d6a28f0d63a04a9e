/* Clocks: printed forms at their edges, freezing. */
#include "base/clock.h"
#include "tests/support/check.h"

static void test_forms(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        int64_t wall_ms;
        const char *rfc3339;
        const char *http;
    } rows[] = {
        {"the epoch", 0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"RFC 9110's example", INT64_C(784111777000), "1994-11-06T08:49:37.000Z",
         "Sun, 06 Nov 1994 08:49:37 GMT"},
        {"a leap day, last millisecond", INT64_C(1709251199999), "2024-02-29T23:59:59.999Z",
         "Thu, 29 Feb 2024 23:59:59 GMT"},
        {"after 2038", INT64_C(4102444800000), "2100-01-01T00:00:00.000Z",
         "Fri, 01 Jan 2100 00:00:00 GMT"},
        {"before the epoch", -1, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"past four digits", INT64_MAX, "9999-12-31T23:59:59.999Z",
         "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        char rfc3339[CLOCK_RFC3339_LEN + 1];
        char http[CLOCK_HTTP_DATE_LEN + 1];
        clock_rfc3339(rows[i].wall_ms, rfc3339);
        clock_http_date(rows[i].wall_ms, http);
        CHECK_STR(rows[i].says, str_of(rfc3339), str_of(rows[i].rfc3339));
        CHECK_STR(rows[i].says, str_of(http), str_of(rows[i].http));
    }
}

/* As the C library has it, day by day. */
static void test_every_day(void **state)
{
    (void)state;
    for (int64_t day = 0; day < INT64_C(2932897); day++) {
        char got[CLOCK_HTTP_DATE_LEN + 1];
        char wanted[CLOCK_HTTP_DATE_LEN + 1];
        char rfc3339[CLOCK_RFC3339_LEN + 1];
        char date[sizeof("2026-11-21")];
        time_t second = (time_t)(day * 86400 + day % 86400);
        struct tm t = {0};
        assert_non_null(gmtime_r(&second, &t));
        assert_true(strftime(wanted, sizeof(wanted), "%a, %d %b %Y %H:%M:%S GMT", &t) > 0);
        assert_true(strftime(date, sizeof(date), "%Y-%m-%d", &t) > 0);
        clock_http_date((int64_t)second * 1000, got);
        clock_rfc3339((int64_t)second * 1000, rfc3339);
        if (strcmp(got, wanted) != 0 || strncmp(rfc3339, date, sizeof(date) - 1) != 0) {
            fail_msg("day %lld: %s and %s, not %s", (long long)day, got, rfc3339, wanted);
        }
    }
}

static void test_freezing(void **state)
{
    (void)state;
    clock_fake(5, 7);
    assert_int_equal(clock_mono_ms(), 5);
    assert_int_equal(clock_mono_us(), 5000);
    assert_int_equal(clock_wall_ms(), 7);
    clock_fake(-1, -1);
    uint64_t before = clock_mono_us();
    assert_true(before > 5000);
    assert_true(clock_mono_us() >= before);
    assert_true(clock_wall_ms() > INT64_C(1600000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_freezing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
