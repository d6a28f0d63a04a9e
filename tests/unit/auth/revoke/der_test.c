/* What is DER, and what only looks like it. */
#include <stdlib.h>

#include "auth/revoke/der.h"
#include "tests/support/check.h"

static void test_refused(void **state)
{
    (void)state;
    const struct {
        const char *says;
        struct str text;
    } rows[] = {
        {"nothing", STR("")},
        {"a tag alone", STR("\x30")},
        {"a tag of several octets", STR("\x3f\x21\x00")},
        {"content cut short", STR("\x04\x02z")},
        {"an indefinite length", STR("\x30\x80\x00\x00")},
        {"a length in two octets that fits in one", STR("\x04\x81\x01z")},
        {"a length with a zero in front", STR("\x04\x82\x00\x80")},
        {"a length without its octets", STR("\x04\x82\x01")},
        {"a length of five octets", STR("\x04\x85\x01\x00\x00\x00\x00z")},
        {"the longest length", STR("\x04\x84\xff\xff\xff\xffz")},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct str rest = rows[i].text;
        struct der value;
        CHECK_ROW(rows[i].says, !der_next(&rest, &value));
        CHECK_STR(rows[i].says, rest, rows[i].text);
    }
}

static void test_taken(void **state)
{
    (void)state;
    struct str rest = STR("\x02\x01\x07\x04\x00\x05\x00!");
    struct der value = {.body = STR_NONE};
    assert_false(der_take(&rest, DER_SEQUENCE, &value));
    assert_true(der_take(&rest, DER_INTEGER, &value));
    CHECK_STR("body", value.body, STR("\x07"));
    CHECK_STR("whole", value.whole, STR("\x02\x01\x07"));
    assert_true(der_next(&rest, &value));
    assert_int_equal(value.tag, DER_OCTET_STRING);
    assert_int_equal(value.body.n, 0);
    assert_false(der_take(&rest, DER_INTEGER, &value));
    assert_int_equal(value.tag, DER_OCTET_STRING);
    assert_int_equal(rest.n, 3);
}

/* What der_header() writes, der_next() reads. */
static void test_lengths(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000};
    for (size_t i = 0; i < ROWS(lengths); i++) {
        unsigned char *octets = calloc(1, lengths[i] + DER_HEADER_MAX);
        assert_non_null(octets);
        size_t n = der_header(DER_SEQUENCE, lengths[i], octets) + lengths[i];
        struct str rest = {(const char *)octets, n};
        struct der value;
        assert_true(der_take(&rest, DER_SEQUENCE, &value));
        assert_int_equal(value.body.n, lengths[i]);
        assert_int_equal(rest.n, 0);
        rest = (struct str){(const char *)octets, n - 1};
        assert_false(der_next(&rest, &value));
        free(octets);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
