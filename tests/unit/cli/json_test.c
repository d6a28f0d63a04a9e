/* Walking the JSON of a running countersign; what is no JSON is nothing. */
#include "cli/json.h"
#include "tests/support/check.h"

static void kinds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum json_kind kind;
    } rows[] = {
        {"{}", JSON_OBJECT},
        {" [1, 2] ", JSON_ARRAY},
        {"\"a\\\"b\"", JSON_STRING},
        {"-17.5e+3", JSON_OTHER},
        {"true", JSON_OTHER},
        {"", JSON_NONE},
        {"  ", JSON_NONE},
        {"{", JSON_NONE},
        {"{]", JSON_NONE},
        {"[1", JSON_NONE},
        {"\"a", JSON_NONE},
        {"\"a\\\"", JSON_NONE},
        {"{} x", JSON_NONE},
        {"{\"a\":\"}", JSON_NONE},
        {"]", JSON_NONE},
        {"[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", JSON_ARRAY},
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", JSON_NONE},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].text, json_value(str_of(rows[i].text)).kind == rows[i].kind);
    }
}

static void members(void **state)
{
    (void)state;
    struct json whole = json_value(
        STR("{\"a\":1, \"b\" : [10,\"x,]\",{\"a\":2}],\n\"c\":{\"d\":\"e\"},\"f\":null}"));
    CHECK_STR("number", json_member(&whole, STR("a")).text, STR("1"));
    struct json list = json_member(&whole, STR("b"));
    CHECK_STR("list", list.text, STR("[10,\"x,]\",{\"a\":2}]"));
    CHECK_STR("last", json_member(&whole, STR("f")).text, STR("null"));
    assert_int_equal(json_member(&whole, STR("d")).kind, JSON_NONE);
    size_t at = 0;
    struct str key;
    struct json value;
    static const char *const values[] = {"10", "\"x,]\"", "{\"a\":2}"};
    for (size_t i = 0; i < ROWS(values); i++) {
        assert_true(json_next(&list, &at, &key, &value));
        CHECK_STR("value", value.text, str_of(values[i]));
        CHECK_STR("no name", key, STR(""));
    }
    assert_false(json_next(&list, &at, &key, &value));
}

static void empty_and_broken(void **state)
{
    (void)state;
    static const char *const rows[] = {"{}", "[]", "[ ]", "{\"a\"}", "{\"a\":}", "{a:1}", "17"};
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t at = 0;
        struct str key;
        struct json value;
        struct json whole = json_value(str_of(rows[i]));
        CHECK_ROW(rows[i], !json_next(&whole, &at, &key, &value));
    }
}

static void texts(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *text;
    } rows[] = {
        {"\"plain\"", "plain"},
        {"\"a\\\"b\\\\c\\/d\"", "a\"b\\c/d"},
        {"\"two\\nlines\"", "two\nlines"},
        {"\"\\u0041\"", "A"},
        {"\"\\u001b[31m\"", "?[31m"},
        {"\"\\u00e4\"", "?"},
        {"\"\\b\\u12\"", "??12"},
        {"\"\x1b[2J\"", "?[2J"},
        {"\"\xc3\xa4\"", "\xc3\xa4"},
        {"17", "17"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf out;
        struct json value = json_value(str_of(rows[i].json));
        buf_init(&out, 256);
        assert_int_equal(json_text(&value, &out), 0);
        CHECK_STR(rows[i].json, buf_str(&out), str_of(rows[i].text));
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(members),
        cmocka_unit_test(empty_and_broken),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
