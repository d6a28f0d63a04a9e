/* Histogram buckets: no gap, no overlap, counts at their bounds. */
#include "base/hist.h"
#include "tests/support/check.h"

static void test_bounds_and_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < HIST_BUCKETS; i++) {
        struct hist h = {0};
        uint64_t bound = hist_bound_us(i);
        assert_true(i == 0 || bound > hist_bound_us(i - 1));
        hist_add(&h, bound);
        assert_int_equal(h.bucket[i], 1);
        hist_add(&h, bound + 1);
        assert_int_equal(h.bucket[i + 1], 1);
        assert_int_equal(hist_at_most(&h, bound), 1);
        assert_int_equal(hist_at_most(&h, bound + 1), 2);
        assert_true(i == 0 || hist_at_most(&h, hist_bound_us(i - 1)) == 0);
        assert_int_equal(h.sum_us, 2 * bound + 1);
        assert_int_equal(h.count, 2);
    }
}

static void test_ends(void **state)
{
    (void)state;
    struct hist h = {0};
    hist_add(&h, 0);
    hist_add(&h, UINT64_MAX - 100);
    assert_int_equal(h.bucket[0], 1);
    assert_int_equal(h.bucket[HIST_BUCKETS - 1], 1);
    assert_int_equal(hist_at_most(&h, 0), 1);
    assert_int_equal(hist_at_most(&h, UINT64_MAX), 2);
    assert_true(hist_bound_us(HIST_BUCKETS - 1) == UINT64_MAX);
    assert_true(hist_bound_us(HIST_BUCKETS + 5) == UINT64_MAX);
    assert_int_equal(hist_bound_us(HIST_BUCKETS - 2), (UINT64_C(15) << 19) - 1);
}

static void test_width(void **state)
{
    (void)state;
    /* A bucket is never wider than an eighth of where it begins. */
    for (size_t i = 9; i + 1 < HIST_BUCKETS; i++) {
        uint64_t begin = hist_bound_us(i - 1) + 1;
        assert_true(hist_bound_us(i) - begin + 1 <= begin / 8);
    }
}

static void test_percentiles_and_merging(void **state)
{
    (void)state;
    struct hist h = {0};
    struct hist other = {0};
    assert_int_equal(hist_percentile_us(&h, 99.0), 0);
    for (uint64_t us = 1; us <= 1000; us++) {
        hist_add(us % 2 == 0 ? &h : &other, us);
    }
    hist_merge(&h, &other);
    assert_int_equal(h.count, 1000);
    assert_int_equal(h.sum_us, 500500);
    static const double percents[] = {0.1, 0.5, 50.0, 99.0, 99.9, 100.0};
    for (size_t i = 0; i < ROWS(percents); i++) {
        double got = (double)hist_percentile_us(&h, percents[i]);
        assert_true(got >= percents[i] * 10.0 && got <= percents[i] * 10.0 * 9.0 / 8.0);
    }
    hist_add(&h, UINT64_MAX - 600000);
    assert_int_equal(hist_percentile_us(&h, 100.0), UINT64_C(15) << 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_and_counts),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_percentiles_and_merging),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
