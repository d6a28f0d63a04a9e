/* The order of the checks of a head: which reason is told when there are several, and llhttp's
 * veto. */
#include "base/err.h"
#include "proxy/http/h1_head.h"
#include "proxy/http/h1_parse.h"
#include "tests/support/check.h"

/* An initializer for a text, which may hold NUL. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static enum reason reason_of(struct str head)
{
    struct arena a;
    struct http_request q;
    arena_init(&a, 65536);
    enum reason r = h1_head_request(head, &a, 100, &q);
    arena_release(&a);
    return r;
}

static void test_order(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *head;
        enum reason reason;
    } rows[] = {
        {"method before target", "FOO # HTTP/1.1\r\n\r\n", REASON_HTTP_METHOD},
        {"CONNECT before target and Host", "CONNECT # HTTP/1.1\r\n\r\n", REASON_HTTP_CONNECT},
        {"target before Host", "GET # HTTP/1.1\r\n\r\n", REASON_HTTP_TARGET},
        {"look-alike before Host", "GET / HTTP/1.1\r\nContent_Length: 1\r\n\r\n",
         REASON_HTTP_FIELD_NAME},
        {"Host before framing", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
         REASON_HTTP_HOST_MISSING},
        {"both framings before a bad one",
         "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\nTransfer-Encoding: y\r\n\r\n",
         REASON_HTTP_LENGTH_AND_CHUNKED},
        {"framing before Upgrade",
         "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n"
         "Content-Length: x\r\n\r\n",
         REASON_HTTP_CONTENT_LENGTH},
        {"Upgrade before Expect",
         "GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
         REASON_HTTP_UPGRADE},
        {"everything is said of what llhttp would have refused first",
         "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\nHost: b/\r\n\r\n",
         REASON_HTTP_HOST_INVALID},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].says, reason_of(str_of(rows[i].head)) == rows[i].reason);
    }
}

/* Heads that the guard keeps away from here: llhttp refuses them by itself. */
static void test_veto(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str head;
    } rows[] = {
        {"control in a name", TEXT("GET / HTTP/1.1\r\nHost: a\r\nX\x01: b\r\n\r\n")},
        {"NUL in a value", TEXT("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n")},
        {"the end is missing", TEXT("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n")},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].says, reason_of(rows[i].head) == REASON_HTTP_SYNTAX);
    }
    struct arena a;
    struct http_response s;
    arena_init(&a, 65536);
    assert_int_equal(
        h1_head_response(STR("HTTP/1.1 200 OK\r\nX\x01: b\r\n\r\n"), &a, 100, HTTP_METHOD_GET, &s),
        REASON_HTTP_SYNTAX);
    arena_release(&a);
}

/* Two readings of a start line that differ are a refusal. */
static void test_disagreement(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        bool is_response;
        int rc;
        struct str head;
        struct h1_start start;
    } rows[] = {
        {"agreed", false, 0, TEXT("GET /a HTTP/1.1\r\n\r\n"), {TEXT("GET"), TEXT("/a"), 1, 0}},
        {"other method",
         false,
         -ERR_MALFORMED,
         TEXT("GET /a HTTP/1.1\r\n\r\n"),
         {TEXT("PUT"), TEXT("/a"), 1, 0}},
        {"other target",
         false,
         -ERR_MALFORMED,
         TEXT("GET /a HTTP/1.1\r\n\r\n"),
         {TEXT("GET"), TEXT("/b"), 1, 0}},
        {"other version",
         false,
         -ERR_MALFORMED,
         TEXT("GET /a HTTP/1.1\r\n\r\n"),
         {TEXT("GET"), TEXT("/a"), 0, 0}},
        {"agreed, response",
         true,
         0,
         TEXT("HTTP/1.0 200 OK\r\n\r\n"),
         {TEXT(""), TEXT("OK"), 0, 200}},
        {"other status",
         true,
         -ERR_MALFORMED,
         TEXT("HTTP/1.0 200 OK\r\n\r\n"),
         {TEXT(""), TEXT("OK"), 0, 204}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena a;
        struct fields f;
        arena_init(&a, 65536);
        fields_init(&f, &a);
        int rc = h1_parse_head(rows[i].is_response, rows[i].head, &rows[i].start, &f);
        CHECK_ROW(rows[i].says, rc == rows[i].rc);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_veto),
        cmocka_unit_test(test_disagreement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
