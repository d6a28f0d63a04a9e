/* Calls: what is tried again, what is not; giving up at every stage; bodies of 16 MiB in bounded
 * memory; memory that runs out. */
#include <malloc.h>

#include "tests/unit/proxy/upstream/owner.h"

#define BIG        (UINT64_C(16) * 1024 * 1024)
#define GROWTH_MAX ((size_t)1024 * 1024)

static void test_other_server_when_one_cannot_be_reached(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 2);
    rig_start(&r);
    rig_refuse(&r, 0);
    rig_get(&r, &o);
    assert_string_equal(o.told, "ready 200 body:2 end");
    assert_string_equal(o.server, r.texts[1]);
    assert_int_equal(rig_metric(&r, METRIC_UPSTREAM_RETRIES_TOTAL), 1);
    rig_fini(&r);
}

static void test_only_one_other_is_tried(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 3);
    rig_start(&r);
    rig_refuse(&r, 0);
    rig_refuse(&r, 1);
    rig_get(&r, &o);
    assert_string_equal(o.told, "upstream_connect_failed");
    assert_int_equal(r.fakes[2].accepted, 0);
    rig_fini(&r);
}

static void test_refused_without_another(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    r.group.fail_max = 2;
    rig_start(&r);
    rig_refuse(&r, 0);
    rig_get(&r, &o);
    assert_string_equal(o.told, "upstream_connect_failed");
    rig_get(&r, &o);
    assert_string_equal(o.told, "upstream_connect_failed");
    assert_int_equal(rig_metric(&r, METRIC_UPSTREAM_SET_ASIDE_TOTAL), 1);
    rig_get(&r, &o); /* now it is set aside, and nobody else is there */
    assert_string_equal(o.told, "upstream_none_available");
    assert_string_equal(o.server, "");
    rig_fini(&r);
}

static void test_set_aside_and_back(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    r.group.fail_max = 1;
    r.group.fail_ms = 60;
    rig_start(&r);
    rig_refuse(&r, 0);
    rig_get(&r, &o);
    rig_get(&r, &o);
    assert_string_equal(o.told, "upstream_none_available");
    fake_listen(&r.fakes[0]);
    rig_rest(&r, 100);
    rig_get(&r, &o);
    assert_string_equal(o.told, "ready 200 body:2 end");
    rig_get(&r, &o);
    assert_string_equal(o.told, "ready 200 body:2 end");
    rig_fini(&r);
}

/* The one request that tries a server is given up: the next one may try. */
static void test_try_that_was_cancelled(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    r.group.fail_max = 1;
    r.group.fail_ms = 1;
    rig_start(&r);
    rig_refuse(&r, 0);
    rig_get(&r, &o);
    fake_listen(&r.fakes[0]);
    rig_rest(&r, 40);
    owner_init(&o, &r);
    o.cancel_at = CANCEL_AT_READY;
    owner_start(&o);
    loop_run(r.loop);
    assert_string_equal(o.told, "ready cancel");
    owner_fini(&o);
    rig_get(&r, &o);
    assert_string_equal(o.told, "ready 200 body:2 end");
    rig_fini(&r);
}

static void test_connect_timeout(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    int fillers[8];
    rig_init(&r, 1);
    r.group.connect_timeout_ms = 60;
    rig_start(&r);
    loop_watch_close(r.fakes[0].watch); /* nobody accepts, and the queue is full */
    r.fakes[0].watch = NULL;
    assert_int_equal(listen(r.fakes[0].fd, 0), 0);
    for (size_t i = 0; i < ROWS(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], &r.servers[0].address.sa, addr_len(&r.servers[0].address));
    }
    rig_get(&r, &o);
    assert_string_equal(o.told, "upstream_connect_timeout");
    for (size_t i = 0; i < ROWS(fillers); i++) {
        (void)close(fillers[i]);
    }
    rig_fini(&r);
}

/* A kept connection that ends as the next request is sent. */
static void test_stale_connection(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        uint64_t body;
        const char *told;
        enum http_method method;
        bool again;
    } rows[] = {
        {"GET is sent again", 0, "ready 200 body:2 end", HTTP_METHOD_GET, true},
        {"PUT without body is sent again", 0, "ready 200 body:2 end", HTTP_METHOD_PUT, true},
        {"PUT with a body is not", 4, "ready upstream_closed", HTTP_METHOD_PUT, false},
        {"POST is not", 0, "ready upstream_closed", HTTP_METHOD_POST, false},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig r;
        struct owner o;
        rig_init(&r, 1);
        rig_start(&r);
        rig_get(&r, &o);
        CHECK_STR(rows[i].says, str_of(o.told), STR("ready 200 body:2 end"));
        /* The server reads the request and closes instead of answering. */
        r.fakes[0].unanswered = 2;
        owner_init(&o, &r);
        o.request.method = rows[i].method;
        o.request.framing = rows[i].body > 0 ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_NONE;
        o.request.length = rows[i].body;
        o.to_send = rows[i].body;
        owner_start(&o);
        loop_run(r.loop);
        CHECK_STR(rows[i].says, str_of(o.told), str_of(rows[i].told));
        CHECK_ROW(rows[i].says, r.fakes[0].accepted == (rows[i].again ? 2 : 1));
        CHECK_ROW(rows[i].says, rig_metric(&r, METRIC_UPSTREAM_RETRIES_TOTAL) == rows[i].again);
        owner_fini(&o);
        rig_fini(&r);
    }
}

/* Octets that nobody asked for, and that the loop has not seen yet, are nobody's answer. */
static void test_kept_connection_with_octets(void **state)
{
    (void)state;
    static const enum http_method methods[] = {HTTP_METHOD_GET, HTTP_METHOD_HEAD, HTTP_METHOD_POST};
    static const char evil[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for (size_t i = 0; i < ROWS(methods); i++) {
        struct rig r;
        struct owner o;
        rig_init(&r, 1);
        rig_start(&r);
        rig_get(&r, &o);
        const struct fake_conn *kept = LIST_ENTRY(r.fakes[0].conns.next, struct fake_conn, link);
        assert_int_equal(write(kept->fd, evil, strlen(evil)), strlen(evil));
        owner_init(&o, &r);
        o.request.method = methods[i];
        owner_start(&o);
        loop_run(r.loop);
        assert_int_equal(r.fakes[0].accepted, 2);
        assert_int_equal(rig_metric(&r, METRIC_UPSTREAM_REUSED_TOTAL), 0);
        owner_fini(&o);
        rig_fini(&r);
    }
}

/* A fresh connection that closes is the server's failure: nothing is sent twice. */
static void test_fresh_connection_that_closes(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 2);
    rig_start(&r);
    r.fakes[0].close_at_once = true;
    rig_get(&r, &o);
    assert_string_equal(o.told, "ready upstream_closed");
    assert_int_equal(r.fakes[1].accepted, 0);
    rig_fini(&r);
}

static void test_nothing_inside_start(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    rig_start(&r);
    rig_get(&r, &o);
    owner_init(&o, &r);
    owner_start(&o); /* an idle connection is there */
    assert_string_equal(o.told, "");
    loop_run(r.loop);
    assert_string_equal(o.told, "ready 200 body:2 end");
    owner_fini(&o);
    rig_fini(&r);
}

static void test_cancel_inside_callbacks(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        enum cancel_at at;
        const char *told;
    } rows[] = {
        {"when ready", CANCEL_AT_READY, "ready cancel"},
        {"at the head", CANCEL_AT_HEAD, "ready 200 cancel"},
        {"in the body", CANCEL_AT_BODY, "ready 200 cancel"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct rig r;
        struct owner o;
        rig_init(&r, 1);
        rig_start(&r);
        owner_init(&o, &r);
        o.cancel_at = rows[i].at;
        owner_start(&o);
        loop_run(r.loop);
        CHECK_STR(rows[i].says, str_of(o.told), str_of(rows[i].told));
        owner_fini(&o);
        CHECK_ROW(rows[i].says, rig_metric(&r, METRIC_UPSTREAM_IDLE) == 0);
        rig_fini(&r);
    }
}

static void big_upload(struct rig *r, struct owner *o, enum http_framing framing)
{
    owner_init(o, r);
    o->request.method = HTTP_METHOD_PUT;
    o->request.framing = framing;
    o->request.length = framing == HTTP_FRAMING_LENGTH ? BIG : 0;
    o->to_send = BIG;
    owner_start(o);
}

static void test_cancel_when_drained(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    rig_start(&r);
    r.fakes[0].whole_body = true;
    r.fakes[0].expect = BIG;
    big_upload(&r, &o, HTTP_FRAMING_LENGTH);
    o.cancel_at = CANCEL_AT_DRAINED;
    loop_run(r.loop);
    assert_string_equal(o.told, "ready cancel");
    owner_fini(&o);
    rig_fini(&r);
}

/* Cancelled from outside after n turns of the loop, whatever the stage is then. */
static void test_cancel_after_any_turn(void **state)
{
    (void)state;
    for (unsigned turns = 0; turns < 12; turns++) {
        struct rig r;
        struct owner o;
        rig_init(&r, 1);
        rig_start(&r);
        r.fakes[0].filler = BIG;
        r.fakes[0].answer = STR("HTTP/1.1 200 OK\r\nContent-Length: 16777218\r\n\r\nok");
        owner_init(&o, &r);
        o.pauses = turns % 2 == 1;
        owner_start(&o);
        for (unsigned i = 0; i < turns; i++) {
            rig_turn(&r);
        }
        assert_non_null(o.call);
        loop_task_cancel(&o.go_on);
        upstream_call_cancel(o.call);
        o.call = NULL;
        owner_fini(&o);
        rig_fini(&r);
    }
}

static void test_set_closed_while_a_call_runs(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    rig_start(&r);
    rig_get(&r, &o);
    owner_init(&o, &r);
    owner_start(&o);
    upstream_set_close(r.set);
    r.set = NULL;
    loop_run(r.loop);
    assert_string_equal(o.told, "ready 200 body:2 end");
    owner_fini(&o);
    rig_fini(&r);
}

static size_t allocated(void)
{
    return mallinfo2().uordblks;
}

static void test_big_upload(void **state)
{
    (void)state;
    static const enum http_framing framings[] = {HTTP_FRAMING_LENGTH, HTTP_FRAMING_CHUNKED};
    for (size_t i = 0; i < ROWS(framings); i++) {
        struct rig r;
        struct owner o;
        rig_init(&r, 1);
        rig_start(&r);
        r.fakes[0].whole_body = true;
        r.fakes[0].expect = BIG;
        size_t before = allocated();
        big_upload(&r, &o, framings[i]);
        while (o.drained == 0) {
            rig_turn(&r);
        }
        assert_true(o.sent < BIG);
        assert_true(allocated() < before + GROWTH_MAX);
        loop_run(r.loop);
        assert_true(o.drained > 1);
        assert_false(o.failed);
        assert_true(r.fakes[0].received > BIG);
        owner_fini(&o);
        rig_fini(&r);
    }
}

static void test_big_download(void **state)
{
    (void)state;
    for (unsigned pauses = 0; pauses < 2; pauses++) {
        struct rig r;
        struct owner o;
        rig_init(&r, 1);
        rig_start(&r);
        r.fakes[0].answer = STR("HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n");
        r.fakes[0].filler = BIG;
        size_t before = allocated();
        owner_init(&o, &r);
        o.pauses = pauses == 1;
        owner_start(&o);
        while (o.received < BIG / 2) {
            rig_turn(&r);
        }
        assert_true(allocated() < before + GROWTH_MAX);
        if (o.call != NULL) {
            loop_run(r.loop);
        }
        assert_string_equal(o.told, "ready 200 body:16777216 end");
        assert_int_equal(o.deliveries_while_paused, 0);
        owner_fini(&o);
        assert_int_equal(rig_metric(&r, METRIC_UPSTREAM_IDLE), 1);
        rig_fini(&r);
    }
}

/* An answer of many small pieces in one packet: a pause in the middle holds the rest back. */
static void test_pause_between_pieces_of_one_packet(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    rig_start(&r);
    r.fakes[0].answer = STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\nX-T: v\r\n\r\n");
    owner_init(&o, &r);
    o.pauses = true;
    owner_start(&o);
    loop_run(r.loop);
    assert_string_equal(o.told, "ready 200 body:3 end");
    assert_int_equal(o.deliveries_while_paused, 0);
    assert_int_equal(o.trailers, 1);
    owner_fini(&o);
    rig_get(&r, &o); /* the connection is kept, and read again */
    assert_int_equal(r.fakes[0].accepted, 1);
    rig_fini(&r);
}

/* The same, with the end of the connection behind it. */
static void test_end_while_paused(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    rig_start(&r);
    r.fakes[0].answer = STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n");
    r.fakes[0].after = FAKE_CLOSE;
    owner_init(&o, &r);
    o.pauses = true;
    owner_start(&o);
    loop_run(r.loop);
    assert_string_equal(o.told, "ready 200 body:3 end");
    owner_fini(&o);
    rig_fini(&r);
}

/* Let every allocation of a call fail in turn: it ends, one way or the other, and nothing is lost.
 */
static void test_memory_runs_out(void **state)
{
    (void)state;
    bool all_done = false;
    for (unsigned long nth = 1; !all_done && nth < 200; nth++) {
        struct rig r;
        struct owner o;
        rig_init(&r, 1);
        r.group.fail_max = 1;
        rig_start(&r);
        r.fakes[0].whole_body = true;
        r.fakes[0].expect = 300;
        r.fakes[0].answer = STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "1\r\na\r\n1\r\nb\r\n0\r\nX-T: v\r\n\r\n");
        owner_init(&o, &r);
        o.request.method = HTTP_METHOD_PUT;
        o.request.framing = HTTP_FRAMING_CHUNKED;
        o.to_send = 300;
        o.piece = 100;
        o.pauses = true;
        mem_fail_after(nth, false);
        owner_start(&o);
        if (o.call != NULL) {
            loop_run(r.loop);
            assert_true(o.failed ? o.why == REASON_OUT_OF_MEMORY ||
                                       o.why == REASON_UPSTREAM_CONNECT_FAILED
                                 : o.received == 2);
        }
        all_done = mem_allocations() < nth;
        mem_fail_after(0, false);
        owner_fini(&o);
        assert_int_equal(rig_metric(&r, METRIC_UPSTREAM_SET_ASIDE_TOTAL), 0); /* not its fault */
        rig_fini(&r);
    }
    assert_true(all_done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_server_when_one_cannot_be_reached),
        cmocka_unit_test(test_only_one_other_is_tried),
        cmocka_unit_test(test_refused_without_another),
        cmocka_unit_test(test_set_aside_and_back),
        cmocka_unit_test(test_try_that_was_cancelled),
        cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_stale_connection),
        cmocka_unit_test(test_kept_connection_with_octets),
        cmocka_unit_test(test_fresh_connection_that_closes),
        cmocka_unit_test(test_nothing_inside_start),
        cmocka_unit_test(test_cancel_inside_callbacks),
        cmocka_unit_test(test_cancel_when_drained),
        cmocka_unit_test(test_cancel_after_any_turn),
        cmocka_unit_test(test_set_closed_while_a_call_runs),
        cmocka_unit_test(test_big_upload),
        cmocka_unit_test(test_big_download),
        cmocka_unit_test(test_pause_between_pieces_of_one_packet),
        cmocka_unit_test(test_end_while_paused),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
