/* Percentiles in the text of .hgrm against those of the sorted values themselves. */
#include <math.h>
#include <stdio.h>

#include "bench/hgrm.h"
#include "tests/unit/bench/sample_result.h"

#define VALUES 20000

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void lines_agree_with_the_values(void **state)
{
    (void)state;
    static uint64_t values[VALUES];
    struct hist_fine h;
    struct buf text;
    assert_int_equal(hist_fine_init(&h), 0);
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < VALUES; i++) {
        values[i] = sample_ns(i);
        hist_fine_add(&h, values[i]);
    }
    qsort(values, VALUES, sizeof(values[0]), by_size);
    assert_int_equal(hgrm_write(&h, &text), 0);
    struct str line;
    struct str rest = buf_str(&text);
    double before = -1.0;
    unsigned lines = 0;
    while (str_cut(rest, '\n', &line, &rest) && !str_starts(line, STR("#"))) {
        char copy[128] = {0};
        memcpy(copy, line.p, line.n < sizeof(copy) - 1 ? line.n : sizeof(copy) - 1);
        char *end = copy;
        double ms = strtod(copy, &end);
        if (end == copy) {
            continue; /* the heading */
        }
        double share = strtod(end, &end);
        unsigned long count = strtoul(end, &end, 10);
        size_t rank = (size_t)ceil(share * VALUES);
        double exact = (double)values[rank > 0 ? rank - 1 : 0] / 1e6;
        CHECK_ROW(copy, ms >= exact - 0.001 && ms <= exact * 1.004 + 0.001);
        CHECK_ROW(copy, share > before && count >= rank && count <= VALUES);
        before = share;
        lines++;
    }
    assert_true(lines > 30);
    assert_true(before >= 1.0);
    assert_non_null(memmem(buf_str(&text).p, buf_len(&text), "#[Max     =", 11));
    buf_release(&text);
    hist_fine_fini(&h);
}

static void one_value_and_none(void **state)
{
    (void)state;
    struct hgrm_point points[HGRM_POINTS_MAX];
    struct hist_fine h;
    struct buf text;
    assert_int_equal(hist_fine_init(&h), 0);
    buf_init(&text, 1 << 20);
    assert_int_equal(hgrm_points(&h, points), 0);
    assert_int_equal(hgrm_write(&h, &text), 0);
    hist_fine_add(&h, 123456789);
    assert_int_equal(hgrm_points(&h, points), 2);
    assert_int_equal(points[1].value_ns, 123456789);
    assert_true(points[1].percent >= 100.0);
    buf_clear(&text);
    assert_int_equal(hgrm_write(&h, &text), 0);
    CHECK_STR("text of one value", buf_str(&text),
              STR("       Value     Percentile TotalCount 1/(1-Percentile)\n"
                  "\n"
                  "     123.457 0.000000000000          1           1.00\n"
                  "     123.457 1.000000000000          1\n"
                  "#[Mean    =      123.457, StdDeviation   =        0.000]\n"
                  "#[Max     =      123.457, Total count    =            1]\n"
                  "#[Buckets =           33, SubBuckets     =          256]\n"));
    buf_release(&text);
    hist_fine_fini(&h);
}

static void points_are_bounded(void **state)
{
    (void)state;
    struct hgrm_point points[HGRM_POINTS_MAX];
    struct hist_fine h;
    assert_int_equal(hist_fine_init(&h), 0);
    h.bucket[100] = UINT64_C(1) << 62; /* as if so many had been counted */
    h.bucket[5000] = 1;
    h.count = (UINT64_C(1) << 62) + 1;
    h.min_ns = 100;
    h.max_ns = hist_fine_bound_ns(5000);
    size_t n = hgrm_points(&h, points);
    assert_true(n > 2 && n < HGRM_POINTS_MAX);
    assert_int_equal(points[n - 1].value_ns, h.max_ns);
    hist_fine_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_agree_with_the_values),
        cmocka_unit_test(one_value_and_none),
        cmocka_unit_test(points_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
