/* The chunk machine by itself: events and where it stops. The table of refused chunks stands in
 * h1_reader_request_test.c. */
#include "proxy/http/chunk.h"
#include "tests/support/check.h"

static void test_events(void **state)
{
    (void)state;
    struct chunk c;
    struct str rest = STR("3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n");
    struct str data = STR_NONE;
    size_t used = 0;
    enum reason why = REASON_OK;
    chunk_init(&c, 64, 3);
    assert_int_equal(chunk_feed(&c, str_slice(rest, 0, 8), &used, &data, &why), CHUNK_DATA);
    assert_int_equal(used, 8);
    CHECK_STR("first piece", data, STR("a"));
    rest = str_slice(rest, used, rest.n);
    assert_int_equal(chunk_feed(&c, rest, &used, &data, &why), CHUNK_DATA);
    assert_int_equal(used, 2);
    CHECK_STR("second piece", data, STR("bc"));
    rest = str_slice(rest, used, rest.n);
    assert_int_equal(chunk_feed(&c, STR(""), &used, &data, &why), CHUNK_MORE);
    assert_int_equal(chunk_feed(&c, rest, &used, &data, &why), CHUNK_LAST);
    CHECK_STR("trailers are left", str_slice(rest, used, rest.n), STR("X: y\r\n\r\n"));
    assert_int_equal(chunk_feed(&c, STR("X"), &used, &data, &why), CHUNK_BAD);
    assert_int_equal(why, REASON_INTERNAL);
}

static void test_dead_stays_dead(void **state)
{
    (void)state;
    struct chunk c;
    struct str data = STR_NONE;
    size_t used = 0;
    enum reason why = REASON_OK;
    chunk_init(&c, 64, 3);
    assert_int_equal(chunk_feed(&c, STR("4"), &used, &data, &why), CHUNK_BAD);
    assert_int_equal(why, REASON_HTTP_BODY_TOO_LARGE);
    assert_int_equal(chunk_feed(&c, STR("0\r\n"), &used, &data, &why), CHUNK_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_dead_stays_dead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
