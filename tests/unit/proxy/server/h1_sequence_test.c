/* The order of things on one HTTP/1 connection: what waits for what, and how it ends. */
#include "tests/unit/proxy/server/wire.h"

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

/* Answers that the client does not take hold its next request back, whatever it sends. */
static void test_requests_wait_until_answers_are_taken(void **state)
{
    (void)state;
    start();
    feed("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
    wire.full = true;
    answer(200, HTTP_FRAMING_LENGTH, "1");
    assert_int_equal(1, up.starts);
    feed("GET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(1, up.starts);
    assert_int_equal(2 * strlen("GET /2 HTTP/1.1\r\nHost: h\r\n\r\n"), buf_len(&wire.rest));
    assert_false(loop_timer_running(&wire.h.timer));
    wire.full = false;
    h1_server_drained(&wire.h);
    turn();
    assert_int_equal(2, up.starts);
    CHECK_STR("second", up_call.request->target, STR("/2"));
    answer(200, HTTP_FRAMING_LENGTH, "2");
    CHECK_STR("third", up_call.request->target, STR("/3"));
    answer(200, HTTP_FRAMING_LENGTH, "3");
    assert_false(is_over());
    stop();
}

/* No request is under way: the connection ends as an idle one does. */
static void test_ends_while_answers_are_not_taken(void **state)
{
    (void)state;
    enum { END_EOF, END_DRAIN, END_FAIL, END_CLOSE, ENDS };
    for (int end = END_EOF; end < ENDS; end++) {
        start();
        feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        wire.full = true;
        answer(204, HTTP_FRAMING_NONE, "");
        assert_false(is_over());
        switch (end) {
        case END_EOF:
            h1_server_eof(&wire.h);
            assert_true(wire.finished);
            break;
        case END_DRAIN:
            h1_server_drain(&wire.h);
            assert_true(wire.finished);
            break;
        case END_FAIL:
            h1_server_fail(&wire.h, REASON_SEND_TIMEOUT);
            assert_int_equal(1, counted(REASON_SEND_TIMEOUT));
            break;
        default:
            loop_env.draining = true;
            wire.full = false;
            h1_server_drained(&wire.h);
            assert_true(wire.finished);
            break;
        }
        turn();
        assert_int_equal(1, logged.records);
        stop();
    }
}

/* A fault that is in hand with the head is answered before anybody is asked; one that comes later
 * ends what was begun. */
static void test_a_malformed_chunk(void **state)
{
    (void)state;
    static const char head[] = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const char *const bodies[] = {"zz\r\n", "1\r\naXX", "1\r\na\r\n0\r\nX y\r\n\r\n"};
    for (size_t i = 0; i < ROWS(bodies); i++) {
        char text[256];
        (void)snprintf(text, sizeof(text), "%s%s", head, bodies[i]);
        start();
        feed(text);
        assert_true(str_starts(sent(), STR("HTTP/1.1 400 ")));
        assert_true(wire.finished);
        assert_int_equal(0, up.starts);
        assert_null(gate_now);
        stop();

        start();
        feed(head);
        up_ready();
        turn();
        feed(bodies[i]);
        assert_true(str_starts(sent(), STR("HTTP/1.1 400 ")));
        assert_true(wire.finished);
        assert_int_equal(1, up.cancels);
        stop();
    }

    start();
    gate_will(VERDICT_DENY, REASON_PAIRING_MISMATCH, "pairing");
    feed(head);
    feed("zz\r\n");
    assert_true(str_starts(sent(), STR("HTTP/1.1 403 ")));
    assert_true(wire.finished);
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

static void test_an_answer_long_before_the_body_is_complete(void **state)
{
    (void)state;
    start();
    feed("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
    up_ready();
    turn();
    up_head(200, HTTP_FRAMING_LENGTH, 0);
    up_end(NULL);
    turn();
    assert_true(wire.finished);
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

/* Who has closed in order may read on, or is gone: an answer is waited for, but not for long. */
static void test_a_client_that_may_be_gone(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        bool begun; /* the answer, before the end */
        bool fires; /* the timer, before that */
        bool answered;
    } rows[] = {
        {"in time", false, false, true},
        {"too late", false, true, false},
        {"begun: writing it shows who is gone", true, false, true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        start();
        feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        up_ready();
        if (rows[i].begun) {
            up_head(200, HTTP_FRAMING_LENGTH, 2);
        }
        h1_server_eof(&wire.h); /* close_notify alone */
        turn();
        CHECK_ROW(rows[i].says, !loop_timer_running(&wire.h.timer));
        wire.may_be_gone = true;
        h1_server_eof(&wire.h);
        turn();
        CHECK_ROW(rows[i].says, loop_timer_running(&wire.h.timer) != rows[i].begun);
        CHECK_ROW(rows[i].says, !loop_timer_running(&wire.h.timer) || wire.h.timer.due_ms == 40);
        if (!rows[i].begun && rows[i].fires) {
            fire();
        } else if (!rows[i].begun) {
            up_head(200, HTTP_FRAMING_LENGTH, 2);
            fire(); /* too late for it */
        }
        if (rows[i].answered) {
            up_body("hi");
            up_end(NULL);
            turn();
            CHECK_STR(rows[i].says, sent(), STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
            CHECK_ROW(rows[i].says, wire.finished && up.cancels == 0);
        } else {
            CHECK_ROW(rows[i].says, wire.closed && up.cancels == 1 && sent().n == 0);
            CHECK_ROW(rows[i].says, logged.reason == REASON_CLIENT_CLOSED);
        }
        stop();
    }
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

static void test_draining_that_begins_in_an_answer(void **state)
{
    (void)state;
    start();
    feed("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    up_ready();
    up_head(200, HTTP_FRAMING_CHUNKED, 0);
    loop_env.draining = true;
    h1_server_drain(&wire.h);
    assert_false(is_over());
    up_end(NULL);
    turn();
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

/* What a reload changes between the first octet of a head and its last counts. */
static void test_a_slow_head_is_judged_by_what_is_in_force_at_its_end(void **state)
{
    (void)state;
    start();
    feed("GET / HTTP/1.1\r\nHost: h\r\n");
    wire.on_request = REASON_MISDIRECTED;
    feed("\r\n");
    assert_true(str_starts(sent(), STR("HTTP/1.1 421 ")));
    assert_true(wire.finished);
    assert_int_equal(REASON_MISDIRECTED, logged.reason);
    stop();

    start();
    static struct users *const fresh = (struct users *)&wire;
    struct runtime next = loop_runtime;
    feed("GET / HTTP/1.1\r\nHost: h\r\n");
    next.users = fresh;
    loop_env.runtime = &next;
    feed("\r\n");
    assert_ptr_equal(fresh, gate_asked.users);
    answer(204, HTTP_FRAMING_NONE, "");
    loop_env.runtime = &loop_runtime;
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
        cmocka_unit_test(test_pipelined_requests_wait_their_turn),
        cmocka_unit_test(test_100_continue_only_when_let_through),
        cmocka_unit_test(test_a_body_is_held_back_until_it_is_wanted),
        cmocka_unit_test(test_a_full_link_pauses_the_upstream),
        cmocka_unit_test(test_requests_wait_until_answers_are_taken),
        cmocka_unit_test(test_ends_while_answers_are_not_taken),
        cmocka_unit_test(test_a_malformed_chunk),
        cmocka_unit_test(test_an_answer_before_the_body_is_complete),
        cmocka_unit_test(test_an_upstream_that_breaks_off_breaks_the_client_off),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_the_clients_end),
        cmocka_unit_test(test_a_client_that_may_be_gone),
        cmocka_unit_test(test_a_broken_connection),
        cmocka_unit_test(test_draining),
        cmocka_unit_test(test_draining_that_begins_in_an_answer),
        cmocka_unit_test(test_an_answer_long_before_the_body_is_complete),
        cmocka_unit_test(test_requests_per_connection),
        cmocka_unit_test(test_a_connection_whose_site_is_gone),
        cmocka_unit_test(test_a_slow_head_is_judged_by_what_is_in_force_at_its_end),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
