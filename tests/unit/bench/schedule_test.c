/* When operations are due: evenly, by lot, over threads. */
#include <math.h>
#include <stdlib.h>

#include "bench/schedule.h"
#include "tests/support/check.h"

static int by_size(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void test_uniform_over_threads(void **state)
{
    (void)state;
    enum { THREADS = 3, EACH = 1000 };
    static uint64_t due[THREADS * EACH];
    struct options o = {.threads = THREADS, .arrivals = ARRIVALS_UNIFORM};
    struct lot l;
    lot_init(&l, 1, 0);
    for (size_t t = 0, at = 0; t < THREADS; t++) {
        struct schedule s;
        schedule_init(&s, &o, 700.0, 5000, t, &l);
        for (size_t i = 0; i < EACH; i++, at++) {
            due[at] = s.due_ns;
            schedule_advance(&s, &l);
        }
    }
    qsort(due, ROWS(due), sizeof(due[0]), by_size);
    assert_int_equal(due[0], 5000);
    for (size_t i = 0; i < ROWS(due); i++) {
        /* Each where it belongs, to the nanosecond: no drift. */
        assert_true(fabs((double)(due[i] - 5000) - (double)i * 1e9 / 700.0) <= 1.0);
    }
}

static void test_poisson(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    struct options o = {.threads = 2, .arrivals = ARRIVALS_POISSON};
    struct schedule s;
    struct lot l;
    lot_init(&l, 7, 1);
    /* Each of two threads at half of 2000/s: a millisecond between two on average. */
    schedule_init(&s, &o, 2000.0, 100, 1, &l);
    uint64_t last = 100;
    double sum = 0.0;
    double squares = 0.0;
    size_t short_ones = 0;
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(s.due_ns >= last);
        double gap = (double)(s.due_ns - last) / 1e6;
        sum += gap;
        squares += gap * gap;
        short_ones += gap < log(2.0);
        last = s.due_ns;
        schedule_advance(&s, &l);
    }
    /* Mean 1, deviation 1, half of the gaps below ln 2. */
    double mean = sum / COUNT;
    assert_true(fabs(mean - 1.0) < 0.01);
    assert_true(fabs(sqrt(squares / COUNT - mean * mean) - 1.0) < 0.02);
    assert_true(fabs((double)short_ones / COUNT - 0.5) < 0.01);
}

static void test_lot(void **state)
{
    (void)state;
    struct lot a;
    struct lot b;
    struct lot c;
    lot_init(&a, 1, 0);
    lot_init(&b, 1, 0);
    lot_init(&c, 1, 1);
    size_t same = 0;
    for (size_t i = 0; i < 1000; i++) {
        uint64_t n = lot_next(&a);
        assert_true(n == lot_next(&b));
        same += n == lot_next(&c);
    }
    assert_int_equal(same, 0);
    for (size_t i = 0; i < 10000; i++) {
        double share = lot_share(&a);
        assert_true(share >= 0.0 && share < 1.0);
        assert_true(lot_below(&a, 3) < 3);
        assert_int_equal(lot_below(&a, 1), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uniform_over_threads),
        cmocka_unit_test(test_poisson),
        cmocka_unit_test(test_lot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
