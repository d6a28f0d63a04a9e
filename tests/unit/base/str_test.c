/* Spans: comparison, cutting, numbers, UTF-8, controls. */
#include "base/str.h"
#include "tests/support/check.h"

static void test_equality(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str a;
        struct str b;
        bool eq;
        bool ieq;
    } rows[] = {
        {"no span and an empty span are equal", {NULL, 0}, {"", 0}, true, true},
        {"letters fold", {"HoSt", 4}, {"hOsT", 4}, false, true},
        {"only letters fold: @ is not `", {"@", 1}, {"`", 1}, false, false},
        {"only letters fold: [ is not {", {"[", 1}, {"{", 1}, false, false},
        {"octets past ASCII do not fold", {"\xc4", 1}, {"\xe4", 1}, false, false},
        {"length counts", {"ab", 2}, {"abc", 3}, false, false},
        {"a NUL ends nothing", {"a\0b", 3}, {"a\0c", 3}, false, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].says, str_eq(rows[i].a, rows[i].b) == rows[i].eq);
        CHECK_ROW(rows[i].says, str_ieq(rows[i].a, rows[i].b) == rows[i].ieq);
    }
}

static void test_order(void **state)
{
    (void)state;
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("b"), STR("a")) > 0);
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("ab"), STR("a")) > 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
}

static void test_parts(void **state)
{
    (void)state;
    assert_true(str_starts(STR("unix:/x"), STR("unix:")));
    assert_false(str_starts(STR("uni"), STR("unix")));
    assert_true(str_starts(STR_NONE, STR("")));
    assert_true(str_ends(STR("a.example"), STR(".example")));
    assert_false(str_ends(STR("example"), STR(".example")));
    assert_int_equal(str_chr(STR("abcb"), 'b'), 1);
    assert_true(str_chr(STR("abc"), 'x') == STR_NPOS);
    assert_true(str_chr(STR_NONE, 'x') == STR_NPOS);
    CHECK_STR("clamped at the end", str_slice(STR("abc"), 1, 99), STR("bc"));
    CHECK_STR("from past to", str_slice(STR("abc"), 3, 1), STR(""));
    CHECK_STR("both past the end", str_slice(STR("abc"), 9, 9), STR(""));
    CHECK_STR("OWS at both ends", str_trim(STR(" \ta b\t ")), STR("a b"));
    CHECK_STR("only OWS", str_trim(STR(" \t ")), STR(""));
    CHECK_STR("no OWS but a line end", str_trim(STR("\ra\n")), STR("\ra\n"));
}

static void test_cut(void **state)
{
    (void)state;
    struct str head;
    struct str rest;
    assert_true(str_cut(STR("a:b:c"), ':', &head, &rest));
    CHECK_STR("cut at the first", head, STR("a"));
    CHECK_STR("the rest keeps the others", rest, STR("b:c"));
    assert_false(str_cut(STR("abc"), ':', &head, &rest));
    CHECK_STR("nothing to cut", head, STR("abc"));
    CHECK_STR("nothing left", rest, STR(""));
    assert_true(str_cut(STR(":"), ':', &head, &rest));
    CHECK_STR("empty head", head, STR(""));
    CHECK_STR("empty rest", rest, STR(""));
    struct str both = STR("x,y");
    assert_true(str_cut(both, ',', &both, &rest));
    CHECK_STR("head may be the span itself", both, STR("x"));
    CHECK_STR("and the rest is right", rest, STR("y"));
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str in;
        bool ok;
        uint64_t value;
    } rows[] = {
        {"nothing", {"", 0}, false, 0},
        {"a sign", {"+1", 2}, false, 0},
        {"a minus", {"-1", 2}, false, 0},
        {"a blank before", {" 1", 2}, false, 0},
        {"a blank behind", {"1 ", 2}, false, 0},
        {"hexadecimal", {"0x1", 3}, false, 0},
        {"a NUL behind", {"1\0", 2}, false, 0},
        {"zero", {"0", 1}, true, 0},
        {"leading zeros", {"007", 3}, true, 7},
        {"the largest", {"18446744073709551615", 20}, true, UINT64_MAX},
        {"one more than the largest", {"18446744073709551616", 20}, false, 0},
        {"ten times more", {"184467440737095516150", 21}, false, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t value = 0;
        CHECK_ROW(rows[i].says, str_to_u64(rows[i].in, &value) == rows[i].ok);
        CHECK_ROW(rows[i].says, value == rows[i].value);
    }
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *in;
        bool ok;
    } rows[] = {
        {"a lone continuation", "\x80", false},
        {"cut off after one of two", "\xc3", false},
        {"cut off after two of three", "\xe2\x82", false},
        {"cut off after three of four", "\xf0\x9f\x98", false},
        {"overlong slash in two", "\xc0\xaf", false},
        {"overlong in two, c1", "\xc1\xbf", false},
        {"overlong in three", "\xe0\x9f\xbf", false},
        {"overlong in four", "\xf0\x8f\xbf\xbf", false},
        {"surrogate U+D800", "\xed\xa0\x80", false},
        {"surrogate U+DFFF", "\xed\xbf\xbf", false},
        {"past U+10FFFF", "\xf4\x90\x80\x80", false},
        {"f5 begins nothing", "\xf5\x80\x80\x80", false},
        {"Latin-1 a-umlaut", "M\xe4rz", false},
        {"bad third octet", "\xe2\x82\x41", false},
        {"bad fourth octet", "\xf0\x9f\x98\x41", false},
        {"ASCII", "abc", true},
        {"nothing", "", true},
        {"two octets, lowest", "\xc2\x80", true},
        {"three octets, lowest", "\xe0\xa0\x80", true},
        {"below the surrogates", "\xed\x9f\xbf", true},
        {"above the surrogates", "\xee\x80\x80", true},
        {"four octets, lowest", "\xf0\x90\x80\x80", true},
        {"U+10FFFF", "\xf4\x8f\xbf\xbf", true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].says, str_is_utf8(str_of(rows[i].in)) == rows[i].ok);
    }
}

static void test_controls(void **state)
{
    (void)state;
    assert_true(str_has_control((struct str){"a\0b", 3}));
    assert_true(str_has_control(STR("\t")));
    assert_true(str_has_control(STR("a\x1f")));
    assert_true(str_has_control(STR("\x7f")));
    assert_true(str_has_control(STR("x\xc2\x85")));
    assert_true(str_has_control(STR("\xc2\x9f")));
    assert_false(str_has_control(STR("\xc2\xa0")));
    assert_false(str_has_control(STR("a b~\xc3\xa4")));
    assert_false(str_has_control(STR("\xc2")));
    assert_false(str_has_control(STR_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equality), cmocka_unit_test(test_order),
        cmocka_unit_test(test_parts),    cmocka_unit_test(test_cut),
        cmocka_unit_test(test_numbers),  cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_controls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
