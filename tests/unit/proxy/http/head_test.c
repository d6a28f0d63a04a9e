/* Methods, phrases, tokens, authorities. */
#include "proxy/http/head.h"
#include "tests/support/check.h"

/* An initializer for a text, which may hold NUL. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

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

static const struct {
    const char *says;
    struct str text;
    const char *host; /* NULL: refused */
    const char *port;
} authorities[] = {
    {"name", TEXT("a"), "a", ""},
    {"name and port", TEXT("a.example:443"), "a.example", "443"},
    {"final dot", TEXT("a.example."), "a.example.", ""},
    {"unreserved", TEXT("a-b_c~d.e"), "a-b_c~d.e", ""},
    {"IPv4", TEXT("127.0.0.1:80"), "127.0.0.1", "80"},
    {"IPv6", TEXT("[::1]"), "[::1]", ""},
    {"IPv6 and port", TEXT("[2001:db8::1]:8443"), "[2001:db8::1]", "8443"},
    {"IPv6 with an IPv4 tail", TEXT("[::ffff:1.2.3.4]:1"), "[::ffff:1.2.3.4]", "1"},
    {"empty port", TEXT("a:"), "a", ""},
    {"IPv6, empty port", TEXT("[::1]:"), "[::1]", ""},
    {"largest port", TEXT("a:65535"), "a", "65535"},
    {"port 0", TEXT("a:0"), "a", "0"},
    {"final dot and port", TEXT("a.example.:443"), "a.example.", "443"},
    {"escaped letter", TEXT("%61.example"), NULL, NULL},
    {"escaped dot", TEXT("a%2eexample"), NULL, NULL},
    {"escaped UTF-8", TEXT("%c3%A9"), NULL, NULL},
    {"two final dots", TEXT("a.example.."), NULL, NULL},
    {"two final dots and port", TEXT("a.example..:443"), NULL, NULL},
    {"empty label", TEXT("a..example"), NULL, NULL},
    {"dot first", TEXT(".example"), NULL, NULL},
    {"dot alone", TEXT("."), NULL, NULL},
    {"dots alone", TEXT(".."), NULL, NULL},
    {"empty", TEXT(""), NULL, NULL},
    {"port alone", TEXT(":80"), NULL, NULL},
    {"port too large", TEXT("a:65536"), NULL, NULL},
    {"port of six digits", TEXT("a:000080"), NULL, NULL},
    {"port with a sign", TEXT("a:+80"), NULL, NULL},
    {"port with a letter", TEXT("a:8x"), NULL, NULL},
    {"two ports", TEXT("a:80:80"), NULL, NULL},
    {"userinfo", TEXT("u@a"), NULL, NULL},
    {"userinfo with password", TEXT("u:p@a"), NULL, NULL},
    {"comma", TEXT("a,b"), NULL, NULL},
    {"semicolon", TEXT("a;b"), NULL, NULL},
    {"quote", TEXT("a\"b"), NULL, NULL},
    {"slash", TEXT("a/b"), NULL, NULL},
    {"question mark", TEXT("a?b"), NULL, NULL},
    {"space", TEXT("a b"), NULL, NULL},
    {"NUL", TEXT("a\0b"), NULL, NULL},
    {"obs-text", TEXT("\xc3\xa9"), NULL, NULL},
    {"escape cut off", TEXT("a%4"), NULL, NULL},
    {"escape that is none", TEXT("a%4g"), NULL, NULL},
    {"escaped NUL", TEXT("a%00"), NULL, NULL},
    {"escaped LF", TEXT("a%0a"), NULL, NULL},
    {"escaped DEL", TEXT("a%7f"), NULL, NULL},
    {"escaped slash", TEXT("a%2fb"), NULL, NULL},
    {"escaped at sign", TEXT("a%40b"), NULL, NULL},
    {"escaped per cent", TEXT("a%25b"), NULL, NULL},
    {"bracket open", TEXT("[::1"), NULL, NULL},
    {"brackets empty", TEXT("[]"), NULL, NULL},
    {"octets behind the bracket", TEXT("[::1]a"), NULL, NULL},
    {"IPv4 in brackets", TEXT("[1.2.3.4]"), NULL, NULL},
    {"IPv6 with a zone", TEXT("[fe80::1%25eth0]"), NULL, NULL},
    {"IPvFuture", TEXT("[v1.a]"), NULL, NULL},
    {"NUL in brackets", TEXT("[::1\0]"), NULL, NULL},
    {"long in brackets", TEXT("[11111111111111111111111111111111111111111111111111]"), NULL, NULL},
    {"IPv6 without brackets", TEXT("2001:db8::1"), NULL, NULL},
};

static void test_authorities(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(authorities); i++) {
        struct str host;
        struct str port;
        bool is_good = http_authority_parse(authorities[i].text, &host, &port);
        CHECK_ROW(authorities[i].says, is_good == (authorities[i].host != NULL));
        CHECK_STR(authorities[i].says, host, str_of(authorities[i].host));
        CHECK_STR(authorities[i].says, port, str_of(authorities[i].port));
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
