/* One connection to a server: which misbehaviour has which reason, and after what the connection is
 * used again. */
#include "tests/unit/proxy/upstream/owner.h"

#define IN(literal)                                                                                \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define OK "HTTP/1.1 200 OK\r\n"

struct row {
    const char *says;
    struct str answer;
    const char *told;
    enum fake_after after;
    bool reused;
};

static const struct row rows[] = {
    {"a plain answer", IN(OK "Content-Length: 2\r\n\r\nok"), "ready 200 body:2 end", FAKE_KEEP,
     true},
    {"chunked", IN(OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
     "ready 200 body:2 end", FAKE_KEEP, true},
    {"chunked with trailers",
     IN(OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-A: b\r\n\r\n"),
     "ready 200 body:2 end", FAKE_KEEP, true},
    {"no body at all", IN("HTTP/1.1 204 No Content\r\n\r\n"), "ready 204 body:0 end", FAKE_KEEP,
     true},
    {"empty body", IN(OK "Content-Length: 0\r\n\r\n"), "ready 200 body:0 end", FAKE_KEEP, true},
    {"an interim answer first",
     IN("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK "Content-Length: 2\r\n\r\nok"),
     "ready 103 200 body:2 end", FAKE_KEEP, true},
    {"100 Continue is told", IN("HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 0\r\n\r\n"),
     "ready 100 200 body:0 end", FAKE_KEEP, true},

    {"until the end of the connection", IN(OK "\r\nok"), "ready 200 body:2 end", FAKE_CLOSE, false},
    {"Connection: close", IN(OK "Connection: close\r\nContent-Length: 2\r\n\r\nok"),
     "ready 200 body:2 end", FAKE_KEEP, false},
    {"HTTP/1.0", IN("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"), "ready 200 body:2 end",
     FAKE_KEEP, false},
    {"octets behind the answer", IN(OK "Content-Length: 2\r\n\r\nokHTTP/1.1"),
     "ready 200 body:2 end", FAKE_KEEP, false},
    {"a second answer", IN(OK "Content-Length: 2\r\n\r\nok" OK "Content-Length: 2\r\n\r\nno"),
     "ready 200 body:2 end", FAKE_KEEP, false},
    {"a CR LF behind the answer", IN(OK "Content-Length: 2\r\n\r\nok\r\n"), "ready 200 body:2 end",
     FAKE_KEEP, false},
    {"complete, then closed", IN(OK "Content-Length: 2\r\n\r\nok"), "ready 200 body:2 end",
     FAKE_CLOSE, false},

    {"closed before the answer", {NULL, 0}, "ready upstream_closed", FAKE_CLOSE, false},
    {"reset before the answer", {NULL, 0}, "ready upstream_closed", FAKE_RESET, false},
    {"closed in the head", IN("HTTP/1.1 200 O"), "ready upstream_truncated", FAKE_CLOSE, false},
    {"closed after an interim answer", IN("HTTP/1.1 103 Early Hints\r\n\r\n"),
     "ready 103 upstream_truncated", FAKE_CLOSE, false},
    {"short body", IN(OK "Content-Length: 9\r\n\r\nok"), "ready 200 upstream_truncated", FAKE_CLOSE,
     false},
    {"reset in the body", IN(OK "Content-Length: 9\r\n\r\nok"), "ready 200 upstream_truncated",
     FAKE_RESET, false},
    {"no last chunk", IN(OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"),
     "ready 200 upstream_truncated", FAKE_CLOSE, false},
    {"a chunk size that is none", IN(OK "Transfer-Encoding: chunked\r\n\r\nxyz\r\nok\r\n"),
     "ready upstream_bad_response", FAKE_KEEP, false},
    {"a chunk longer than its size", IN(OK "Transfer-Encoding: chunked\r\n\r\n2\r\nokok\r\n"),
     "ready upstream_bad_response", FAKE_KEEP, false},
    {"NUL in a value", IN(OK "X: a\0b\r\nContent-Length: 0\r\n\r\n"), "ready upstream_bad_response",
     FAKE_KEEP, false},
    {"bare LF", IN("HTTP/1.1 200 OK\nContent-Length: 0\n\n"), "ready upstream_bad_response",
     FAKE_KEEP, false},
    {"two lengths", IN(OK "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
     "ready upstream_bad_response", FAKE_KEEP, false},
    {"length and chunked",
     IN(OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     "ready upstream_bad_response", FAKE_KEEP, false},
    {"another protocol", IN("SSH-2.0-OpenSSH_9.2\r\n\r\n"), "ready upstream_bad_response",
     FAKE_KEEP, false},
    {"101 that nobody asked for", IN("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
     "ready upstream_bad_response", FAKE_KEEP, false},
};

/* A second request tells by the number of connections whether the first one's was kept. */
static void run_row(const struct row *row)
{
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    r.group.fail_max = 0;
    rig_start(&r);
    r.fakes[0].answer = row->answer;
    r.fakes[0].after = row->after;
    rig_get(&r, &o);
    CHECK_STR(row->says, str_of(o.told), str_of(row->told));
    rig_rest(&r, 20); /* for an end that comes behind a complete answer */

    r.fakes[0].answer = STR("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext");
    r.fakes[0].after = FAKE_KEEP;
    rig_get(&r, &o);
    CHECK_STR(row->says, str_of(o.told), STR("ready 200 body:4 end"));
    CHECK_ROW(row->says, r.fakes[0].accepted == (row->reused ? 1 : 2));
    CHECK_ROW(row->says, rig_metric(&r, METRIC_UPSTREAM_REUSED_TOTAL) == (row->reused ? 1 : 0));
    CHECK_ROW(row->says, rig_metric(&r, METRIC_UPSTREAM_RETRIES_TOTAL) == 0);
    rig_fini(&r);
}

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        run_row(&rows[i]);
    }
}

static void test_huge_head(void **state)
{
    (void)state;
    static char head[100000] = "HTTP/1.1 200 OK\r\nX: ";
    struct rig r;
    struct owner o;
    memset(head + strlen(head), 'a', sizeof(head) - strlen(head) - 1);
    rig_init(&r, 1);
    rig_start(&r);
    r.fakes[0].answer = (struct str){head, sizeof(head) - 1};
    rig_get(&r, &o);
    assert_string_equal(o.told, "ready upstream_head_too_large");
    rig_fini(&r);
}

static void test_flood_of_interim_answers(void **state)
{
    (void)state;
    static char flood[25001];
    struct rig r;
    struct owner o;
    for (size_t i = 0; i < 1000; i++) {
        memcpy(flood + 25 * i, "HTTP/1.1 100 Continue\r\n\r\n", 26);
    }
    rig_init(&r, 1);
    rig_start(&r);
    r.fakes[0].answer = (struct str){flood, (size_t)25 * 1000};
    rig_get(&r, &o);
    assert_true(o.failed);
    assert_int_equal(o.why, REASON_UPSTREAM_BAD_RESPONSE);
    rig_fini(&r);
}

static void test_hang(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str answer;
        const char *told;
    } hangs[] = {
        {"no answer", {NULL, 0}, "ready upstream_response_timeout"},
        {"half a head", IN("HTTP/1.1 200 OK\r\n"), "ready upstream_response_timeout"},
        {"an interim answer only", IN("HTTP/1.1 100 Continue\r\n\r\n"),
         "ready 100 upstream_response_timeout"},
        {"half a body", IN(OK "Content-Length: 9\r\n\r\nok"), "ready 200 upstream_body_timeout"},
        {"a body without end", IN(OK "\r\nok"), "ready 200 upstream_body_timeout"},
    };
    for (size_t i = 0; i < ROWS(hangs); i++) {
        struct rig r;
        struct owner o;
        rig_init(&r, 1);
        r.group.response_timeout_ms = 40;
        r.group.body_idle_timeout_ms = 40;
        rig_start(&r);
        r.fakes[0].answer = hangs[i].answer;
        rig_get(&r, &o);
        CHECK_STR(hangs[i].says, str_of(o.told), str_of(hangs[i].told));
        rig_fini(&r);
    }
}

static void test_server_that_takes_nothing(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    r.group.response_timeout_ms = 60;
    rig_start(&r);
    r.fakes[0].deaf = true;
    owner_init(&o, &r);
    o.request.method = HTTP_METHOD_PUT;
    o.request.framing = HTTP_FRAMING_LENGTH;
    o.request.length = UINT64_C(64) * 1024 * 1024;
    o.to_send = o.request.length;
    owner_start(&o);
    loop_run(r.loop);
    assert_string_equal(o.told, "ready upstream_response_timeout");
    owner_fini(&o);
    rig_fini(&r);
}

static void test_client_that_rests_is_not_the_servers_fault(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    r.group.response_timeout_ms = 30;
    rig_start(&r);
    owner_init(&o, &r);
    o.request.method = HTTP_METHOD_PUT;
    o.request.framing = HTTP_FRAMING_CHUNKED;
    o.never_finishes = true;
    o.leaves_loop_running = true;
    r.fakes[0].answer = STR_NONE;
    owner_start(&o);
    rig_rest(&r, 200);
    assert_string_equal(o.told, "ready");
    upstream_call_finish(o.call, NULL); /* now it is the server's turn */
    o.leaves_loop_running = false;
    loop_run(r.loop);
    assert_string_equal(o.told, "ready upstream_response_timeout");
    owner_fini(&o);
    rig_fini(&r);
}

static void test_idle_connection_is_watched(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    rig_start(&r);
    rig_get(&r, &o);
    assert_int_equal(rig_metric(&r, METRIC_UPSTREAM_IDLE), 1);
    struct fake_conn *c = LIST_ENTRY(r.fakes[0].conns.next, struct fake_conn, link);
    assert_int_equal(send(c->fd, OK, sizeof(OK) - 1, 0), sizeof(OK) - 1);
    rig_rest(&r, 20);
    assert_int_equal(rig_metric(&r, METRIC_UPSTREAM_IDLE), 0);

    rig_get(&r, &o);
    assert_int_equal(rig_metric(&r, METRIC_UPSTREAM_IDLE), 1);
    fake_drop_conns(&r.fakes[0]);
    rig_rest(&r, 20);
    assert_int_equal(rig_metric(&r, METRIC_UPSTREAM_IDLE), 0);
    assert_int_equal(r.fakes[0].accepted, 2);
    rig_fini(&r);
}

static void test_idle_connection_ends_in_time(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    r.group.keepalive_ms = 30;
    rig_start(&r);
    rig_get(&r, &o);
    assert_int_equal(rig_metric(&r, METRIC_UPSTREAM_IDLE), 1);
    rig_rest(&r, 120);
    assert_int_equal(rig_metric(&r, METRIC_UPSTREAM_IDLE), 0);
    assert_true(list_empty(&r.fakes[0].conns));
    rig_fini(&r);
}

/* An answer before the request was finished. */
static void test_early_answer(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str answer;
        unsigned status;
    } early[] = {
        {"refused", IN("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"), 413},
        {"a success", IN(OK "Content-Length: 2\r\n\r\nok"), 200},
    };
    for (size_t i = 0; i < ROWS(early); i++) {
        struct rig r;
        struct owner o;
        rig_init(&r, 1);
        rig_start(&r);
        r.fakes[0].answer = early[i].answer;
        owner_init(&o, &r);
        o.request.method = HTTP_METHOD_PUT;
        o.request.framing = HTTP_FRAMING_LENGTH;
        o.request.length = 1024;
        o.to_send = 512;
        o.never_finishes = true;
        owner_start(&o);
        loop_run(r.loop);
        CHECK_ROW(early[i].says, o.status == early[i].status && o.received == 2 && !o.failed);
        owner_fini(&o);
        CHECK_ROW(early[i].says, rig_metric(&r, METRIC_UPSTREAM_IDLE) == 0);
        rig_get(&r, &o);
        CHECK_ROW(early[i].says, r.fakes[0].accepted == 2);
        rig_fini(&r);
    }
}

static void test_body_of_another_length_than_promised(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        uint64_t promised;
        uint64_t sent;
    } lengths[] = {
        {"more", 10, 11},
        {"less", 10, 9},
        {"some for none", 0, 1},
    };
    for (size_t i = 0; i < ROWS(lengths); i++) {
        struct rig r;
        struct owner o;
        rig_init(&r, 1);
        rig_start(&r);
        r.fakes[0].whole_body = true; /* it never comes */
        r.fakes[0].expect = 100000;
        owner_init(&o, &r);
        o.request.method = HTTP_METHOD_PUT;
        o.request.framing = HTTP_FRAMING_LENGTH;
        o.request.length = lengths[i].promised;
        o.to_send = lengths[i].sent;
        owner_start(&o);
        loop_run(r.loop);
        CHECK_STR(lengths[i].says, str_of(o.told), STR("ready internal"));
        owner_fini(&o);
        rig_fini(&r);
    }
}

static void test_request_as_sent(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    rig_start(&r);
    r.fakes[0].whole_body = true;
    r.fakes[0].expect = strlen("POST /x HTTP/1.1\r\nHost: api\r\nX-A: b\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n3\r\nuuu\r\n1\r\nu\r\n0\r\n\r\n");
    owner_init(&o, &r);
    o.request.method = HTTP_METHOD_POST;
    o.request.framing = HTTP_FRAMING_CHUNKED;
    assert_int_equal(fields_add(&o.request.fields, STR("X-A"), STR("b")), 0);
    o.to_send = 4;
    o.piece = 3;
    owner_start(&o);
    loop_run(r.loop);
    assert_string_equal(o.told, "ready 200 body:2 end");
    struct str sent = {r.fakes[0].first, r.fakes[0].first_n};
    CHECK_STR("a chunked request", sent,
              STR("POST /x HTTP/1.1\r\nHost: api\r\nX-A: b\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n3\r\nuuu\r\n1\r\nu\r\n0\r\n\r\n"));
    owner_fini(&o);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_huge_head),
        cmocka_unit_test(test_flood_of_interim_answers),
        cmocka_unit_test(test_hang),
        cmocka_unit_test(test_server_that_takes_nothing),
        cmocka_unit_test(test_client_that_rests_is_not_the_servers_fault),
        cmocka_unit_test(test_idle_connection_is_watched),
        cmocka_unit_test(test_idle_connection_ends_in_time),
        cmocka_unit_test(test_early_answer),
        cmocka_unit_test(test_body_of_another_length_than_promised),
        cmocka_unit_test(test_request_as_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
