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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_octet),
        cmocka_unit_test(test_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
