/* What becomes of a request: every end there is, with its answer, its one record and its count. */
#include "base/clock.h"
#include "proxy/exchange/exchange.h"
#include "tests/support/loopback.h"

/* ---- A sink that gathers ---- */

struct client {
    struct exchange *x;
    struct h1_reader *reader;
    unsigned interim; /* the last 1xx */
    unsigned status;
    bool keep_alive;
    enum http_framing framing;
    uint64_t length;
    unsigned heads;
    unsigned ends;
    unsigned aborts;
    enum reason why;
    bool want;
    unsigned wants;
    bool full;
    struct buf fields;
    struct buf body;
    struct buf trailers;
};

static void on_head(void *self, const struct http_response *head)
{
    struct client *c = self;
    assert_int_equal(0, c->ends + c->aborts);
    if (head->status < 200) {
        c->interim = head->status;
        return;
    }
    c->heads++;
    c->status = head->status;
    c->keep_alive = head->keep_alive;
    c->framing = head->framing;
    c->length = head->length;
    loopback_fields(&c->fields, &head->fields);
}

static void on_body(void *self, struct str octets)
{
    struct client *c = self;
    assert_int_equal(1, c->heads);
    assert_int_equal(0, c->ends + c->aborts);
    assert_int_equal(0, buf_append(&c->body, octets));
}

static void on_end(void *self, const struct fields *trailers)
{
    struct client *c = self;
    assert_int_equal(1, c->heads);
    loopback_fields(&c->trailers, trailers);
    c->ends++;
}

static void on_abort(void *self, enum reason why)
{
    struct client *c = self;
    c->why = why;
    c->aborts++;
}

static bool is_full(void *self)
{
    const struct client *c = self;
    return c->full;
}

static void on_want(void *self, bool want)
{
    struct client *c = self;
    c->want = want;
    c->wants++;
}

static const struct sink_ops sink = {.head = on_head,
                                     .body = on_body,
                                     .end = on_end,
                                     .abort = on_abort,
                                     .full = is_full,
                                     .want_body = on_want};

static int setup(void **state)
{
    static struct client client;
    client = (struct client){0};
    buf_init(&client.fields, 65536);
    buf_init(&client.body, 65536);
    buf_init(&client.trailers, 65536);
    loopback_worker();
    *state = &client;
    return 0;
}

static int teardown(void **state)
{
    struct client *c = *state;
    exchange_free(c->x);
    h1_reader_free(c->reader);
    buf_release(&c->fields);
    buf_release(&c->body);
    buf_release(&c->trailers);
    loopback_worker_end();
    return 0;
}

/* A new exchange, its head parsed from text. */
static struct http_request *receive(struct client *c, const char *text)
{
    static const struct h1_limits limits = {.head_bytes = 8192,
                                            .field_count = 50,
                                            .target_bytes = 1024,
                                            .chunk_line_bytes = 64,
                                            .trailer_bytes = 1024,
                                            .body_bytes = UINT64_MAX};
    size_t used = 0;
    c->x = exchange_new(&loop_env, &loop_peer, &sink, c);
    c->reader = h1_reader_new(false, &limits);
    if (c->x == NULL || c->reader == NULL) {
        return NULL;
    }
    h1_reader_begin(c->reader, exchange_arena(c->x), HTTP_METHOD_NONE);
    return h1_reader_next(c->reader, str_of(text), &used) == H1_HEAD ? h1_reader_request(c->reader)
                                                                     : NULL;
}

static void begin(struct client *c, const char *text)
{
    struct http_request *head = receive(c, text);
    assert_non_null(head);
    exchange_begin(c->x, head);
    if (head->framing == HTTP_FRAMING_NONE) {
        exchange_body_end(c->x, NULL);
    }
}

static bool has(const struct buf *b, const char *line)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "%s\n", line);
    return b->p != NULL && memmem(b->p + b->head, buf_len(b), text, strlen(text)) != NULL;
}

/* Exactly one end, one record with this reason, one count, and the gauge back at 0. */
static void check_ended(const struct client *c, enum reason why)
{
    assert_true(exchange_finished(c->x));
    assert_int_equal(1, c->ends + c->aborts);
    assert_int_equal(1, logged.records);
    assert_int_equal(why, logged.reason);
    assert_int_equal(why == REASON_OK ? 0 : 1, counted(why));
    assert_int_equal(0, metrics_sum(loop_env.region, METRIC_REQUESTS_ACTIVE));
    assert_false(up.open);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

/* ---- Let through ---- */

static void test_a_request_and_its_answer(void **state)
{
    struct client *c = *state;
    begin(c, "GET /a?b HTTP/1.1\r\nHost: h:8443\r\nX-Client-User: eve\r\n\r\n");
    assert_int_equal(1, up.starts);
    CHECK_STR("target", up_call.request->target, STR("/a?b"));
    up_ready();
    assert_int_equal(1, up.finishes);
    assert_int_equal(0, c->wants);
    up_head(200, HTTP_FRAMING_LENGTH, 5);
    up_body("hel");
    up_body("lo");
    up_end(NULL);
    assert_int_equal(200, c->status);
    assert_true(c->keep_alive);
    CHECK_STR("body", buf_str(&c->body), STR("hello"));
    assert_true(has(&c->fields, "X-Up: 1"));
    assert_true(has(&c->fields, "Via: 1.1 countersign"));
    assert_true(has(&c->fields, "X-Request-Id: 01020304050607080000000000"));
    check_ended(c, REASON_OK);
    assert_string_equal("alice", logged.user);
    assert_string_equal("pairing", logged.step);
    assert_int_equal(5, logged.sent);
}

static void test_what_the_upstream_gets(void **state)
{
    struct client *c = *state;
    begin(c, "GET / HTTP/1.1\r\nHost: h\r\nX-Client-User: eve\r\nConnection: X-Client-User\r\n"
             "Authorization: Basic YTpi\r\nExpect: 100-continue\r\nA: 1\r\n\r\n");
    struct buf got;
    buf_init(&got, 4096);
    loopback_fields(&got, &up_call.request->fields);
    CHECK_STR("fields", buf_str(&got),
              STR("A: 1\nX-Client-User: alice\nX-Client-Verify: NONE\n"
                  "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: https\nX-Forwarded-Host: h\n"
                  "X-Request-Id: 01020304050607080000000000\nVia: 1.1 countersign\n"));
    buf_release(&got);
    up_fail(REASON_UPSTREAM_CLOSED);
}

struct vouch_row {
    const char *says;
    enum reason certificate;
    bool vouched;
};

static const struct vouch_row vouch_rows[] = {
    {"verified", REASON_OK, true},
    {"withdrawn", REASON_CLIENT_CERT_WITHDRAWN, false},
    {"never accepted", REASON_CLIENT_CERT_UNKNOWN_CA, false},
};

static void test_only_verified_certificates_are_vouched_for(void **state)
{
    for (size_t i = 0; i < ROWS(vouch_rows); i++) {
        if (i > 0) {
            (void)teardown(state);
            (void)setup(state);
        }
        struct client *c = *state;
        static const struct identity certificate = {.reason = REASON_OK, .user = {"alice", 5}};
        loop_peer.gate.identity = &certificate;
        loop_peer.gate.certificate = vouch_rows[i].certificate;
        begin(c, GET("/"));
        const struct field *f = fields_find(&up_call.request->fields, STR("X-Client-Verify"));
        assert_non_null(f);
        CHECK_ROW(vouch_rows[i].says, str_eq(f->value, STR("SUCCESS")) == vouch_rows[i].vouched);
        up_fail(REASON_UPSTREAM_CLOSED);
    }
}

static void test_waiting_for_a_password(void **state)
{
    struct client *c = *state;
    gate_will(VERDICT_WAIT, REASON_OK, "password");
    begin(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
             "Authorization: Basic YTpi\r\n\r\n");
    CHECK_STR("asked", gate_authorization, STR("Basic YTpi"));
    assert_int_equal(1, gate_asked.authorization_count);
    assert_int_equal(0, up.starts);
    assert_int_equal(0, c->wants);
    gate_decides(VERDICT_ALLOW, REASON_OK, "pairing");
    assert_int_equal(1, up.starts);
    assert_int_equal(0, c->wants);
    up_ready();
    assert_true(c->want);
    exchange_body(c->x, STR("hello"));
    exchange_body_end(c->x, NULL);
    CHECK_STR("body", buf_str(&up.body), STR("hello"));
    assert_int_equal(1, up.finishes);
    up_head(204, HTTP_FRAMING_NONE, 0);
    up_end(NULL);
    check_ended(c, REASON_OK);
    assert_int_equal(5, logged.received);
}

static void test_back_pressure_both_ways(void **state)
{
    struct client *c = *state;
    begin(c, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    up_ready();
    assert_true(c->want);
    up.full = true;
    exchange_body(c->x, STR("a"));
    assert_false(c->want);
    up_drained();
    assert_true(c->want);
    exchange_body(c->x, STR("b"));
    assert_true(c->want);
    exchange_body_end(c->x, NULL);
    up_head(200, HTTP_FRAMING_CHUNKED, 0);
    up_body("1");
    assert_false(up.paused);
    c->full = true;
    up_body("2");
    assert_true(up.paused);
    c->full = false;
    exchange_drained(c->x);
    assert_false(up.paused);
    up_end(NULL);
    check_ended(c, REASON_OK);
}

struct interim_row {
    const char *says;
    const char *version;
    unsigned status;
    unsigned seen;
};

static const struct interim_row interim_rows[] = {
    {"hints pass", "1.1", 103, 103},
    {"not to HTTP/1.0", "1.0", 103, 0},
    {"100 is ours to send", "1.1", 100, 0},
};

static void test_interim_answers(void **state)
{
    for (size_t i = 0; i < ROWS(interim_rows); i++) {
        char text[128];
        if (i > 0) {
            (void)teardown(state);
            (void)setup(state);
        }
        struct client *c = *state;
        (void)snprintf(text, sizeof(text), "GET / HTTP/%s\r\nHost: h\r\n\r\n",
                       interim_rows[i].version);
        begin(c, text);
        up_ready();
        up_head(interim_rows[i].status, HTTP_FRAMING_NONE, 0);
        CHECK_ROW(interim_rows[i].says, c->interim == interim_rows[i].seen);
        up_head(200, HTTP_FRAMING_LENGTH, 0);
        up_end(NULL);
        check_ended(c, REASON_OK);
    }
}

static void test_trailers_where_declared(void **state)
{
    static const char request[] = "POST /trailers HTTP/1.1\r\nHost: h\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n";
    struct client *c = *state;
    struct fields trailers;
    begin(c, request);
    up_ready();
    fields_init(&trailers, exchange_arena(c->x));
    assert_int_equal(0, fields_add(&trailers, STR("X-Sum"), STR("1")));
    assert_int_equal(0, fields_add(&trailers, STR("X-Client-User"), STR("eve")));
    exchange_body_end(c->x, &trailers);
    CHECK_STR("up", buf_str(&up.trailers), STR("X-Sum: 1\n"));
    up_head(200, HTTP_FRAMING_CHUNKED, 0);
    fields_init(&trailers, exchange_arena(c->x));
    assert_int_equal(0, fields_add(&trailers, STR("X-Down"), STR("1")));
    up_end(&trailers);
    CHECK_STR("down", buf_str(&c->trailers), STR("X-Down: 1\n"));
}

static void test_trailers_elsewhere_are_dropped(void **state)
{
    struct client *c = *state;
    struct fields trailers;
    begin(c, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    up_ready();
    fields_init(&trailers, exchange_arena(c->x));
    assert_int_equal(0, fields_add(&trailers, STR("X-Sum"), STR("1")));
    exchange_body_end(c->x, &trailers);
    assert_int_equal(0, buf_len(&up.trailers));
    up_head(200, HTTP_FRAMING_CHUNKED, 0);
    up_end(&trailers);
    assert_int_equal(0, buf_len(&c->trailers));
}

/* ---- Refused ---- */

struct refusal {
    const char *says;
    enum reason why;
    unsigned status;
    bool keep_alive;
    const char *field; /* one that must be there; NULL: none */
};

static const struct refusal refusals[] = {
    {"no credentials", REASON_CREDENTIALS_MISSING, 401, true,
     "WWW-Authenticate: Basic realm=\"a \\\"realm\\\"\", charset=\"UTF-8\""},
    {"unknown user", REASON_USER_UNKNOWN, 401, true, "Cache-Control: no-store"},
    {"wrong password", REASON_PASSWORD_WRONG, 401, true, "Content-Type: application/problem+json"},
    {"pairing", REASON_PAIRING_MISMATCH, 403, true, NULL},
    {"identity twice", REASON_CERT_IDENTITY_REPEATED, 403, true, NULL},
    {"withdrawn: a new connection is needed", REASON_CLIENT_CERT_WITHDRAWN, 403, false, NULL},
    {"no certificate", REASON_CLIENT_CERT_MISSING, 400, false, NULL},
    {"two Authorization fields", REASON_CREDENTIALS_REPEATED, 400, false, NULL},
    {"queue full", REASON_PASSWORD_QUEUE_FULL, 503, true, "Retry-After: 1"},
    {"our mistake", REASON_INTERNAL, 500, true, NULL},
};

static void test_gate_refusals(void **state)
{
    for (size_t i = 0; i < ROWS(refusals); i++) {
        const struct refusal *row = &refusals[i];
        char wanted[512];
        if (i > 0) {
            (void)teardown(state);
            (void)setup(state);
        }
        struct client *c = *state;
        gate_will(VERDICT_DENY, row->why, "some step");
        begin(c, GET("/"));
        (void)snprintf(wanted, sizeof(wanted),
                       "{\"type\":\"about:blank\",\"title\":\"%.*s\",\"status\":%u,"
                       "\"detail\":\"%s\",\"request_id\":\"01020304050607080000000000\"}\n",
                       STR_ARG(http_status_phrase(row->status)), row->status,
                       reason_text(row->why));
        CHECK_STR(row->says, buf_str(&c->body), str_of(wanted));
        CHECK_ROW(row->says, c->status == row->status && c->length == strlen(wanted));
        CHECK_ROW(row->says, c->keep_alive == row->keep_alive);
        CHECK_ROW(row->says, row->field == NULL || has(&c->fields, row->field));
        CHECK_ROW(row->says, up.starts == 0);
        check_ended(c, row->why);
        CHECK_ROW(row->says, logged.user[0] == '\0');
        assert_string_equal("some step", logged.step);
    }
}

/* An attacker must not learn which names exist. */
static void test_unknown_user_and_wrong_password_look_the_same(void **state)
{
    static const enum reason both[] = {REASON_USER_UNKNOWN, REASON_PASSWORD_WRONG};
    char fields[2][1024];
    char body[2][1024];
    clock_fake(1000, 1000);
    for (size_t i = 0; i < 2; i++) {
        if (i > 0) {
            (void)teardown(state);
            (void)setup(state);
        }
        struct client *c = *state;
        gate_will(VERDICT_DENY, both[i], "password");
        begin(c, GET("/"));
        (void)snprintf(fields[i], sizeof(fields[i]), "%.*s", STR_ARG(buf_str(&c->fields)));
        (void)snprintf(body[i], sizeof(body[i]), "%.*s", STR_ARG(buf_str(&c->body)));
    }
    clock_fake(-1, -1);
    assert_string_equal(fields[0], fields[1]);
    assert_string_equal(body[0], body[1]);
}

static void test_a_forgotten_verdict_refuses(void **state)
{
    struct client *c = *state;
    gate_says = (struct gate_answer){0};
    begin(c, GET("/"));
    assert_int_equal(500, c->status);
    assert_int_equal(0, up.starts);
    check_ended(c, REASON_INTERNAL);
    (void)teardown(state);
    (void)setup(state);
    gate_will(VERDICT_NEXT, REASON_OK, "last");
    begin(c, GET("/"));
    assert_int_equal(500, c->status);
    assert_int_equal(0, up.starts);
}

static bool host_does_not_fit(void *arg, struct str host)
{
    (void)arg;
    return !str_eq(host, STR("other"));
}

struct early_row {
    const char *says;
    const char *request;
    enum reason why;
    unsigned status;
};

static const struct early_row early_rows[] = {
    {"a host of another policy", "GET / HTTP/1.1\r\nHost: other\r\n\r\n", REASON_MISDIRECTED, 421},
    {"no rule", "GET /no HTTP/1.1\r\nHost: only.example\r\n\r\n", REASON_NO_ROUTE, 404},
    {"above the root", "GET /../x HTTP/1.1\r\nHost: h\r\n\r\n", REASON_NO_ROUTE, 404},
    {"a body over the limit", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n",
     REASON_HTTP_BODY_TOO_LARGE, 413},
    {"a body over the rule's limit", "PUT /small HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n",
     REASON_HTTP_BODY_TOO_LARGE, 413},
};

static void test_refused_before_the_upstream(void **state)
{
    for (size_t i = 0; i < ROWS(early_rows); i++) {
        if (i > 0) {
            (void)teardown(state);
            (void)setup(state);
        }
        struct client *c = *state;
        loop_peer.host_fits = host_does_not_fit;
        begin(c, early_rows[i].request);
        CHECK_ROW(early_rows[i].says, c->status == early_rows[i].status);
        CHECK_ROW(early_rows[i].says, up.starts == 0 && c->wants == 0);
        check_ended(c, early_rows[i].why);
    }
}

static void test_a_chunked_body_over_the_limit(void **state)
{
    struct client *c = *state;
    begin(c, "POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    up_ready();
    exchange_body(c->x, STR("1234567890"));
    exchange_body(c->x, STR("1"));
    assert_int_equal(1, up.cancels);
    assert_int_equal(413, c->status);
    assert_false(c->keep_alive);
    CHECK_STR("nothing over it", buf_str(&up.body), STR("1234567890"));
    check_ended(c, REASON_HTTP_BODY_TOO_LARGE);
    exchange_body(c->x, STR("more"));
    exchange_body_end(c->x, NULL);
    assert_int_equal(1, logged.records);
}

static void test_over_the_limit_after_the_answer_began(void **state)
{
    struct client *c = *state;
    begin(c, "POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    up_ready();
    up_head(200, HTTP_FRAMING_CHUNKED, 0);
    exchange_body(c->x, STR("12345678901"));
    assert_int_equal(1, c->aborts);
    assert_int_equal(1, c->heads);
    check_ended(c, REASON_HTTP_BODY_TOO_LARGE);
}

static void test_refusing_what_could_not_be_parsed(void **state)
{
    struct client *c = *state;
    c->x = exchange_new(&loop_env, &loop_peer, &sink, c);
    assert_non_null(c->x);
    exchange_refuse(c->x, NULL, REASON_HTTP_BARE_LF);
    assert_int_equal(400, c->status);
    assert_false(c->keep_alive);
    check_ended(c, REASON_HTTP_BARE_LF);
}

static void test_head_has_no_body(void **state)
{
    struct client *c = *state;
    gate_will(VERDICT_DENY, REASON_PAIRING_MISMATCH, "pairing");
    begin(c, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(403, c->status);
    assert_true(c->length > 0);
    assert_int_equal(0, buf_len(&c->body));
}

/* ---- Failed on the way ---- */

static void test_upstream_failures(void **state)
{
    static const enum reason whys[] = {
        REASON_UPSTREAM_CONNECT_FAILED,   REASON_UPSTREAM_CONNECT_TIMEOUT,
        REASON_UPSTREAM_CLOSED,           REASON_UPSTREAM_BAD_RESPONSE,
        REASON_UPSTREAM_HEAD_TOO_LARGE,   REASON_UPSTREAM_TRUNCATED,
        REASON_UPSTREAM_RESPONSE_TIMEOUT, REASON_UPSTREAM_NONE_AVAILABLE,
        REASON_UPSTREAM_QUEUE_FULL,       REASON_OUT_OF_MEMORY,
    };
    for (size_t i = 0; i < ROWS(whys); i++) {
        if (i > 0) {
            (void)teardown(state);
            (void)setup(state);
        }
        struct client *c = *state;
        begin(c, GET("/"));
        if (i % 2 == 0) {
            up_ready();
        }
        up_fail(whys[i]);
        CHECK_ROW(reason_token(whys[i]), c->status == reason_status(whys[i]));
        check_ended(c, whys[i]);
    }
}

static void test_a_failure_in_the_answer_breaks_off(void **state)
{
    struct client *c = *state;
    begin(c, GET("/"));
    up_ready();
    up_head(200, HTTP_FRAMING_LENGTH, 10);
    up_body("123");
    up_fail(REASON_UPSTREAM_TRUNCATED);
    assert_int_equal(0, c->ends);
    assert_int_equal(1, c->aborts);
    check_ended(c, REASON_UPSTREAM_TRUNCATED);
    assert_int_equal(200, logged.status);
}

static void test_switching_protocols_is_refused(void **state)
{
    struct client *c = *state;
    begin(c, GET("/"));
    up_ready();
    up_head(101, HTTP_FRAMING_NONE, 0);
    assert_int_equal(502, c->status);
    assert_int_equal(1, up.cancels);
    check_ended(c, REASON_UPSTREAM_BAD_RESPONSE);
}

/* Where the client is lost: at the gate, before the server is ready, in the body, in the answer. */
static void test_the_client_goes_away(void **state)
{
    for (int stage = 0; stage < 4; stage++) {
        if (stage > 0) {
            (void)teardown(state);
            (void)setup(state);
        }
        struct client *c = *state;
        if (stage == 0) {
            gate_will(VERDICT_WAIT, REASON_OK, "password");
        }
        begin(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
        if (stage > 1) {
            up_ready();
        }
        if (stage > 2) {
            up_head(200, HTTP_FRAMING_CHUNKED, 0);
        }
        exchange_fail(c->x, REASON_CLIENT_CLOSED);
        assert_int_equal(1, c->aborts);
        assert_int_equal(stage > 0 ? 1 : 0, up.cancels);
        check_ended(c, REASON_CLIENT_CLOSED);
        if (stage == 0) {
            gate_decides(VERDICT_ALLOW, REASON_OK, "pairing"); /* too late */
            assert_int_equal(0, up.starts);
        }
        assert_int_equal(1, logged.records);
    }
}

static void test_a_slow_body_is_told(void **state)
{
    struct client *c = *state;
    begin(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
    up_ready();
    exchange_fail(c->x, REASON_BODY_TIMEOUT);
    assert_int_equal(408, c->status);
    assert_false(c->keep_alive);
    assert_int_equal(1, up.cancels);
    check_ended(c, REASON_BODY_TIMEOUT);
}

static void test_freed_in_the_middle(void **state)
{
    struct client *c = *state;
    begin(c, GET("/"));
    exchange_free(c->x);
    c->x = NULL;
    assert_int_equal(1, up.cancels);
    assert_int_equal(1, logged.records);
    assert_int_equal(REASON_CLIENT_CLOSED, logged.reason);
    assert_int_equal(0, metrics_sum(loop_env.region, METRIC_REQUESTS_ACTIVE));
}

static void test_the_answer_before_the_body_ends(void **state)
{
    struct client *c = *state;
    begin(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\n");
    up_ready();
    exchange_body(c->x, STR("12345"));
    up_head(403, HTTP_FRAMING_LENGTH, 0);
    up_end(NULL);
    assert_int_equal(403, c->status);
    check_ended(c, REASON_OK);
    exchange_body(c->x, STR("6"));
    exchange_body_end(c->x, NULL);
    exchange_drained(c->x);
    exchange_fail(c->x, REASON_CLIENT_CLOSED);
    assert_int_equal(1, logged.records);
    CHECK_STR("body", buf_str(&up.body), STR("12345"));
}

/* ---- Request ids ---- */

struct id_row {
    const char *says;
    bool trusted;
    const char *sent;
    bool taken;
};

static const struct id_row id_rows[] = {
    {"of a trusted peer", true, "X-Request-Id: abc-1\r\n", true},
    {"of anyone else", false, "X-Request-Id: abc-1\r\n", false},
    {"twice", true, "X-Request-Id: abc-1\r\nX-Request-Id: abc-1\r\n", false},
    {"empty", true, "X-Request-Id:\r\n", false},
    {"with a blank", true, "X-Request-Id: abc 1\r\n", false},
    {"not ASCII", true, "X-Request-Id: abc\xc3\xa4\r\n", false},
    {"too long", true,
     "X-Request-Id: 0123456789012345678901234567890123456789012345678901234567890123456789012345678"
     "90123456789012345678901234567890123456789012345678\r\n",
     false},
};

static void test_request_ids(void **state)
{
    for (size_t i = 0; i < ROWS(id_rows); i++) {
        char text[512];
        if (i > 0) {
            (void)teardown(state);
            (void)setup(state);
        }
        struct client *c = *state;
        loop_peer.trusted = id_rows[i].trusted;
        gate_will(VERDICT_DENY, REASON_PAIRING_MISMATCH, "pairing");
        (void)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n", id_rows[i].sent);
        begin(c, text);
        CHECK_ROW(id_rows[i].says, (strcmp(logged.id, "abc-1") == 0) == id_rows[i].taken);
        CHECK_ROW(id_rows[i].says, strlen(logged.id) == (id_rows[i].taken ? 5 : 26));
    }
}

/* ---- Local answers ---- */

static void answer_locally(void *arg, const struct http_request *request, struct local_answer *out)
{
    (void)arg;
    (void)request;
    out->status = 200;
    out->content_type = STR("text/plain");
    assert_int_equal(0, buf_append(&out->body, STR("alive\n")));
}

static void test_local_answers(void **state)
{
    struct client *c = *state;
    loop_peer.local = answer_locally;
    gate_will(VERDICT_DENY, REASON_PAIRING_MISMATCH, "pairing");
    begin(c, GET("/livez"));
    assert_int_equal(200, c->status);
    CHECK_STR("body", buf_str(&c->body), STR("alive\n"));
    assert_true(has(&c->fields, "Content-Type: text/plain"));
    assert_true(exchange_finished(c->x));
    assert_int_equal(1, c->ends);
    assert_int_equal(0, logged.records); /* probes would drown the clients' requests */
    assert_int_equal(0, metrics_sum(loop_env.region, METRIC_REQUESTS_ACTIVE));
}

/* ---- Memory ---- */

/* Every allocation of a request fails in turn: never let through half, always exactly one end. */
static void test_no_memory(void **state)
{
    for (unsigned long n = 1; n < 60; n++) {
        (void)teardown(state);
        (void)setup(state);
        struct client *c = *state;
        mem_fail_after(n, false);
        struct http_request *head =
            receive(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-Client-User: eve"
                       "\r\n\r\n");
        if (head != NULL) {
            exchange_begin(c->x, head);
        }
        mem_fail_after(0, false);
        if (up.open) {
            struct buf got;
            buf_init(&got, 4096);
            loopback_fields(&got, &up_call.request->fields);
            assert_true(has(&got, "X-Client-User: alice"));
            assert_false(has(&got, "X-Client-User: eve"));
            buf_release(&got);
            up_fail(REASON_UPSTREAM_CLOSED);
        }
        if (head != NULL) {
            assert_int_equal(1, c->ends + c->aborts);
            assert_int_equal(1, logged.records);
        }
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_request_and_its_answer),
        TEST(test_what_the_upstream_gets),
        TEST(test_only_verified_certificates_are_vouched_for),
        TEST(test_waiting_for_a_password),
        TEST(test_back_pressure_both_ways),
        TEST(test_interim_answers),
        TEST(test_trailers_where_declared),
        TEST(test_trailers_elsewhere_are_dropped),
        TEST(test_gate_refusals),
        TEST(test_unknown_user_and_wrong_password_look_the_same),
        TEST(test_a_forgotten_verdict_refuses),
        TEST(test_refused_before_the_upstream),
        TEST(test_a_chunked_body_over_the_limit),
        TEST(test_over_the_limit_after_the_answer_began),
        TEST(test_refusing_what_could_not_be_parsed),
        TEST(test_head_has_no_body),
        TEST(test_upstream_failures),
        TEST(test_a_failure_in_the_answer_breaks_off),
        TEST(test_switching_protocols_is_refused),
        TEST(test_the_client_goes_away),
        TEST(test_a_slow_body_is_told),
        TEST(test_freed_in_the_middle),
        TEST(test_the_answer_before_the_body_ends),
        TEST(test_request_ids),
        TEST(test_local_answers),
        TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
