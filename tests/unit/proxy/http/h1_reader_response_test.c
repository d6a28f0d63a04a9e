/* Responses of upstreams: the same strictness, and how their bodies end (RFC 9112 4, 6.3). Each row
 * is fed whole, one octet at a time, and cut at random, and must give the same each time. */
#include "tests/unit/proxy/http/drive.h"

struct row {
    const char *why;
    struct str input;
    enum reason reason;
};

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define TE      "Transfer-Encoding: chunked\r\n"

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct drive_result d;
        struct drive how = {
            .is_response = true, .request_method = HTTP_METHOD_GET, .input = rows[i].input};
        drive_all_ways(how, &d, rows[i].why);
        if (d.reason != rows[i].reason) {
            fail_msg("%s: %s, but %s was expected\n%.*s", rows[i].why, reason_token(d.reason),
                     reason_token(rows[i].reason), STR_ARG(buf_str(&d.log)));
        }
        buf_release(&d.log);
    }
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_status_line(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"the plain case", IN(OK_LINE "Content-Length: 0\r\n\r\n"), REASON_OK},
        {"no phrase, with the space", IN("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"), REASON_OK},
        {"no phrase, no space", IN("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), REASON_OK},
        {"obs-text in the phrase", IN("HTTP/1.1 404 \xc3\xa9\r\nContent-Length: 0\r\n\r\n"),
         REASON_OK},
        {"CRLF before it", IN("\r\n" OK_LINE "\r\n"), REASON_HTTP_EMPTY_LINES},
        {"a request line", IN("GET / HTTP/1.1\r\n\r\n"), REASON_HTTP_START_LINE},
        {"HTTP/0.9", IN("HTTP/0.9 200 OK\r\n\r\n"), REASON_HTTP_VERSION},
        {"HTTP/2.0", IN("HTTP/2.0 200 OK\r\n\r\n"), REASON_HTTP_VERSION},
        {"ICY", IN("ICY 200 OK\r\n\r\n"), REASON_HTTP_START_LINE},
        {"lower case", IN("http/1.1 200 OK\r\n\r\n"), REASON_HTTP_START_LINE},
        {"version alone", IN("HTTP/1.1\r\n\r\n"), REASON_HTTP_START_LINE},
        {"status of two digits", IN("HTTP/1.1 20 OK\r\n\r\n"), REASON_HTTP_START_LINE},
        {"status of four digits", IN("HTTP/1.1 2000 OK\r\n\r\n"), REASON_HTTP_START_LINE},
        {"status 099", IN("HTTP/1.1 099 X\r\n\r\n"), REASON_HTTP_START_LINE},
        {"status 600", IN("HTTP/1.1 600 X\r\n\r\n"), REASON_HTTP_START_LINE},
        {"status with a letter", IN("HTTP/1.1 2x0 X\r\n\r\n"), REASON_HTTP_START_LINE},
        {"two spaces before the status", IN("HTTP/1.1  200 OK\r\n\r\n"), REASON_HTTP_START_LINE},
        {"HTAB before the status", IN("HTTP/1.1\t200 OK\r\n\r\n"), REASON_HTTP_START_LINE},
        {"control in the phrase", IN("HTTP/1.1 200 O\x01K\r\n\r\n"), REASON_HTTP_START_LINE},
        {"NUL in the phrase", IN("HTTP/1.1 200 O\0K\r\n\r\n"), REASON_HTTP_START_LINE},
        {"CR in the phrase", IN("HTTP/1.1 200 O\rK\r\n\r\n"), REASON_HTTP_BARE_CR},
        {"LF behind the phrase", IN("HTTP/1.1 200 OK\n\r\n"), REASON_HTTP_BARE_LF},
        {"LF behind the status", IN("HTTP/1.1 200\n\r\n"), REASON_HTTP_BARE_LF},
    };
    CHECK(rows);
}

static void test_fields(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"LF alone behind a field", IN(OK_LINE "X: a\n\r\n"), REASON_HTTP_BARE_LF},
        {"LF alone as the end", IN(OK_LINE "X: a\r\n\n"), REASON_HTTP_BARE_LF},
        {"CR in a value", IN(OK_LINE "X: a\rb\r\n\r\n"), REASON_HTTP_BARE_CR},
        {"the head ends in CRLF CR and another octet", IN(OK_LINE "\r?"), REASON_HTTP_BARE_CR},
        {"folded line", IN(OK_LINE "X: a\r\n b\r\n\r\n"), REASON_HTTP_FOLDED_LINE},
        {"folded framing field", IN(OK_LINE "Content-Length:\r\n 5\r\n\r\nhello"),
         REASON_HTTP_FOLDED_LINE},
        {"space before the colon", IN(OK_LINE "Content-Length : 5\r\n\r\nhello"),
         REASON_HTTP_FIELD_NAME},
        {"empty name", IN(OK_LINE ": x\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"look-alike", IN(OK_LINE "Transfer_Encoding: chunked\r\n\r\n"), REASON_HTTP_FIELD_NAME},
        {"NUL in a value", IN(OK_LINE "X: a\0\r\n\r\n"), REASON_HTTP_FIELD_VALUE},
        {"control in a value", IN(OK_LINE "X: \x1b\r\n\r\n"), REASON_HTTP_FIELD_VALUE},
        {"CL and TE", IN(OK_LINE "Content-Length: 5\r\n" TE "\r\n0\r\n\r\n"),
         REASON_HTTP_LENGTH_AND_CHUNKED},
        {"TE and CL", IN(OK_LINE TE "Content-Length: 5\r\n\r\n0\r\n\r\n"),
         REASON_HTTP_LENGTH_AND_CHUNKED},
        {"two CL", IN(OK_LINE "Content-Length: 5\r\nContent-Length: 4\r\n\r\nhello"),
         REASON_HTTP_CONTENT_LENGTH},
        {"two equal CL", IN(OK_LINE "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
         REASON_HTTP_CONTENT_LENGTH},
        {"CL list", IN(OK_LINE "Content-Length: 5, 5\r\n\r\nhello"), REASON_HTTP_CONTENT_LENGTH},
        {"CL that is no number", IN(OK_LINE "Content-Length: five\r\n\r\n"),
         REASON_HTTP_CONTENT_LENGTH},
        {"CL past the limit", IN(OK_LINE "Content-Length: 100001\r\n\r\n"),
         REASON_HTTP_BODY_TOO_LARGE},
        {"TE in HTTP/1.0", IN("HTTP/1.0 200 OK\r\n" TE "\r\n0\r\n\r\n"),
         REASON_HTTP_TRANSFER_ENCODING},
        {"TE gzip", IN(OK_LINE "Transfer-Encoding: gzip\r\n\r\nx"), REASON_HTTP_TRANSFER_ENCODING},
        {"TE identity", IN(OK_LINE "Transfer-Encoding: identity\r\n\r\nx"),
         REASON_HTTP_TRANSFER_ENCODING},
        {"two TE", IN(OK_LINE TE TE "\r\n0\r\n\r\n"), REASON_HTTP_TRANSFER_ENCODING},
        {"bad chunk", IN(OK_LINE TE "\r\nxyz\r\n"), REASON_HTTP_CHUNK},
        {"chunk past the limit", IN(OK_LINE TE "\r\n186a1\r\n"), REASON_HTTP_BODY_TOO_LARGE},
        {"an invitation to another protocol is only information",
         IN(OK_LINE "Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n"), REASON_OK},
        {"101", IN("HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
         REASON_HTTP_UPGRADE},
        {"101 without Upgrade", IN("HTTP/1.1 101 X\r\n\r\n"), REASON_HTTP_UPGRADE},
        {"100 with a length", IN("HTTP/1.1 100 X\r\nContent-Length: 5\r\n\r\n"),
         REASON_HTTP_CONTENT_LENGTH},
        {"100 with chunks", IN("HTTP/1.1 100 X\r\n" TE "\r\n"), REASON_HTTP_TRANSFER_ENCODING},
    };
    CHECK(rows);
}

struct log_row {
    const char *why;
    enum http_method method;
    struct str input;
    const char *log;
};

static const struct log_row readings[] = {
    {"a length", HTTP_METHOD_GET, IN(OK_LINE "Content-Length: 2\r\nX: y\r\n\r\nhi"),
     "HEAD 200 1.1 length 2 alive=1 OK Content-Length=2;X=y;\nBODY hi\nEND \nEOF idle"},
    {"chunks with a trailer", HTTP_METHOD_GET, IN(OK_LINE TE "\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\n"),
     "HEAD 200 1.1 chunked 0 alive=1 OK Transfer-Encoding=chunked;\nBODY hi\nEND X=y;\n"
     "EOF idle"},
    {"neither: until the end of the connection", HTTP_METHOD_GET, IN(OK_LINE "\r\nhi\r\n\r\n"),
     "HEAD 200 1.1 close 0 alive=0 OK \nBODY hi\r\n\r\n\nEOF end"},
    {"neither, and nothing comes", HTTP_METHOD_GET, IN(OK_LINE "\r\n"),
     "HEAD 200 1.1 close 0 alive=0 OK \nEOF end"},
    {"HTTP/1.0 keeps alive only if it says so", HTTP_METHOD_GET,
     IN("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
     "HEAD 200 1.0 length 0 alive=0 OK Content-Length=0;\nEND \nEOF idle"},
    {"HTTP/1.0 with keep-alive", HTTP_METHOD_GET,
     IN("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"),
     "HEAD 200 1.0 length 0 alive=1 OK Content-Length=0;Connection=keep-alive;\nEND \n"
     "EOF idle"},
    {"close", HTTP_METHOD_GET, IN(OK_LINE "Content-Length: 0\r\nConnection: Close\r\n\r\n"),
     "HEAD 200 1.1 length 0 alive=0 OK Content-Length=0;Connection=Close;\nEND \nEOF idle"},
    {"HEAD: the length is told, no body follows", HTTP_METHOD_HEAD,
     IN(OK_LINE "Content-Length: 9000000000\r\n\r\n" OK_LINE "\r\n"),
     "HEAD 200 1.1 length 9000000000 alive=1 OK Content-Length=9000000000;\nEND \n"
     "HEAD 200 1.1 none 0 alive=1 OK \nEND \nEOF idle"},
    {"HEAD with chunks", HTTP_METHOD_HEAD, IN(OK_LINE TE "\r\n"),
     "HEAD 200 1.1 chunked 0 alive=1 OK Transfer-Encoding=chunked;\nEND \nEOF idle"},
    {"304 keeps its length", HTTP_METHOD_GET,
     IN("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"),
     "HEAD 304 1.1 length 7 alive=1 Not Modified Content-Length=7;\nEND \nEOF idle"},
    {"304 without length", HTTP_METHOD_GET, IN("HTTP/1.1 304 Not Modified\r\n\r\n"),
     "HEAD 304 1.1 none 0 alive=1 Not Modified \nEND \nEOF idle"},
    {"204", HTTP_METHOD_GET, IN("HTTP/1.1 204 No Content\r\n\r\n"),
     "HEAD 204 1.1 none 0 alive=1 No Content \nEND \nEOF idle"},
    {"204 with length 0", HTTP_METHOD_GET, IN("HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n"),
     "HEAD 204 1.1 none 0 alive=1 X Content-Length=0;\nEND \nEOF idle"},
    {"204 that announces a body: the connection is not used again", HTTP_METHOD_GET,
     IN("HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n"),
     "HEAD 204 1.1 none 0 alive=0 X Content-Length=5;\nEND \nEOF idle"},
    {"204 that announces chunks", HTTP_METHOD_GET, IN("HTTP/1.1 204 X\r\n" TE "\r\n"),
     "HEAD 204 1.1 none 0 alive=0 X Transfer-Encoding=chunked;\nEND \nEOF idle"},
    {"100 and 103, then the answer", HTTP_METHOD_GET,
     IN("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK_LINE
        "Content-Length: 2\r\n\r\nhi"),
     "HEAD 100 1.1 none 0 alive=1 Continue \nHEAD 103 1.1 none 0 alive=1 Early Hints Link=x;\n"
     "HEAD 200 1.1 length 2 alive=1 OK Content-Length=2;\nBODY hi\nEND \nEOF idle"},
    {"100 and then nothing", HTTP_METHOD_GET, IN("HTTP/1.1 100 Continue\r\n\r\n"),
     "HEAD 100 1.1 none 0 alive=1 Continue \nEOF error"},
    {"100 and half a head", HTTP_METHOD_GET, IN("HTTP/1.1 100 Continue\r\n\r\nHTT"),
     "HEAD 100 1.1 none 0 alive=1 Continue \nEOF error"},
    {"a short body", HTTP_METHOD_GET, IN(OK_LINE "Content-Length: 3\r\n\r\nhi"),
     "HEAD 200 1.1 length 3 alive=1 OK Content-Length=3;\nBODY hi\nEOF error"},
    {"chunks without an end", HTTP_METHOD_GET, IN(OK_LINE TE "\r\n2\r\nhi\r\n"),
     "HEAD 200 1.1 chunked 0 alive=1 OK Transfer-Encoding=chunked;\nBODY hi\nEOF error"},
    {"nothing at all", HTTP_METHOD_GET, IN(""), "EOF idle"},
};

static void test_what_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
        struct drive_result d;
        struct drive how = {.is_response = true,
                            .request_method = readings[i].method,
                            .input = readings[i].input,
                            .has_eof = true};
        drive_all_ways(how, &d, readings[i].why);
        if (!str_eq(buf_str(&d.log), str_of(readings[i].log))) {
            fail_msg("%s:\n%.*s\nexpected:\n%s", readings[i].why, STR_ARG(buf_str(&d.log)),
                     readings[i].log);
        }
        buf_release(&d.log);
    }
}

/* Octets behind the end stay unread: whoever holds the connection must see them. */
static void test_rest_is_left(void **state)
{
    (void)state;
    static const struct limits_row {
        const char *why;
        struct str input;
        size_t left;
    } rows[] = {
        {"behind a length", IN(OK_LINE "Content-Length: 2\r\n\r\nhiX"), 1},
        {"behind the last chunk", IN(OK_LINE TE "\r\n0\r\n\r\nXY"), 2},
        {"behind a 204", IN("HTTP/1.1 204 X\r\n\r\nHTTP/1.1 200"), 12},
        {"nothing", IN("HTTP/1.1 204 X\r\n\r\n"), 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena a;
        struct h1_reader *r = h1_reader_new(true, &drive_limits);
        arena_init(&a, 65536);
        h1_reader_begin(r, &a, HTTP_METHOD_GET);
        struct str rest = rows[i].input;
        enum h1_event event = H1_MORE;
        do {
            size_t used = 0;
            event = h1_reader_next(r, rest, &used);
            rest = str_slice(rest, used, rest.n);
            assert_int_not_equal(event, H1_ERROR);
        } while (event != H1_END);
        size_t used = 1;
        assert_int_equal(h1_reader_next(r, rest, &used), H1_END);
        assert_int_equal(used, 0);
        if (rest.n != rows[i].left) {
            fail_msg("%s: %zu octets are left", rows[i].why, rest.n);
        }
        assert_false(h1_reader_started(r));
        h1_reader_free(r);
        arena_release(&a);
    }
}

static void feed_interims(unsigned n, enum reason expected)
{
    struct buf input;
    struct drive_result d;
    buf_init(&input, 1 << 16);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(buf_append(&input, STR("HTTP/1.1 100 Continue\r\n\r\n")), 0);
    }
    assert_int_equal(buf_append(&input, STR("HTTP/1.1 204 No Content\r\n\r\n")), 0);
    struct drive how = {.is_response = true, .input = buf_str(&input)};
    drive_all_ways(how, &d, "interim answers");
    assert_int_equal(d.reason, expected);
    buf_release(&d.log);
    buf_release(&input);
}

static void test_interims_are_counted(void **state)
{
    (void)state;
    feed_interims(16, REASON_OK);
    feed_interims(17, REASON_HTTP_HEAD_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_line),          cmocka_unit_test(test_fields),
        cmocka_unit_test(test_what_is_read),         cmocka_unit_test(test_rest_is_left),
        cmocka_unit_test(test_interims_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
