/* Written forms of numbers: what is read, and that what is printed reads back. */
#include "conf/value.h"
#include "tests/support/check.h"

typedef const char *(*parse_fn)(struct str s, uint64_t *out);

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        parse_fn parse;
        const char *text;
        bool ok;
        uint64_t value;
    } rows[] = {
        {value_count, "0", true, 0},
        {value_count, "18446744073709551615", true, UINT64_MAX},
        {value_count, "", false, 0},
        {value_count, "00", false, 0},
        {value_count, " 1", false, 0},
        {value_count, "+1", false, 0},
        {value_duration, "0s", true, 0},
        {value_duration, "15ms", true, 15},
        {value_duration, "2s", true, 2000},
        {value_duration, "2m", true, 120000},
        {value_duration, "2h", true, 7200000},
        {value_duration, "2d", true, 172800000},
        {value_duration, "2", false, 0},
        {value_duration, "s", false, 0},
        {value_duration, "2S", false, 0},
        {value_duration, "02s", false, 0},
        {value_duration, "213503982335d", false, 0},
        {value_size, "5", true, 5},
        {value_size, "5B", true, 5},
        {value_size, "5KiB", true, 5120},
        {value_size, "5MiB", true, 5242880},
        {value_size, "5GiB", true, 5368709120},
        {value_size, "5K", false, 0},
        {value_size, "5KB", false, 0},
        {value_size, "5 KiB", false, 0},
        {value_size, "17179869184GiB", false, 0},
        {value_mode, "0660", true, 0660},
        {value_mode, "600", true, 0600},
        {value_mode, "60", false, 0},
        {value_mode, "06600", false, 0},
        {value_mode, "0680", false, 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t value = 0;
        CHECK_ROW(rows[i].text,
                  (rows[i].parse(str_of(rows[i].text), &value) == NULL) == rows[i].ok);
        CHECK_ROW(rows[i].text, value == rows[i].value);
    }
}

static void test_printed(void **state)
{
    (void)state;
    static const uint64_t values[] = {0,    1,     999,      1000,    1024,
                                      1500, 60000, 86400000, 1048576, 1073741825};
    for (size_t i = 0; i < ROWS(values); i++) {
        char text[VALUE_TEXT_MAX];
        uint64_t back = 7;
        assert_null(value_duration(str_of(value_duration_text(values[i], text)), &back));
        assert_int_equal(back, values[i]);
        assert_null(value_size(str_of(value_size_text(values[i], text)), &back));
        assert_int_equal(back, values[i]);
    }
    char text[VALUE_TEXT_MAX];
    assert_string_equal(value_duration_text(90000, text), "90s");
    assert_string_equal(value_size_text(65536, text), "64KiB");
}

static void test_bool_and_quote(void **state)
{
    (void)state;
    bool yes = false;
    char text[VALUE_QUOTE_MAX];
    assert_null(value_bool(STR("true"), &yes));
    assert_true(yes);
    assert_null(value_bool(STR("false"), &yes));
    assert_false(yes);
    assert_non_null(value_bool(STR("yes"), &yes));
    assert_non_null(value_bool(STR(""), &yes));
    assert_string_equal(value_quote(STR("a\x1b\xff\xc3\xa4"), text), "\"a??\xc3\xa4\"");
    char large[300];
    memset(large, 'a', sizeof(large));
    struct str shown = str_of(value_quote((struct str){large, sizeof(large)}, text));
    assert_true(shown.n < VALUE_QUOTE_MAX);
    assert_true(str_ends(shown, STR("a...\"")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_printed),
        cmocka_unit_test(test_bool_and_quote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
