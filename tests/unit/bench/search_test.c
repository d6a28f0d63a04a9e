/* The search for the highest rate: against objectives that fail from a known rate on. */
#include <math.h>

#include "bench/search.h"
#include "tests/support/check.h"

static const struct {
    const char *says;
    double start, truth; /* rates up to truth meet it */
    bool converges;
} rows[] = {
    {"never met", 100.0, 0.0, false},    {"always met", 100.0, 1e12, false},
    {"begun below", 10.0, 7321.0, true}, {"begun above", 100000.0, 7321.0, true},
    {"begun at it", 500.0, 500.0, true}, {"slow", 3.0, 2.0, true},
};

static void test_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct search s;
        search_init(&s, rows[i].start);
        while (search_tell(&s, s.rate <= rows[i].truth)) {
            CHECK_ROW(rows[i].says, s.rate > 0.0);
        }
        CHECK_ROW(rows[i].says, s.steps <= SEARCH_STEPS_MAX);
        CHECK_ROW(rows[i].says, search_converged(&s) == rows[i].converges);
        if (rows[i].converges) {
            CHECK_ROW(rows[i].says, s.low <= rows[i].truth && s.high > rows[i].truth);
            CHECK_ROW(rows[i].says, s.high / s.low <= SEARCH_CLOSE);
        }
    }
}

static void test_one_slow_moment(void **state)
{
    (void)state;
    struct search s;
    search_init(&s, 100.0);
    assert_true(search_tell(&s, true));
    assert_true(search_tell(&s, false));
    assert_true(s.rate == 200.0); /* again */
    assert_true(search_tell(&s, true));
    assert_true(s.rate == 400.0 && s.low == 200.0 && s.high == 0.0);
    assert_true(search_tell(&s, false));
    assert_true(search_tell(&s, false));
    assert_true(s.high == 400.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_one_slow_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
