/* The order of things on one HTTP/1 connection: what is answered, what is read away, when the
 * connection ends. Every conversation is held whole and octet by octet. */
#include "base/clock.h"
#include "proxy/server/h1_server.h"
#include "tests/support/loopback.h"

/* ---- A loop and a link that the test drives ---- */

static struct list tasks = {&tasks, &tasks};

void loop_task_init(struct loop_task *t, void (*fn)(struct loop_task *t))
{
    t->fn = fn;
    list_init(&t->link);
}

void loop_defer(struct loop *l, struct loop_task *t)
{
    (void)l;
    if (list_empty(&t->link)) {
        list_push_back(&tasks, &t->link);
    }
}

void loop_task_cancel(struct loop_task *t)
{
    list_remove(&t->link);
}

void loop_timer_init(struct loop_timer *t, void (*fn)(struct loop_timer *t))
{
    *t = (struct loop_timer){.fn = fn};
}

void loop_timer_start(struct loop *l, struct loop_timer *t, uint64_t after_ms)
{
    (void)l;
    t->due_ms = after_ms;
}

void loop_timer_stop(struct loop_timer *t)
{
    t->due_ms = 0;
}

bool loop_timer_running(const struct loop_timer *t)
{
    return t->due_ms != 0;
}

static struct {
    struct link link;
    struct h1_server h;
    struct buf out;
    struct buf rest;
    bool resume;
    bool finished;
    bool closed;
    bool full;
    bool gone;
    enum reason on_request;
} wire;

struct buf *link_pending(struct link *l)
{
    (void)l;
    return &wire.out;
}

void link_touch(struct link *l)
{
    (void)l;
}

void link_write(struct link *l, struct str octets)
{
    (void)l;
    if (!wire.finished && !wire.closed) {
        assert_int_equal(0, buf_append(&wire.out, octets));
    }
}

bool link_full(struct link *l)
{
    (void)l;
    return wire.full;
}

void link_resume(struct link *l)
{
    (void)l;
    wire.resume = true;
}

bool link_is_gone(const struct link *l)
{
    (void)l;
    return wire.gone;
}

bool link_has_input(const struct link *l)
{
    (void)l;
    return buf_len(&wire.rest) > 0;
}

void link_idle(struct link *l)
{
    (void)l;
}

void link_finish(struct link *l)
{
    (void)l;
    wire.finished = true;
}

void link_close(struct link *l)
{
    (void)l;
    wire.closed = true;
}

static bool is_over(void)
{
    return wire.finished || wire.closed;
}

static void offer(void)
{
    if (!is_over()) {
        buf_consume(&wire.rest, h1_server_octets(&wire.h, buf_str(&wire.rest)));
    }
}

/* Turns of the loop until nothing is left to do. */
static void turn(void)
{
    while (!list_empty(&tasks) || wire.resume) {
        if (!list_empty(&tasks)) {
            struct list *n = list_pop_front(&tasks);
            struct loop_task *t = LIST_ENTRY(n, struct loop_task, link);
            t->fn(t);
        } else {
            wire.resume = false;
            offer();
        }
    }
}

/* What the client sends, in pieces of this size. */
static size_t piece_octets = SIZE_MAX;

static void feed(const char *text)
{
    struct str all = str_of(text);
    while (all.n > 0) {
        struct str piece = str_slice(all, 0, piece_octets);
        all = str_slice(all, piece.n, all.n);
        bool held = buf_len(&wire.rest) > 0;
        assert_int_equal(0, buf_append(&wire.rest, piece));
        if (!held) {
            offer();
        }
        turn();
    }
}

static void fire(void)
{
    assert_true(loop_timer_running(&wire.h.timer));
    loop_timer_stop(&wire.h.timer);
    wire.h.timer.fn(&wire.h.timer);
    turn();
}

static enum reason on_request(void *arg)
{
    (void)arg;
    return wire.on_request;
}

static void start(void)
{
    memset(&wire, 0, sizeof(wire));
    wire.on_request = REASON_OK;
    buf_init(&wire.out, 1 << 20);
    buf_init(&wire.rest, 1 << 20);
    loopback_worker();
    clock_fake(1000, 784111777000);
    h1_server_init(&wire.h, &loop_env, &wire.link, &loop_peer, on_request, NULL);
    h1_server_start(&wire.h);
}

static void stop(void)
{
    h1_server_fini(&wire.h);
    buf_release(&wire.out);
    buf_release(&wire.rest);
    assert_true(list_empty(&tasks));
    clock_fake(-1, -1);
    loopback_worker_end();
}

/* The upstream answers the request that it has. */
static void answer(unsigned status, enum http_framing framing, const char *body)
{
    up_ready();
    turn();
    up_head(status, framing, strlen(body));
    if (body[0] != '\0') {
        up_body(body);
    }
    up_end(NULL);
    turn();
}

/* What was sent since the last time, without the lines that are the same everywhere. */
static struct str sent(void)
{
    static char text[16384];
    size_t n = 0;
    struct str all = buf_str(&wire.out);
    while (all.n > 0) {
        size_t end = str_chr(all, '\n');
        struct str line = str_slice(all, 0, end == STR_NPOS ? all.n : end + 1);
        all = str_slice(all, line.n, all.n);
        bool same = str_starts(line, STR("Date:")) || str_starts(line, STR("X-Request-Id:")) ||
                    str_starts(line, STR("X-Up:")) || str_starts(line, STR("Via:")) ||
                    str_starts(line, STR("Cache-Control:")) || str_starts(line, STR("{\"type\"")) ||
                    str_starts(line, STR("Content-Type:")) ||
                    str_starts(line, STR("WWW-Authenticate:"));
        if (!same) {
            memcpy(text + n, line.p, line.n);
            n += line.n;
        }
    }
    buf_clear(&wire.out);
    return (struct str){text, n};
}

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
    {"a malformed chunk ends it",
     "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
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

/* ---- Sequences ---- */

static void test_pipelined_requests_wait_their_turn(void **state)
{
    (void)state;
    start();
    feed("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
         "\r\nhiGET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(1, up.starts);
    answer(200, HTTP_FRAMING_LENGTH, "1");
    assert_int_equal(2, up.starts);
    CHECK_STR("second", up_call.request->target, STR("/2"));
    assert_int_equal(0, buf_len(&up.body));
    answer(200, HTTP_FRAMING_LENGTH, "2");
    CHECK_STR("its body", buf_str(&up.body), STR("hi"));
    assert_int_equal(3, up.starts);
    CHECK_STR("third", up_call.request->target, STR("/3"));
    answer(200, HTTP_FRAMING_LENGTH, "3");
    CHECK_STR("in order", sent(),
              STR("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\n"
                  "Content-Length: 1\r\n\r\n2HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3"));
    assert_int_equal(3, logged.records);
    stop();
}

static void test_100_continue_only_when_let_through(void **state)
{
    (void)state;
    start();
    gate_will(VERDICT_WAIT, REASON_OK, "password");
    feed("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(0, buf_len(&wire.out));
    gate_decides(VERDICT_ALLOW, REASON_OK, "pairing");
    turn();
    assert_int_equal(0, buf_len(&wire.out));
    up_ready();
    turn();
    CHECK_STR("now", sent(), STR("HTTP/1.1 100 Continue\r\n\r\n"));
    up.full = true;
    feed("h");
    up_drained();
    turn();
    feed("i");
    CHECK_STR("said once", sent(), STR(""));
    CHECK_STR("body", buf_str(&up.body), STR("hi"));
    assert_int_equal(1, up.finishes);
    up_head(200, HTTP_FRAMING_LENGTH, 0);
    up_end(NULL);
    turn();
    assert_false(is_over());
    stop();
}

static void test_a_body_is_held_back_until_it_is_wanted(void **state)
{
    (void)state;
    start();
    feed("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
    assert_int_equal(2, buf_len(&wire.rest));
    assert_false(loop_timer_running(&wire.h.timer));
    up.full = true;
    up_ready();
    turn();
    CHECK_STR("what came", buf_str(&up.body), STR("ab"));
    feed("cd");
    CHECK_STR("no more while it is full", buf_str(&up.body), STR("ab"));
    up_drained();
    turn();
    CHECK_STR("then the rest", buf_str(&up.body), STR("abcd"));
    assert_int_equal(1, up.finishes);
    up_head(200, HTTP_FRAMING_LENGTH, 0);
    up_end(NULL);
    turn();
    stop();
}

static void test_a_full_link_pauses_the_upstream(void **state)
{
    (void)state;
    start();
    feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    up_ready();
    up_head(200, HTTP_FRAMING_CHUNKED, 0);
    wire.full = true;
    up_body("a");
    assert_true(up.paused);
    wire.full = false;
    h1_server_drained(&wire.h);
    assert_false(up.paused);
    up_end(NULL);
    turn();
    stop();
}

static void test_an_answer_before_the_body_is_complete(void **state)
{
    (void)state;
    start();
    feed("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    up_ready();
    turn();
    up_head(200, HTTP_FRAMING_LENGTH, 0);
    up_end(NULL);
    turn();
    CHECK_STR("answered", sent(), STR("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    assert_false(is_over());
    feed("defghijGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK_STR("the next request is not the body's rest", up_call.request->target, STR("/2"));
    CHECK_STR("body", buf_str(&up.body), STR("abc"));
    answer(204, HTTP_FRAMING_NONE, "");
    stop();
}

static void test_an_upstream_that_breaks_off_breaks_the_client_off(void **state)
{
    (void)state;
    start();
    feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    up_ready();
    up_head(200, HTTP_FRAMING_CHUNKED, 0);
    up_body("a");
    up_fail(REASON_UPSTREAM_TRUNCATED);
    turn();
    assert_true(wire.closed);
    struct str out = sent();
    assert_null(memmem(out.p, out.n, "0\r\n\r\n", 5));
    stop();
}

/* ---- Ends ---- */

static void test_timers(void **state)
{
    (void)state;
    start();
    assert_int_equal(10, wire.h.timer.due_ms);
    fire();
    assert_true(wire.finished);
    assert_int_equal(0, buf_len(&wire.out));
    assert_int_equal(1, counted(REASON_HEAD_TIMEOUT));
    stop();

    start();
    feed("GET / HT");
    assert_int_equal(10, wire.h.timer.due_ms);
    fire();
    assert_true(str_starts(sent(), STR("HTTP/1.1 408 ")));
    assert_true(wire.finished);
    assert_int_equal(REASON_HEAD_TIMEOUT, logged.reason);
    stop();

    start();
    feed("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
    up_ready();
    turn();
    assert_int_equal(20, wire.h.timer.due_ms);
    fire();
    assert_true(str_starts(sent(), STR("HTTP/1.1 408 ")));
    assert_int_equal(1, up.cancels);
    assert_true(wire.finished);
    stop();

    start();
    feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_false(loop_timer_running(&wire.h.timer));
    answer(204, HTTP_FRAMING_NONE, "");
    assert_int_equal(30, wire.h.timer.due_ms);
    (void)sent();
    fire();
    assert_true(wire.finished);
    assert_int_equal(0, buf_len(&wire.out));
    assert_int_equal(1, counted(REASON_KEEPALIVE_TIMEOUT));
    assert_int_equal(1, logged.records);
    stop();

    start();
    gate_will(VERDICT_DENY, REASON_PAIRING_MISMATCH, "pairing");
    feed("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
    assert_false(is_over());
    assert_int_equal(40, wire.h.timer.due_ms);
    fire();
    assert_true(wire.finished);
    assert_int_equal(1, logged.records);
    stop();
}

static void test_the_clients_end(void **state)
{
    (void)state;
    start();
    h1_server_eof(&wire.h);
    turn();
    assert_true(wire.finished);
    assert_int_equal(0, logged.records);
    stop();

    start();
    feed("GET / HT");
    h1_server_eof(&wire.h);
    turn();
    assert_true(wire.closed);
    assert_int_equal(REASON_HTTP_TRUNCATED, logged.reason);
    assert_int_equal(0, up.starts);
    stop();

    start();
    feed("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
    up_ready();
    turn();
    h1_server_eof(&wire.h);
    turn();
    assert_true(wire.closed);
    assert_int_equal(1, up.cancels);
    assert_int_equal(REASON_HTTP_TRUNCATED, logged.reason);
    stop();

    start();
    feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    h1_server_eof(&wire.h);
    turn();
    assert_false(is_over());
    answer(200, HTTP_FRAMING_LENGTH, "hi");
    CHECK_STR("a half-closed client gets its answer", sent(),
              STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
    assert_true(wire.finished);
    stop();

    start();
    feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    wire.gone = true;
    h1_server_eof(&wire.h);
    turn();
    assert_true(wire.closed);
    assert_int_equal(1, up.cancels);
    assert_int_equal(REASON_CLIENT_CLOSED, logged.reason);
    stop();
}

static void test_a_broken_connection(void **state)
{
    (void)state;
    start();
    feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    h1_server_fail(&wire.h, REASON_CLIENT_CLOSED);
    turn();
    assert_int_equal(1, up.cancels);
    assert_int_equal(REASON_CLIENT_CLOSED, logged.reason);
    stop();
}

static void test_draining(void **state)
{
    (void)state;
    start();
    loop_env.draining = true;
    h1_server_drain(&wire.h);
    assert_true(wire.finished);
    stop();

    start();
    feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    loop_env.draining = true;
    h1_server_drain(&wire.h);
    assert_false(is_over());
    answer(200, HTTP_FRAMING_LENGTH, "hi");
    CHECK_STR("told", sent(),
              STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"));
    assert_true(wire.finished);
    stop();
}

static void test_requests_per_connection(void **state)
{
    (void)state;
    start();
    loop_conf.limits.requests_per_connection = 2;
    feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    answer(204, HTTP_FRAMING_NONE, "");
    assert_false(is_over());
    feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    (void)sent();
    answer(204, HTTP_FRAMING_NONE, "");
    CHECK_STR("the last", sent(), STR("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"));
    assert_true(wire.finished);
    loop_conf.limits.requests_per_connection = 0;
    stop();
}

static void test_a_connection_whose_site_is_gone(void **state)
{
    (void)state;
    start();
    wire.on_request = REASON_MISDIRECTED;
    feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    struct str out = sent();
    assert_true(str_starts(out, STR("HTTP/1.1 421 ")));
    assert_non_null(memmem(out.p, out.n, "Connection: close\r\n", 19));
    assert_true(wire.finished);
    assert_int_equal(0, up.starts);
    assert_int_equal(REASON_MISDIRECTED, logged.reason);
    stop();
}

/* Every allocation fails in turn: the connection ends, and nothing half is answered. */
static void test_no_memory(void **state)
{
    (void)state;
    for (unsigned long n = 1; n < 80; n++) {
        start();
        mem_fail_after(n, false);
        (void)h1_server_octets(&wire.h, STR("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
        turn();
        mem_fail_after(0, false);
        if (up.open) {
            answer(204, HTTP_FRAMING_NONE, "");
            assert_false(is_over());
        } else {
            assert_true(is_over() || buf_len(&wire.out) > 0);
        }
        stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_pipelined_requests_wait_their_turn),
        cmocka_unit_test(test_100_continue_only_when_let_through),
        cmocka_unit_test(test_a_body_is_held_back_until_it_is_wanted),
        cmocka_unit_test(test_a_full_link_pauses_the_upstream),
        cmocka_unit_test(test_an_answer_before_the_body_is_complete),
        cmocka_unit_test(test_an_upstream_that_breaks_off_breaks_the_client_off),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_the_clients_end),
        cmocka_unit_test(test_a_broken_connection),
        cmocka_unit_test(test_draining),
        cmocka_unit_test(test_requests_per_connection),
        cmocka_unit_test(test_a_connection_whose_site_is_gone),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
