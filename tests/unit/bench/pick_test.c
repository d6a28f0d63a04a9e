/* Which client comes next. */
#include <math.h>

#include "base/mem.h"
#include "bench/pick.h"
#include "tests/support/check.h"

static void test_round_robin(void **state)
{
    (void)state;
    struct options o = {.threads = 3, .pick = PICK_ROUND_ROBIN};
    static const size_t begin[] = {0, 3, 6, 10};
    struct lot l;
    lot_init(&l, 1, 0);
    for (size_t thread = 0; thread < 3; thread++) {
        struct pick p;
        pick_init(&p, &o, 10, NULL, thread);
        for (size_t i = 0; i < 25; i++) {
            size_t part = begin[thread + 1] - begin[thread];
            assert_int_equal(pick_next(&p, &l), begin[thread] + i % part);
        }
    }
}

static void test_round_robin_of_few(void **state)
{
    (void)state;
    struct options o = {.threads = 5, .pick = PICK_ROUND_ROBIN};
    struct lot l;
    lot_init(&l, 1, 0);
    for (size_t thread = 0; thread < 5; thread++) {
        struct pick p;
        pick_init(&p, &o, 3, NULL, thread);
        for (size_t i = 0; i < 7; i++) {
            assert_int_equal(pick_next(&p, &l), (thread + i) % 3);
        }
    }
}

static void test_random(void **state)
{
    (void)state;
    enum { N = 10, DRAWS = 100000 };
    struct options o = {.threads = 1, .pick = PICK_RANDOM};
    size_t counts[N] = {0};
    struct pick p;
    struct lot l;
    lot_init(&l, 3, 0);
    pick_init(&p, &o, N, NULL, 0);
    for (size_t i = 0; i < DRAWS; i++) {
        counts[pick_next(&p, &l)]++;
    }
    for (size_t i = 0; i < N; i++) {
        assert_true(fabs((double)counts[i] * N / DRAWS - 1.0) < 0.05);
    }
}

static void test_zipf(void **state)
{
    (void)state;
    enum { N = 1000, DRAWS = 200000 };
    static const double exponents[] = {0.5, 1.0, 2.0};
    for (size_t e = 0; e < ROWS(exponents); e++) {
        struct options o = {.threads = 1, .pick = PICK_ZIPF, .zipf = exponents[e]};
        static size_t counts[N];
        memset(counts, 0, sizeof(counts));
        double sum = 0.0;
        struct pick p;
        struct lot l;
        double *table = pick_zipf_table(N, exponents[e]);
        assert_non_null(table);
        assert_true(fabs(table[N - 1] - 1.0) < 1e-12);
        lot_init(&l, 5, e);
        pick_init(&p, &o, N, table, 0);
        for (size_t i = 0; i < DRAWS; i++) {
            size_t one = pick_next(&p, &l);
            assert_true(one < N);
            counts[one]++;
        }
        for (size_t i = 1; i <= N; i++) {
            sum += pow((double)i, -exponents[e]);
        }
        for (size_t i = 0; i < 5; i++) {
            double wanted = pow((double)(i + 1), -exponents[e]) / sum * DRAWS;
            assert_true(fabs((double)counts[i] - wanted) < 5.0 * sqrt(wanted) + 1.0);
        }
        mem_free(table);
    }
    mem_fail_after(1, true);
    assert_null(pick_zipf_table(N, 1.0));
    mem_fail_after(0, false);
}

static void test_one_client(void **state)
{
    (void)state;
    static const enum options_pick hows[] = {PICK_ROUND_ROBIN, PICK_RANDOM, PICK_ZIPF};
    const double table[] = {1.0};
    for (size_t i = 0; i < ROWS(hows); i++) {
        struct options o = {.threads = 4, .pick = hows[i]};
        struct pick p;
        struct lot l;
        lot_init(&l, 1, 0);
        pick_init(&p, &o, 1, table, 3);
        assert_int_equal(pick_next(&p, &l), 0);
        assert_int_equal(pick_next(&p, &l), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_robin), cmocka_unit_test(test_round_robin_of_few),
        cmocka_unit_test(test_random),      cmocka_unit_test(test_zipf),
        cmocka_unit_test(test_one_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
