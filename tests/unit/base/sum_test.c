/* A sum over octets: other octets, another number. */
#include <string.h>

#include "base/sum.h"
#include "tests/support/check.h"

enum { MOST = 200 };

static char text[MOST];

static void fill(void)
{
    for (size_t i = 0; i < MOST; i++) {
        text[i] = (char)(i * 37);
    }
}

/* One bit turned anywhere, at every length. */
static void test_each_bit_counts(void **state)
{
    (void)state;
    fill();
    for (size_t n = 1; n <= MOST; n++) {
        uint64_t whole = sum_of((struct str){text, n});
        for (size_t bit = 0; bit < n * 8; bit++) {
            text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
            assert_true(sum_of((struct str){text, n}) != whole);
            text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
        }
        assert_true(sum_of((struct str){text, n}) == whole);
    }
}

static void test_each_length_counts(void **state)
{
    (void)state;
    static char zeros[MOST];
    memset(zeros, 0, sizeof(zeros));
    for (size_t n = 0; n < MOST; n++) {
        for (size_t k = 0; k < n; k++) {
            assert_true(sum_of((struct str){zeros, n}) != sum_of((struct str){zeros, k}));
        }
    }
    assert_true(sum_of(STR_NONE) == sum_of((struct str){zeros, 0}));
}

/* Two places that change about: what moves is seen as well as what is new. */
static void test_each_place_counts(void **state)
{
    (void)state;
    fill();
    uint64_t whole = sum_of((struct str){text, MOST});
    for (size_t i = 0; i < MOST; i++) {
        for (size_t k = 0; k < i; k++) {
            char was = text[i];
            text[i] = text[k];
            text[k] = was;
            assert_true(text[i] == text[k] || sum_of((struct str){text, MOST}) != whole);
            text[k] = text[i];
            text[i] = was;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_bit_counts),
        cmocka_unit_test(test_each_length_counts),
        cmocka_unit_test(test_each_place_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
