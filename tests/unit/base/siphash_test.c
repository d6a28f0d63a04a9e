/* SipHash against the values of its authors' reference implementation. */
#include "base/siphash.h"
#include "tests/support/check.h"

static void test_vectors(void **state)
{
    (void)state;
    /* vectors_sip64: key 00 01 .. 0f, input 00 01 .. of the row's length; the output as a number.
     */
    static const struct {
        size_t n;
        uint64_t hash;
    } rows[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)},  {1, UINT64_C(0x74f839c593dc67fd)},
        {7, UINT64_C(0xab0200f58b01d137)},  {8, UINT64_C(0x93f5f5799a932462)},
        {15, UINT64_C(0xa129ca6149be45e5)}, {63, UINT64_C(0x958a324ceb064572)},
    };
    unsigned char key[SIPHASH_KEY];
    char input[64];
    for (size_t i = 0; i < sizeof(input); i++) {
        input[i] = (char)i;
    }
    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = (unsigned char)i;
    }
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(siphash(key, (struct str){input, rows[i].n}), rows[i].hash);
    }
    assert_int_equal(siphash(key, STR_NONE), rows[0].hash);
}

static void test_key_matters(void **state)
{
    (void)state;
    unsigned char key[SIPHASH_KEY] = {0};
    uint64_t before = siphash(key, STR("a name"));
    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = 1;
        assert_int_not_equal(siphash(key, STR("a name")), before);
        key[i] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_key_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
