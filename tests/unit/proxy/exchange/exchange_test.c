/* What becomes of a request that is let through: bodies both ways, and every way in which it may
 * fail. Each end has its answer, its one record and its count. */
#include "tests/unit/proxy/exchange/client.h"

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
    assert_true(logged.allowed);
    assert_int_equal(5, logged.sent);
}

/* Done with this exchange; the next one is counted from 0. */
static void next(struct client *c)
{
    exchange_free(c->x);
    h1_reader_free(c->reader);
    memset(&logged, 0, sizeof(logged));
    c->heads = 0;
    c->ends = 0;
}

/* The memory of an exchange is used again: by somebody else, whose request fails early. */
static void test_nothing_is_left_of_the_one_before(void **state)
{
    struct client *c = *state;
    begin(c, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
    up_ready();
    exchange_body(c->x, STR("hello"));
    exchange_body_end(c->x, NULL);
    up_head(200, HTTP_FRAMING_LENGTH, 2);
    up_body("ok");
    up_end(NULL);
    check_ended(c, REASON_OK);
    const struct exchange *before = c->x;
    next(c);
    gate_will(VERDICT_DENY, REASON_PASSWORD_WRONG, "password");
    begin(c, GET("/b"));
    assert_ptr_equal(before, c->x);
    check_ended(c, REASON_PASSWORD_WRONG);
    assert_string_equal("", logged.user);
    assert_string_equal("password", logged.step);
    assert_int_equal(0, logged.received);
    assert_int_equal(401, logged.status);
    /* Freed in the middle, and the next one is not refused for what the last one was. */
    next(c);
    gate_will(VERDICT_ALLOW, REASON_OK, "pairing");
    begin(c, GET("/c"));
    assert_true(up.open);
    next(c);
    begin(c, GET("/d"));
    up_ready();
    up_head(204, HTTP_FRAMING_NONE, 0);
    up_end(NULL);
    check_ended(c, REASON_OK);
    assert_string_equal("alice", logged.user);
    assert_int_equal(0, logged.sent);
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
    c->full = true;
    up_body("3");
    assert_true(up.paused);
    exchange_drained(c->x);
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
        TEST(test_upstream_failures),
        TEST(test_a_failure_in_the_answer_breaks_off),
        TEST(test_switching_protocols_is_refused),
        TEST(test_the_client_goes_away),
        TEST(test_a_slow_body_is_told),
        TEST(test_nothing_is_left_of_the_one_before),
        TEST(test_freed_in_the_middle),
        TEST(test_the_answer_before_the_body_ends),
        TEST(test_request_ids),
        TEST(test_local_answers),
        TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
