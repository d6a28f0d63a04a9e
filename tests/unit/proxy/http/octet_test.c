/* Every entry of the table of octet classes, derived from the RFCs' wording. */
#include "proxy/http/octet.h"
#include "tests/support/check.h"

static unsigned expected(int c)
{
    bool is_alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    bool is_digit = c >= '0' && c <= '9';
    bool is_visible = c > ' ' && c < 0x7f;
    unsigned classes = 0;
    classes |=
        is_alpha || is_digit || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL) ? OCTET_TOKEN : 0U;
    classes |= c == '\t' || c == ' ' || is_visible || c >= 0x80 ? OCTET_VALUE : 0U;
    classes |= is_visible ? OCTET_VISIBLE : 0U;
    classes |= is_visible && strchr("\"#<>\\^`{|}", c) == NULL ? OCTET_URI : 0U;
    classes |= is_alpha || is_digit || (c != 0 && strchr("-._~", c) != NULL) ? OCTET_HOST : 0U;
    classes |= is_digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ? OCTET_HEX : 0U;
    return classes;
}

static void test_every_octet(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        if (octet_classes[c] != expected(c)) {
            fail_msg("octet 0x%02x: 0x%02x, expected 0x%02x", (unsigned)c, octet_classes[c],
                     expected(c));
        }
    }
}

static void test_hex(void **state)
{
    (void)state;
    static const char digits[] = "0123456789abcdef";
    static const char upper[] = "0123456789ABCDEF";
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(octet_hex(digits[i]), i);
        assert_int_equal(octet_hex(upper[i]), i);
    }
}

/* Each octet at each place of a text long enough for the eight-at-a-time search. */
static void test_value_len(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        for (size_t at = 0; at < 27; at++) {
            char text[27];
            memset(text, c % 2 == 0 ? '\t' : '\xe4', sizeof(text));
            text[at] = (char)c;
            size_t wanted = octet_is((char)c, OCTET_VALUE) ? sizeof(text) : at;
            assert_int_equal(octet_value_len((struct str){text, sizeof(text)}), wanted);
        }
    }
    assert_int_equal(octet_value_len(STR_NONE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_octet),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_value_len),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
