/* The seconds of a run as CSV. */
#include "base/err.h"
#include "bench/series.h"
#include "tests/support/check.h"

static void lines(void **state)
{
    (void)state;
    struct result_second seconds[2] = {
        {1, 2, 3, 4, 5, 6, 7, 8, 9},
        {.started = UINT64_MAX},
    };
    struct result r = {.seconds = seconds, .second_count = 2};
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(series_write(&r, &out), 0);
    CHECK_STR("two seconds", buf_str(&out),
              STR("second,started,ok,failed,full,resumed,in_flight,p50_ns,p99_ns,max_ns\n"
                  "0,1,2,3,4,5,6,7,8,9\n"
                  "1,18446744073709551615,0,0,0,0,0,0,0,0\n"));
    buf_clear(&out);
    r.second_count = 0;
    assert_int_equal(series_write(&r, &out), 0);
    CHECK_STR("none", buf_str(&out),
              STR("second,started,ok,failed,full,resumed,in_flight,p50_ns,p99_ns,max_ns\n"));
    buf_release(&out);
}

static void without_room(void **state)
{
    (void)state;
    struct result r = {0};
    struct buf out;
    buf_init(&out, 10);
    assert_int_equal(series_write(&r, &out), -ERR_FULL);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(without_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
