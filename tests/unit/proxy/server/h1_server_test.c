/* What a client gets on the wire for what it sends, and whether the connection is kept. Every
 * conversation is held whole and octet by octet. */
#include "tests/unit/proxy/server/wire.h"

/* ---- Answers on the wire ---- */

struct answer_row {
    const char *says;
    const char *request;
    unsigned status;
    enum http_framing framing;
    const char *body;
    const char *wire;
    bool kept;
};

static const struct answer_row answers[] = {
    {"a length", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 200, HTTP_FRAMING_LENGTH, "hi",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", true},
    {"chunks", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 200, HTTP_FRAMING_CHUNKED, "hi",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", true},
    {"until the upstream closes becomes chunks", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 200,
     HTTP_FRAMING_CLOSE, "hi",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", true},
    {"the client asked to close", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 200,
     HTTP_FRAMING_LENGTH, "hi",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", false},
    {"HEAD with a length", "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", 200, HTTP_FRAMING_LENGTH, "",
     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true},
    {"HEAD of chunks", "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", 200, HTTP_FRAMING_CHUNKED, "",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true},
    {"HEAD without any framing", "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", 200, HTTP_FRAMING_CLOSE, "",
     "HTTP/1.1 200 OK\r\n\r\n", true},
    {"204", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 204, HTTP_FRAMING_NONE, "",
     "HTTP/1.1 204 No Content\r\n\r\n", true},
    {"304 with a length", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 304, HTTP_FRAMING_LENGTH, "",
     "HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n", true},
    {"304 of chunks", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 304, HTTP_FRAMING_CHUNKED, "",
     "HTTP/1.1 304 Not Modified\r\n\r\n", true},
    {"HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\n\r\n", 200, HTTP_FRAMING_LENGTH, "hi",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", false},
    {"HTTP/1.0, kept", "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", 200,
     HTTP_FRAMING_LENGTH, "hi",
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi", true},
    {"HTTP/1.0 knows no chunks", "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", 200,
     HTTP_FRAMING_CHUNKED, "hi", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi", false},
    {"HTTP/1.0 HEAD of chunks", "HEAD / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", 200,
     HTTP_FRAMING_CHUNKED, "", "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n", true},
    {"a body with a length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 200,
     HTTP_FRAMING_LENGTH, "hi", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", true},
};

static void check_answer(const struct answer_row *row)
{
    start();
    feed(row->request);
    CHECK_ROW(row->says, up.open);
    answer(row->status, row->framing, row->body);
    CHECK_STR(row->says, sent(), str_of(row->wire));
    CHECK_ROW(row->says, wire.finished == !row->kept && !wire.closed);
    if (row->kept) {
        feed("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
        CHECK_ROW(row->says, up.open && str_eq(up_call.request->target, STR("/2")));
        answer(204, HTTP_FRAMING_NONE, "");
    }
    stop();
}

/* ---- Bodies that nobody wants ---- */

struct refused_row {
    const char *says;
    const char *request; /* refused with 403, then "GET /2" follows */
    const char *wire;
    bool kept;
};

static const struct refused_row refused[] = {
    {"no body", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 403 Forbidden\r\n", true},
    {"a small body is read away",
     "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 64\r\n\r\n"
     "0123456789012345678901234567890123456789012345678901234567890123",
     "HTTP/1.1 403 Forbidden\r\n", true},
    {"a chunked body is read away",
     "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
     "HTTP/1.1 403 Forbidden\r\n", true},
    {"a body that looks like a request is read away",
     "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 28\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n",
     "HTTP/1.1 403 Forbidden\r\n", true},
    {"a large body ends the connection", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 65\r\n\r\n",
     "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n", false},
    {"a body that waits for 100 ends it",
     "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
     "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n", false},
    {"a chunked body that grows too large ends it",
     "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n"
     "0123456789012345678901234567890123456789012345678901234567890123\r\n1\r\nx\r\n0\r\n\r\n",
     "HTTP/1.1 403 Forbidden\r\n", false},
};

/* The answer without its length, which the request id makes. */
static struct str without_length(struct str text)
{
    static char out[4096];
    size_t n = 0;
    while (text.n > 0) {
        size_t end = str_chr(text, '\n');
        struct str line = str_slice(text, 0, end == STR_NPOS ? text.n : end + 1);
        text = str_slice(text, line.n, text.n);
        if (!str_starts(line, STR("Content-Length:")) && !str_eq(line, STR("\r\n"))) {
            memcpy(out + n, line.p, line.n);
            n += line.n;
        }
    }
    return (struct str){out, n};
}

static void check_refused(const struct refused_row *row)
{
    start();
    gate_will(VERDICT_DENY, REASON_PAIRING_MISMATCH, "pairing");
    feed(row->request);
    CHECK_STR(row->says, without_length(sent()), str_of(row->wire));
    CHECK_ROW(row->says, wire.finished == !row->kept && !wire.closed);
    CHECK_ROW(row->says, logged.records == 1 && logged.reason == REASON_PAIRING_MISMATCH);
    gate_will(VERDICT_ALLOW, REASON_OK, "pairing");
    feed("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK_ROW(row->says, up.open == row->kept);
    if (row->kept) {
        CHECK_ROW(row->says, str_eq(up_call.request->target, STR("/2")));
        answer(204, HTTP_FRAMING_NONE, "");
    }
    stop();
}

/* ---- Malformed ---- */

struct bad_row {
    const char *says;
    const char *text;
    unsigned status;
    enum reason why;
};

static const struct bad_row bad[] = {
    {"bare LF", "GET / HTTP/1.1\nHost: h\n\n", 400, REASON_HTTP_BARE_LF},
    {"no host", "GET / HTTP/1.1\r\n\r\n", 400, REASON_HTTP_HOST_MISSING},
    {"length and chunks",
     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: "
     "chunked\r\n\r\n0\r\n\r\n",
     400, REASON_HTTP_LENGTH_AND_CHUNKED},
    {"CONNECT", "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501, REASON_HTTP_CONNECT},
    {"an unknown method", "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501, REASON_HTTP_METHOD},
    {"HTTP/2.0", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, REASON_HTTP_VERSION},
};

static void check_bad(const struct bad_row *row)
{
    char first[64];
    start();
    feed(row->text);
    feed("GET /after HTTP/1.1\r\nHost: h\r\n\r\n");
    struct str out = sent();
    (void)snprintf(first, sizeof(first), "HTTP/1.1 %u ", row->status);
    CHECK_ROW(row->says, str_starts(out, str_of(first)));
    CHECK_ROW(row->says, memmem(out.p, out.n, "Connection: close\r\n", 19) != NULL);
    CHECK_ROW(row->says, wire.finished && !wire.closed);
    CHECK_ROW(row->says, up.starts == 0);
    CHECK_ROW(row->says, logged.records == 1 && logged.reason == row->why);
    stop();
}

static void test_tables(void **state)
{
    (void)state;
    static const size_t pieces[] = {SIZE_MAX, 1};
    for (size_t p = 0; p < ROWS(pieces); p++) {
        piece_octets = pieces[p];
        for (size_t i = 0; i < ROWS(answers); i++) {
            check_answer(&answers[i]);
        }
        for (size_t i = 0; i < ROWS(refused); i++) {
            check_refused(&refused[i]);
        }
        for (size_t i = 0; i < ROWS(bad); i++) {
            check_bad(&bad[i]);
        }
    }
    piece_octets = SIZE_MAX;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
