/* What becomes of a request that is refused: the exact answer, the one record, the count, and
 * nothing to the upstream. */
#include "tests/unit/proxy/exchange/client.h"

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
        CHECK_ROW(row->says, logged.user[0] == '\0' && !logged.allowed);
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

/* A route that only reports: what passes nevertheless, as whom, and with what. */
static const struct report_row {
    const char *says;
    enum reason why;     /* of the gate's refusal */
    enum reason claimed; /* of whose password was proven */
    enum reason then;    /* of the certificate's user */
    enum reason outcome;
    const char *user; /* as the gate says */
    bool by_password;
} report_rows[] = {
    {"withdrawn, no password", REASON_CREDENTIALS_MISSING, REASON_OK, REASON_USER_WITHDRAWN,
     REASON_USER_WITHDRAWN, NULL, false},
    {"closed, a wrong password", REASON_PASSWORD_WRONG, REASON_OK, REASON_USER_DISABLED,
     REASON_USER_DISABLED, NULL, false},
    {"another certificate is pinned", REASON_LOCKED_OUT, REASON_OK, REASON_CERT_NOT_PINNED,
     REASON_CERT_NOT_PINNED, NULL, false},
    {"withdrawn meanwhile", REASON_PASSWORD_WRONG, REASON_OK, REASON_CLIENT_CERT_WITHDRAWN,
     REASON_CLIENT_CERT_WITHDRAWN, NULL, false},
    {"nobody knows", REASON_CREDENTIALS_MISSING, REASON_OK, REASON_USER_STORE_UNAVAILABLE,
     REASON_USER_STORE_UNAVAILABLE, NULL, false},
    {"whose password it is is withdrawn", REASON_PAIRING_MISMATCH, REASON_USER_WITHDRAWN, REASON_OK,
     REASON_USER_WITHDRAWN, NULL, false},
    {"we cannot tell", REASON_CREDENTIALS_MISSING, REASON_OK, REASON_INTERNAL, REASON_INTERNAL,
     NULL, false},
    {"no part of a report", REASON_USER_EXPIRED, REASON_OK, REASON_OK, REASON_USER_EXPIRED, NULL,
     false},
    {"in order", REASON_PASSWORD_WRONG, REASON_OK, REASON_OK, REASON_OK, NULL, false},
    {"proven, asked already", REASON_GROUP_MISSING, REASON_OK, REASON_USER_DISABLED, REASON_OK,
     "alice", false},
    {"proven by password", REASON_GROUP_MISSING, REASON_OK, REASON_OK, REASON_OK, "alice", true},
};

static bool take_user(void *arg, struct str user)
{
    char *told = arg;
    (void)snprintf(told, 16, "%.*s", STR_ARG(user));
    return true;
}

static void test_reports(void **state)
{
    for (size_t i = 0; i < ROWS(report_rows) * 2; i++) {
        const struct report_row *row = &report_rows[i / 2];
        char told[16] = "before";
        if (i > 0) {
            (void)teardown(state);
            (void)setup(state);
        }
        struct client *c = *state;
        loop_peer.gate.certificate = REASON_OK;
        loop_peer.on_user = take_user;
        loop_peer.on_user_arg = told;
        gate_will(VERDICT_DENY, row->why, "first");
        gate_says.user = row->user != NULL ? str_of(row->user) : STR_NONE;
        gate_says.user_by_password = row->by_password;
        gate_says_of_claimed = row->claimed;
        bool later = i % 2 != 0 && row->claimed == REASON_OK && row->user == NULL &&
                     row->why != REASON_USER_EXPIRED;
        bool fine = row->then == REASON_OK;
        struct gate_answer then = {
            .verdict = fine ? VERDICT_ALLOW : VERDICT_DENY, .reason = row->then, .step = "user"};
        gate_says_then = then;
        gate_says_then.verdict = later ? VERDICT_WAIT : then.verdict;
        begin(c, "GET /report HTTP/1.1\r\nHost: h\r\nAuthorization: Basic YTpi\r\n\r\n");
        if (later) {
            assert_int_equal(0, up.starts);
            gate_now->answer = then;
            gate_now->done(gate_now->arg);
        }
        CHECK_ROW(row->says, up.starts == (row->outcome == REASON_OK ? 1 : 0));
        if (row->outcome != REASON_OK) {
            CHECK_ROW(row->says, c->status == reason_status(row->outcome));
            assert_string_equal(told, "before");
            check_ended(c, row->outcome);
            CHECK_ROW(row->says, !logged.allowed);
            continue;
        }
        /* The connection is closed with that user, or with the certificate's where none was proven.
         */
        assert_string_equal(told, row->user != NULL ? row->user : "");
        const struct fields *sent = &up_call.request->fields;
        CHECK_ROW(row->says, (fields_find(sent, STR("Authorization")) != NULL) == row->by_password);
        CHECK_ROW(row->says,
                  (fields_find(sent, STR("X-Client-User")) != NULL) == (row->user != NULL));
        up_fail(REASON_UPSTREAM_CLOSED);
        CHECK_ROW(row->says, logged.allowed);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gate_refusals),
        TEST(test_unknown_user_and_wrong_password_look_the_same),
        TEST(test_a_forgotten_verdict_refuses),
        TEST(test_reports),
        TEST(test_refused_before_the_upstream),
        TEST(test_a_chunked_body_over_the_limit),
        TEST(test_over_the_limit_after_the_answer_began),
        TEST(test_refusing_what_could_not_be_parsed),
        TEST(test_head_has_no_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
