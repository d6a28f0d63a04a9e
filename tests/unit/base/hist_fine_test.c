/* The fine histogram: its percentiles against exact ones. */
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hist_fine.h"
#include "base/mem.h"
#include "tests/support/check.h"

static void test_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < HIST_FINE_BUCKETS; i++) {
        struct hist_fine h;
        uint64_t bound = hist_fine_bound_ns(i);
        assert_true(i == 0 || bound > hist_fine_bound_ns(i - 1));
        /* A bucket is never wider than a 256th of where it begins. */
        assert_true(i <= 256 || bound - hist_fine_bound_ns(i - 1) <= bound / 256);
        if (i % 97 != 0) {
            continue;
        }
        assert_int_equal(hist_fine_init(&h), 0);
        hist_fine_add(&h, bound);
        hist_fine_add(&h, bound + 1);
        assert_int_equal(h.bucket[i], 1);
        assert_int_equal(h.bucket[i + 1], 1);
        assert_int_equal(hist_fine_at_most(&h, bound), 1);
        assert_int_equal(hist_fine_at_most(&h, bound + 1), 2);
        hist_fine_fini(&h);
    }
    assert_true(hist_fine_bound_ns(HIST_FINE_BUCKETS - 1) == UINT64_MAX);
    assert_true(hist_fine_bound_ns(HIST_FINE_BUCKETS + 7) == UINT64_MAX);
}

static int by_size(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static uint64_t next(uint64_t *x)
{
    *x = *x * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return *x >> 20;
}

enum { VALUES = 5000 };

static const struct {
    const char *says;
    uint64_t modulus;
    uint64_t power; /* how long the tail is */
} shapes[] = {
    {"small numbers, which are exact", 200, 1},
    {"microseconds", 900000, 1},
    {"a long tail", 30000, 3},
    {"all equal", 1, 1},
};

static const double percents[] = {0.0, 1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0};

static void check_shape(size_t shape, uint64_t *values, struct hist_fine *h)
{
    uint64_t seed = shape + 1;
    double sum = 0.0;
    double squares = 0.0;
    for (size_t i = 0; i < VALUES; i++) {
        uint64_t v = next(&seed) % shapes[shape].modulus;
        values[i] = shapes[shape].power == 3 ? v * v * v / 1000 : v;
        hist_fine_add(h, values[i]);
        sum += (double)values[i];
    }
    qsort(values, VALUES, sizeof(values[0]), by_size);
    for (size_t i = 0; i < ROWS(percents); i++) {
        /* Nearest rank, in whole numbers: hundredths of a percent. */
        uint64_t part = (uint64_t)lround(percents[i] * 100.0);
        size_t rank = (size_t)((part * VALUES + 9999) / 10000);
        uint64_t exact = values[rank > 0 ? rank - 1 : 0];
        uint64_t got = hist_fine_percentile(h, percents[i]);
        CHECK_ROW(shapes[shape].says, got >= exact && got - exact <= exact / 256);
    }
    double mean = sum / VALUES;
    for (size_t i = 0; i < VALUES; i++) {
        squares += ((double)values[i] - mean) * ((double)values[i] - mean);
    }
    CHECK_ROW(shapes[shape].says, hist_fine_mean(h) == (uint64_t)mean);
    CHECK_ROW(shapes[shape].says,
              fabs(hist_fine_deviation(h) - sqrt(squares / VALUES)) <= mean / 200.0 + 0.5);
    CHECK_ROW(shapes[shape].says, h->min_ns == values[0] && h->max_ns == values[VALUES - 1]);
}

static void test_percentiles(void **state)
{
    (void)state;
    static uint64_t values[VALUES];
    for (size_t shape = 0; shape < ROWS(shapes); shape++) {
        struct hist_fine h;
        assert_int_equal(hist_fine_init(&h), 0);
        check_shape(shape, values, &h);
        hist_fine_fini(&h);
    }
}

static void test_empty_and_past_the_end(void **state)
{
    (void)state;
    struct hist_fine h;
    struct hist_fine other;
    assert_int_equal(hist_fine_init(&h), 0);
    assert_int_equal(hist_fine_init(&other), 0);
    assert_int_equal(hist_fine_percentile(&h, 99.0), 0);
    assert_int_equal(hist_fine_mean(&h), 0);
    assert_true(hist_fine_deviation(&h) == 0.0);
    hist_fine_add(&h, UINT64_C(1) << 50);
    assert_true(hist_fine_percentile(&h, 50.0) == UINT64_C(1) << 50);
    hist_fine_add(&other, 10);
    hist_fine_merge(&h, &other);
    assert_int_equal(h.count, 2);
    assert_int_equal(h.min_ns, 10);
    assert_int_equal(hist_fine_percentile(&h, 50.0), 10);
    hist_fine_clear(&h);
    assert_int_equal(h.count, 0);
    assert_int_equal(hist_fine_at_most(&h, UINT64_MAX), 0);
    hist_fine_fini(&h);
    hist_fine_fini(&other);
}

static void test_without_memory(void **state)
{
    (void)state;
    struct hist_fine h;
    mem_fail_after(1, true);
    int rc = hist_fine_init(&h);
    mem_fail_after(0, false);
    assert_int_equal(rc, -ERR_NOMEM);
    hist_fine_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_percentiles),
        cmocka_unit_test(test_empty_and_past_the_end),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
