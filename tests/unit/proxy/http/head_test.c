/* Methods, phrases, tokens, authorities. */
#include "proxy/http/head.h"
#include "tests/support/check.h"

static void test_methods(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum http_method method;
        bool is_idempotent;
    } rows[] = {
        {"GET", HTTP_METHOD_GET, true},       {"HEAD", HTTP_METHOD_HEAD, true},
        {"POST", HTTP_METHOD_POST, false},    {"PUT", HTTP_METHOD_PUT, true},
        {"DELETE", HTTP_METHOD_DELETE, true}, {"OPTIONS", HTTP_METHOD_OPTIONS, true},
        {"PATCH", HTTP_METHOD_PATCH, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_STR(rows[i].text, http_method_text(rows[i].method), str_of(rows[i].text));
        CHECK_ROW(rows[i].text, http_method_of(str_of(rows[i].text)) == rows[i].method);
        CHECK_ROW(rows[i].text, http_method_is_idempotent(rows[i].method) == rows[i].is_idempotent);
    }
    assert_int_equal(http_method_of(STR("get")), HTTP_METHOD_NONE);
    assert_int_equal(http_method_of(STR("")), HTTP_METHOD_NONE);
    assert_int_equal(http_method_of(STR("CONNECT")), HTTP_METHOD_NONE);
    assert_int_equal(http_method_text(HTTP_METHOD_NONE).n, 0);
    assert_false(http_method_is_idempotent(HTTP_METHOD_NONE));
}

static void test_phrases(void **state)
{
    (void)state;
    CHECK_STR("first", http_status_phrase(100), STR("Continue"));
    CHECK_STR("common", http_status_phrase(200), STR("OK"));
    CHECK_STR("last", http_status_phrase(511), STR("Network Authentication Required"));
    CHECK_STR("unknown", http_status_phrase(299), STR(""));
}

static void test_tokens(void **state)
{
    (void)state;
    assert_true(http_is_token(STR("X-Client-User")));
    assert_true(http_is_token(STR("!#$%&'*+-.^_`|~")));
    assert_false(http_is_token(STR("")));
    assert_false(http_is_token(STR("a b")));
    assert_false(http_is_token(STR("a:")));
    assert_false(http_is_token(STR("a\0")));
    assert_false(http_is_token(STR("\xc3\xa9")));
}

static void test_authorities(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str text;
        const char *host; /* NULL: refused */
        const char *port;
    } rows[] = {
        {"name", {"a", 1}, "a", ""},
        {"name and port", {"a.example:443", 13}, "a.example", "443"},
        {"final dot", {"a.example.", 10}, "a.example.", ""},
        {"unreserved", {"a-b_c~d.e", 9}, "a-b_c~d.e", ""},
        {"IPv4", {"127.0.0.1:80", 12}, "127.0.0.1", "80"},
        {"IPv6", {"[::1]", 5}, "[::1]", ""},
        {"IPv6 and port", {"[2001:db8::1]:8443", 18}, "[2001:db8::1]", "8443"},
        {"IPv6 with an IPv4 tail", {"[::ffff:1.2.3.4]:1", 18}, "[::ffff:1.2.3.4]", "1"},
        {"empty port", {"a:", 2}, "a", ""},
        {"IPv6, empty port", {"[::1]:", 6}, "[::1]", ""},
        {"largest port", {"a:65535", 7}, "a", "65535"},
        {"port 0", {"a:0", 3}, "a", "0"},
        {"escaped letter", {"%61.example", 11}, "%61.example", ""},
        {"escaped UTF-8", {"%c3%A9", 6}, "%c3%A9", ""},
        {"empty", {"", 0}, NULL, NULL},
        {"port alone", {":80", 3}, NULL, NULL},
        {"port too large", {"a:65536", 7}, NULL, NULL},
        {"port of six digits", {"a:000080", 8}, NULL, NULL},
        {"port with a sign", {"a:+80", 5}, NULL, NULL},
        {"port with a letter", {"a:8x", 4}, NULL, NULL},
        {"two ports", {"a:80:80", 7}, NULL, NULL},
        {"userinfo", {"u@a", 3}, NULL, NULL},
        {"userinfo with password", {"u:p@a", 5}, NULL, NULL},
        {"comma", {"a,b", 3}, NULL, NULL},
        {"semicolon", {"a;b", 3}, NULL, NULL},
        {"quote", {"a\"b", 3}, NULL, NULL},
        {"slash", {"a/b", 3}, NULL, NULL},
        {"question mark", {"a?b", 3}, NULL, NULL},
        {"space", {"a b", 3}, NULL, NULL},
        {"NUL", {"a\0b", 3}, NULL, NULL},
        {"obs-text", {"\xc3\xa9", 2}, NULL, NULL},
        {"escape cut off", {"a%4", 3}, NULL, NULL},
        {"escape that is none", {"a%4g", 4}, NULL, NULL},
        {"escaped NUL", {"a%00", 4}, NULL, NULL},
        {"escaped LF", {"a%0a", 4}, NULL, NULL},
        {"escaped DEL", {"a%7f", 4}, NULL, NULL},
        {"escaped slash", {"a%2fb", 5}, NULL, NULL},
        {"escaped at sign", {"a%40b", 5}, NULL, NULL},
        {"escaped per cent", {"a%25b", 5}, NULL, NULL},
        {"bracket open", {"[::1", 4}, NULL, NULL},
        {"brackets empty", {"[]", 2}, NULL, NULL},
        {"octets behind the bracket", {"[::1]a", 6}, NULL, NULL},
        {"IPv4 in brackets", {"[1.2.3.4]", 9}, NULL, NULL},
        {"IPv6 with a zone", {"[fe80::1%25eth0]", 16}, NULL, NULL},
        {"IPvFuture", {"[v1.a]", 6}, NULL, NULL},
        {"NUL in brackets", {"[::1\0]", 6}, NULL, NULL},
        {"long in brackets",
         {"[11111111111111111111111111111111111111111111111111]", 52},
         NULL,
         NULL},
        {"IPv6 without brackets", {"2001:db8::1", 11}, NULL, NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct str host;
        struct str port;
        bool is_good = http_authority_parse(rows[i].text, &host, &port);
        CHECK_ROW(rows[i].says, is_good == (rows[i].host != NULL));
        CHECK_STR(rows[i].says, host, str_of(rows[i].host));
        CHECK_STR(rows[i].says, port, str_of(rows[i].port));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_phrases),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_authorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
