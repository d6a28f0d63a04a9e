/* What is written, octet for octet; that the reader reads the same; that nothing is written that a
 * guard would refuse. */
#include "base/err.h"
#include "base/mem.h"
#include "proxy/http/h1_reader.h"
#include "proxy/http/h1_write.h"
#include "tests/support/check.h"

/* An initializer for a text, which may hold NUL. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 65536);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct fields some_fields(void)
{
    static const char *const names[] = {
        "X-A", "host", "Content-length", "X-A", "CONNECTION", "transfer-encoding", "Empty"};
    static const char *const values[] = {"1", "evil", "99", "\xc3\xa9 2", "close", "gzip", ""};
    struct fields f;
    fields_init(&f, &arena);
    for (size_t i = 0; i < ROWS(names); i++) {
        assert_int_equal(fields_add(&f, str_of(names[i]), str_of(values[i])), 0);
    }
    return f;
}

#define FIELDS "X-A: 1\r\nX-A: \xc3\xa9 2\r\nEmpty: \r\n"

static void test_requests(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        enum http_framing framing;
        uint64_t length;
        const char *text;
    } rows[] = {
        {"no body", HTTP_FRAMING_NONE, 7, "PUT /a?b HTTP/1.1\r\nHost: h:1\r\n" FIELDS "\r\n"},
        {"length 0", HTTP_FRAMING_LENGTH, 0,
         "PUT /a?b HTTP/1.1\r\nHost: h:1\r\n" FIELDS "Content-Length: 0\r\n\r\n"},
        {"largest length", HTTP_FRAMING_LENGTH, UINT64_MAX,
         "PUT /a?b HTTP/1.1\r\nHost: h:1\r\n" FIELDS
         "Content-Length: 18446744073709551615\r\n\r\n"},
        {"chunks", HTTP_FRAMING_CHUNKED, 0,
         "PUT /a?b HTTP/1.1\r\nHost: h:1\r\n" FIELDS "Transfer-Encoding: chunked\r\n\r\n"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf out;
        struct http_request q = {.method = HTTP_METHOD_PUT,
                                 .target = STR("/a?b"),
                                 .authority = STR("h:1"),
                                 .framing = rows[i].framing,
                                 .length = rows[i].length,
                                 .fields = some_fields()};
        buf_init(&out, 1024);
        assert_int_equal(h1_write_request(&out, &q), 0);
        CHECK_STR(rows[i].says, buf_str(&out), str_of(rows[i].text));
        buf_release(&out);
    }
}

static void test_responses(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        unsigned status;
        enum http_framing framing;
        uint64_t length;
        bool keep_alive;
        unsigned client_minor;
        const char *text;
    } rows[] = {
        {"length", 200, HTTP_FRAMING_LENGTH, 5, true, 1,
         "HTTP/1.1 200 P\r\n" FIELDS "Content-Length: 5\r\n\r\n"},
        {"chunks, close", 200, HTTP_FRAMING_CHUNKED, 0, false, 1,
         "HTTP/1.1 200 P\r\n" FIELDS "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"},
        {"until the end always says close", 200, HTTP_FRAMING_CLOSE, 0, true, 1,
         "HTTP/1.1 200 P\r\n" FIELDS "Connection: close\r\n\r\n"},
        {"a client of HTTP/1.0 that is kept", 200, HTTP_FRAMING_LENGTH, 5, true, 0,
         "HTTP/1.1 200 P\r\n" FIELDS "Content-Length: 5\r\nConnection: keep-alive\r\n\r\n"},
        {"a client of HTTP/1.0 that is not", 200, HTTP_FRAMING_LENGTH, 5, false, 0,
         "HTTP/1.1 200 P\r\n" FIELDS "Content-Length: 5\r\nConnection: close\r\n\r\n"},
        {"no body, to HEAD", 200, HTTP_FRAMING_NONE, 0, true, 1,
         "HTTP/1.1 200 P\r\n" FIELDS "\r\n"},
        {"204 never has a framing", 204, HTTP_FRAMING_LENGTH, 5, true, 1,
         "HTTP/1.1 204 P\r\n" FIELDS "\r\n"},
        {"204 never has chunks", 204, HTTP_FRAMING_CHUNKED, 0, true, 1,
         "HTTP/1.1 204 P\r\n" FIELDS "\r\n"},
        {"304 repeats a length", 304, HTTP_FRAMING_LENGTH, 5, true, 1,
         "HTTP/1.1 304 P\r\n" FIELDS "Content-Length: 5\r\n\r\n"},
        {"304 has no chunks", 304, HTTP_FRAMING_CHUNKED, 0, true, 1,
         "HTTP/1.1 304 P\r\n" FIELDS "\r\n"},
        {"103 has neither framing nor Connection", 103, HTTP_FRAMING_LENGTH, 5, false, 1,
         "HTTP/1.1 103 P\r\n" FIELDS "\r\n"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf out;
        struct http_response s = {.status = rows[i].status,
                                  .phrase = STR("P"),
                                  .framing = rows[i].framing,
                                  .length = rows[i].length,
                                  .keep_alive = rows[i].keep_alive,
                                  .fields = some_fields()};
        buf_init(&out, 1024);
        assert_int_equal(h1_write_response(&out, &s, rows[i].client_minor), 0);
        CHECK_STR(rows[i].says, buf_str(&out), str_of(rows[i].text));
        buf_release(&out);
    }
}

/* What is written is read as the same head again. */
static void test_round_trip(void **state)
{
    (void)state;
    static const struct h1_limits limits = {4096, 32, 1024, 64, 512, UINT64_MAX};
    struct buf out;
    size_t used = 0;
    struct http_request q = {.method = HTTP_METHOD_PATCH,
                             .target = STR("/x?y=%41"),
                             .authority = STR("[::1]:8"),
                             .framing = HTTP_FRAMING_CHUNKED,
                             .fields = some_fields()};
    struct fields trailers;
    fields_init(&trailers, &arena);
    assert_int_equal(fields_add(&trailers, STR("X-T"), STR("v")), 0);
    buf_init(&out, 4096);
    assert_int_equal(h1_write_request(&out, &q), 0);
    assert_int_equal(h1_write_chunk_begin(&out, 26), 0);
    assert_int_equal(buf_append(&out, STR("abcdefghijklmnopqrstuvwxyz")), 0);
    assert_int_equal(h1_write_chunk_end(&out), 0);
    assert_int_equal(h1_write_last_chunk(&out, &trailers), 0);
    struct h1_reader *r = h1_reader_new(false, &limits);
    struct str rest = buf_str(&out);
    h1_reader_begin(r, &arena, HTTP_METHOD_NONE);
    assert_int_equal(h1_reader_next(r, rest, &used), H1_HEAD);
    rest = str_slice(rest, used, rest.n);
    const struct http_request *got = h1_reader_request(r);
    assert_int_equal(got->method, q.method);
    CHECK_STR("target", got->target, q.target);
    CHECK_STR("authority", got->authority, q.authority);
    assert_int_equal(got->fields.n, 5);
    CHECK_STR("value", got->fields.v[2].value, STR("\xc3\xa9 2"));
    assert_int_equal(h1_reader_next(r, rest, &used), H1_BODY);
    CHECK_STR("body", h1_reader_body(r), STR("abcdefghijklmnopqrstuvwxyz"));
    rest = str_slice(rest, used, rest.n);
    assert_int_equal(h1_reader_next(r, rest, &used), H1_END);
    assert_int_equal(used, rest.n);
    assert_int_equal(h1_reader_trailers(r)->n, 1);
    h1_reader_free(r);
    buf_release(&out);
}

static void test_last_chunk(void **state)
{
    (void)state;
    struct buf out;
    struct fields none;
    buf_init(&out, 64);
    fields_init(&none, &arena);
    assert_int_equal(h1_write_last_chunk(&out, NULL), 0);
    assert_int_equal(h1_write_last_chunk(&out, &none), 0);
    CHECK_STR("no trailers", buf_str(&out), STR("0\r\n\r\n0\r\n\r\n"));
    buf_release(&out);
}

/* A field, a target or a phrase that could end the line, or hide in it. */
static void test_refuses_to_inject(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str name;
        struct str value;
        struct str target;
        struct str authority;
    } rows[] = {
        {"CRLF in a value", TEXT("X"), TEXT("a\r\nY: b"), TEXT("/"), TEXT("a")},
        {"LF in a value", TEXT("X"), TEXT("a\nb"), TEXT("/"), TEXT("a")},
        {"CR in a value", TEXT("X"), TEXT("a\r"), TEXT("/"), TEXT("a")},
        {"NUL in a value", TEXT("X"), TEXT("a\0"), TEXT("/"), TEXT("a")},
        {"colon in a name", TEXT("X:"), TEXT("a"), TEXT("/"), TEXT("a")},
        {"empty name", TEXT(""), TEXT("a"), TEXT("/"), TEXT("a")},
        {"space in the target", TEXT("X"), TEXT("a"), TEXT("/ HTTP/1.1"), TEXT("a")},
        {"empty target", TEXT("X"), TEXT("a"), TEXT(""), TEXT("a")},
        {"CRLF in the authority", TEXT("X"), TEXT("a"), TEXT("/"), TEXT("a\r\nb")},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf out;
        struct http_request q = {
            .method = HTTP_METHOD_GET, .target = rows[i].target, .authority = rows[i].authority};
        buf_init(&out, 1024);
        fields_init(&q.fields, &arena);
        assert_int_equal(fields_add(&q.fields, rows[i].name, rows[i].value), 0);
        CHECK_ROW(rows[i].says, h1_write_request(&out, &q) == -ERR_MALFORMED);
        CHECK_ROW(rows[i].says, buf_len(&out) == 0);
        buf_release(&out);
    }
    struct buf out;
    struct http_response s = {.status = 200, .phrase = STR("O\nK")};
    struct http_request q = {.target = STR("/"), .authority = STR("a")};
    buf_init(&out, 1024);
    assert_int_equal(h1_write_response(&out, &s, 1), -ERR_MALFORMED);
    s = (struct http_response){.status = 99};
    assert_int_equal(h1_write_response(&out, &s, 1), -ERR_MALFORMED);
    s = (struct http_response){.status = 600};
    assert_int_equal(h1_write_response(&out, &s, 1), -ERR_MALFORMED);
    s = (struct http_response){.status = 200, .framing = HTTP_FRAMING_CHUNKED};
    assert_int_equal(h1_write_response(&out, &s, 0), -ERR_INTERNAL);
    assert_int_equal(h1_write_request(&out, &q), -ERR_MALFORMED);
    assert_int_equal(buf_len(&out), 0);
    buf_release(&out);
}

/* All or nothing: at the cap, one below it, and without memory. */
static void test_room(void **state)
{
    (void)state;
    struct buf out;
    struct http_response s = {.status = 200,
                              .phrase = STR("OK"),
                              .keep_alive = true,
                              .framing = HTTP_FRAMING_LENGTH,
                              .fields = some_fields()};
    size_t n = sizeof("HTTP/1.1 200 OK\r\n" FIELDS "Content-Length: 0\r\n\r\n") - 1;
    buf_init(&out, n);
    assert_int_equal(h1_write_response(&out, &s, 1), 0);
    assert_int_equal(buf_len(&out), n);
    buf_release(&out);
    buf_init(&out, n - 1);
    assert_int_equal(h1_write_response(&out, &s, 1), -ERR_FULL);
    assert_int_equal(buf_len(&out), 0);
    buf_init(&out, n);
    mem_fail_after(1, true);
    assert_int_equal(h1_write_response(&out, &s, 1), -ERR_NOMEM);
    mem_fail_after(0, false);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),          cmocka_unit_test(test_responses),
        cmocka_unit_test(test_round_trip),        cmocka_unit_test(test_last_chunk),
        cmocka_unit_test(test_refuses_to_inject), cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
