/* The reader's bounds, its life over several messages, and what it does without memory. */
#include "tests/unit/proxy/http/drive.h"

enum { SIZE = 4096 };

static void fill(char *p, size_t n, char c)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = c;
    }
}

static enum reason reason_of(struct str input, const struct h1_limits *limits, bool is_response)
{
    struct drive_result d;
    struct drive how = {.is_response = is_response, .limits = limits, .input = input};
    drive_all_ways(how, &d, "limits");
    enum reason r = d.reason;
    buf_release(&d.log);
    return r;
}

/* Each bound: exactly at it is let in, one over is refused. */
static void test_head_bytes(void **state)
{
    (void)state;
    struct h1_limits limits = drive_limits;
    struct str head = STR("\r\nGET / HTTP/1.1\r\nHost: a\r\nX: 0123456789\r\n\r\n");
    limits.head_bytes = (uint32_t)head.n;
    assert_int_equal(reason_of(head, &limits, false), REASON_OK);
    limits.head_bytes--;
    assert_int_equal(reason_of(head, &limits, false), REASON_HTTP_HEAD_TOO_LARGE);
    struct str status = STR("HTTP/1.1 204 No Content\r\nX: 0123456789\r\n\r\n");
    limits.head_bytes = (uint32_t)status.n;
    assert_int_equal(reason_of(status, &limits, true), REASON_OK);
    limits.head_bytes--;
    assert_int_equal(reason_of(status, &limits, true), REASON_HTTP_HEAD_TOO_LARGE);
}

static void test_endless_head(void **state)
{
    (void)state;
    char endless[2 * SIZE];
    static const char *const starts[] = {"", "GET /",
                                         "GET / HTTP/1.1\r\nHost: ", "GET / HTTP/1.1\r\n"};
    struct h1_limits limits = drive_limits;
    limits.target_bytes = UINT32_MAX;
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        fill(endless, sizeof(endless), 'a');
        memcpy(endless, starts[i], strlen(starts[i]));
        struct str input = {endless, sizeof(endless)};
        assert_int_equal(reason_of(input, &limits, false), REASON_HTTP_HEAD_TOO_LARGE);
    }
}

static void test_field_count(void **state)
{
    (void)state;
    struct h1_limits limits = drive_limits;
    struct str head = STR("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\n\r\n");
    limits.field_count = 3;
    assert_int_equal(reason_of(head, &limits, false), REASON_OK);
    limits.field_count = 2;
    assert_int_equal(reason_of(head, &limits, false), REASON_HTTP_FIELDS_TOO_MANY);
    struct str body = STR("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n");
    limits.field_count = 3;
    assert_int_equal(reason_of(body, &limits, false), REASON_OK);
    limits.field_count = 2;
    assert_int_equal(reason_of(body, &limits, false), REASON_HTTP_TRAILER);
}

static void test_target_bytes(void **state)
{
    (void)state;
    struct h1_limits limits = drive_limits;
    struct str head = STR("GET /12345678 HTTP/1.1\r\nHost: a\r\n\r\n");
    limits.target_bytes = 9;
    assert_int_equal(reason_of(head, &limits, false), REASON_OK);
    limits.target_bytes = 8;
    assert_int_equal(reason_of(head, &limits, false), REASON_HTTP_TARGET_TOO_LONG);
}

static void test_trailer_bytes(void **state)
{
    (void)state;
    struct h1_limits limits = drive_limits;
    struct str input = STR("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "0\r\nX: 12345\r\n\r\n");
    limits.trailer_bytes = sizeof("X: 12345\r\n\r\n") - 1;
    assert_int_equal(reason_of(input, &limits, false), REASON_OK);
    limits.trailer_bytes--;
    assert_int_equal(reason_of(input, &limits, false), REASON_HTTP_TRAILER);
}

/* The size line's bound counts its CRLF, and for each line anew. */
static void test_chunk_line_bytes(void **state)
{
    (void)state;
    struct h1_limits limits = drive_limits;
    struct str input = STR("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "1;ab\r\nx\r\n1;ab\r\ny\r\n0;ab\r\n\r\n");
    limits.chunk_line_bytes = sizeof("1;ab\r\n") - 1;
    assert_int_equal(reason_of(input, &limits, false), REASON_OK);
    limits.chunk_line_bytes--;
    assert_int_equal(reason_of(input, &limits, false), REASON_HTTP_CHUNK);
}

static void test_body_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        bool is_response;
        struct str input;
    } rows[] = {
        {"a length", false, IN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")},
        {"chunks", false,
         IN("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")},
        {"until the end", true, IN("HTTP/1.1 200 OK\r\n\r\nhello")},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct h1_limits limits = drive_limits;
        limits.body_bytes = 5;
        enum reason at = reason_of(rows[i].input, &limits, rows[i].is_response);
        limits.body_bytes = 4;
        enum reason over = reason_of(rows[i].input, &limits, rows[i].is_response);
        limits.body_bytes = UINT64_MAX;
        enum reason none = reason_of(rows[i].input, &limits, rows[i].is_response);
        if (at != REASON_OK || none != REASON_OK || over != REASON_HTTP_BODY_TOO_LARGE) {
            fail_msg("%s: %s, %s, %s", rows[i].why, reason_token(at), reason_token(none),
                     reason_token(over));
        }
    }
}

/* Without a limit numbers that do not fit are still refused. */
static void test_body_without_limit(void **state)
{
    (void)state;
    struct h1_limits limits = drive_limits;
    limits.body_bytes = UINT64_MAX;
    assert_int_equal(
        reason_of(STR("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n"), &limits,
                  true),
        REASON_OK);
    assert_int_equal(
        reason_of(STR("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n"), &limits,
                  true),
        REASON_HTTP_BODY_TOO_LARGE);
    assert_int_equal(
        reason_of(STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n"),
                  &limits, true),
        REASON_OK);
    assert_int_equal(
        reason_of(STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8000000000000000\r\n"),
                  &limits, true),
        REASON_HTTP_BODY_TOO_LARGE);
    assert_int_equal(reason_of(STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
                                   "7fffffffffffffff\r\n"),
                               &limits, true),
                     REASON_HTTP_BODY_TOO_LARGE);
}

static struct str next_all(struct h1_reader *r, struct str rest, enum h1_event expected)
{
    size_t used = 0;
    assert_int_equal(h1_reader_next(r, rest, &used), expected);
    return str_slice(rest, used, rest.n);
}

static void test_started(void **state)
{
    (void)state;
    struct arena a;
    struct h1_reader *r = h1_reader_new(false, &drive_limits);
    arena_init(&a, 65536);
    assert_false(h1_reader_started(r));
    h1_reader_begin(r, &a, HTTP_METHOD_NONE);
    assert_false(h1_reader_started(r));
    (void)next_all(r, STR("\r\n"), H1_MORE);
    assert_false(h1_reader_started(r));
    (void)next_all(r, STR("G"), H1_MORE);
    assert_true(h1_reader_started(r));
    (void)next_all(r, STR("ET / HTTP/1.0\r\n\r\n"), H1_HEAD);
    assert_true(h1_reader_started(r));
    (void)next_all(r, STR(""), H1_END);
    assert_false(h1_reader_started(r));
    h1_reader_idle(r);
    h1_reader_begin(r, &a, HTTP_METHOD_NONE);
    assert_false(h1_reader_started(r));
    h1_reader_free(r);
    h1_reader_free(NULL);
    arena_release(&a);
}

/* The end of the connection where the body ends is told as the end of the message. */
static void test_eof_completes(void **state)
{
    (void)state;
    struct arena a;
    struct h1_reader *r = h1_reader_new(true, &drive_limits);
    arena_init(&a, 65536);
    h1_reader_begin(r, &a, HTTP_METHOD_GET);
    struct str rest = next_all(r, STR("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"), H1_HEAD);
    (void)next_all(r, rest, H1_BODY);
    assert_int_equal(h1_reader_eof(r), H1_END);
    assert_int_equal(h1_reader_eof(r), H1_MORE);
    h1_reader_begin(r, &a, HTTP_METHOD_GET);
    (void)next_all(r, STR("HTTP/1.1 200\n"), H1_ERROR);
    assert_int_equal(h1_reader_eof(r), H1_ERROR);
    assert_int_equal(h1_reader_reason(r), REASON_HTTP_BARE_LF);
    (void)next_all(r, STR("HTTP/1.1 200 OK\r\n\r\n"), H1_ERROR);
    h1_reader_free(r);
    arena_release(&a);
}

/* Every allocation in turn fails: the message is read, or refused for want of memory, and nothing
 * else. */
static void test_without_memory(void **state)
{
    (void)state;
    struct str input = STR("POST http://a?b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                           "X: y\r\n\r\n1\r\nx\r\n0\r\nX: y\r\n\r\n");
    bool is_done = false;
    for (unsigned long nth = 1; !is_done; nth++) {
        struct arena a;
        enum h1_event event = H1_ERROR;
        struct str rest = input;
        assert_true(nth < 50);
        arena_init(&a, 65536);
        mem_fail_after(nth, false);
        struct h1_reader *r = h1_reader_new(false, &drive_limits);
        if (r != NULL) {
            h1_reader_begin(r, &a, HTTP_METHOD_NONE);
            do {
                size_t used = 0;
                event = h1_reader_next(r, rest, &used);
                rest = str_slice(rest, used, rest.n);
            } while (event != H1_ERROR && event != H1_END);
            assert_true(event == H1_END || h1_reader_reason(r) == REASON_OUT_OF_MEMORY);
            is_done = event == H1_END;
        }
        mem_fail_after(0, false);
        h1_reader_free(r);
        arena_release(&a);
    }
}

/* An arena that is too small is like no memory, at each size. */
static void test_small_arena(void **state)
{
    (void)state;
    struct str input =
        STR("POST http://a?b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "0\r\nX: y\r\n\r\n");
    enum h1_event event = H1_ERROR;
    for (size_t cap = 0; cap < 8192 && event != H1_END; cap += 16) {
        struct arena a;
        size_t used = 0;
        struct h1_reader *r = h1_reader_new(false, &drive_limits);
        arena_init(&a, cap);
        h1_reader_begin(r, &a, HTTP_METHOD_NONE);
        event = h1_reader_next(r, input, &used);
        if (event == H1_HEAD) {
            event = h1_reader_next(r, str_slice(input, used, input.n), &used);
        }
        assert_true(event == H1_END || h1_reader_reason(r) == REASON_OUT_OF_MEMORY);
        h1_reader_free(r);
        arena_release(&a);
    }
    assert_int_equal(event, H1_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head_bytes),     cmocka_unit_test(test_endless_head),
        cmocka_unit_test(test_field_count),    cmocka_unit_test(test_target_bytes),
        cmocka_unit_test(test_trailer_bytes),  cmocka_unit_test(test_chunk_line_bytes),
        cmocka_unit_test(test_body_bytes),     cmocka_unit_test(test_body_without_limit),
        cmocka_unit_test(test_started),        cmocka_unit_test(test_eof_completes),
        cmocka_unit_test(test_without_memory), cmocka_unit_test(test_small_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
