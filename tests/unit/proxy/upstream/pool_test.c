/* Connections kept and shared out: the limits, the queue, the order in it. */
#include "tests/unit/proxy/upstream/owner.h"

static void test_one_connection_for_many_requests(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    rig_start(&r);
    for (unsigned i = 0; i < 20; i++) {
        rig_get(&r, &o);
        assert_string_equal(o.told, "ready 200 body:2 end");
    }
    assert_int_equal(r.fakes[0].accepted, 1);
    assert_int_equal(r.fakes[0].requests, 20);
    assert_int_equal(rig_metric(&r, METRIC_UPSTREAM_CONNECTS_TOTAL), 1);
    assert_int_equal(rig_metric(&r, METRIC_UPSTREAM_REUSED_TOTAL), 19);
    rig_fini(&r);
}

static void start_many(struct rig *r, struct owner *owners, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        owner_init(&owners[i], r);
        owner_start(&owners[i]);
        assert_non_null(owners[i].call);
    }
}

static void fini_many(struct owner *owners, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        owner_fini(&owners[i]);
    }
}

static void test_no_more_are_kept_than_allowed(void **state)
{
    (void)state;
    struct rig r;
    struct owner o[6];
    rig_init(&r, 1);
    r.group.keepalive_max = 2;
    rig_start(&r);
    start_many(&r, o, 6);
    loop_run(r.loop);
    assert_int_equal(r.fakes[0].accepted, 6);
    assert_int_equal(rig_metric(&r, METRIC_UPSTREAM_IDLE), 2);
    fini_many(o, 6);
    rig_fini(&r);
}

static void test_keepalive_off(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 1);
    r.group.keepalive_ms = 0;
    rig_start(&r);
    rig_get(&r, &o);
    rig_get(&r, &o);
    assert_int_equal(r.fakes[0].accepted, 2);
    rig_fini(&r);
}

/* One connection allowed: the others wait and are served over it, in their order. */
static void test_queue_is_served_in_order(void **state)
{
    (void)state;
    struct rig r;
    struct owner o[4];
    rig_init(&r, 1);
    r.group.connections_max = 1;
    rig_start(&r);
    start_many(&r, o, 4);
    for (size_t i = 0; i < 4; i++) {
        static const char *const targets[] = {"/0", "/1", "/2", "/3"};
        o[i].request.target = str_of(targets[i]);
    }
    loop_run(r.loop);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(o[i].told, "ready 200 body:2 end");
    }
    assert_int_equal(r.fakes[0].accepted, 1);
    struct str seen = {r.fakes[0].first, r.fakes[0].first_n};
    size_t at = 0;
    for (size_t i = 0; i < seen.n; i++) {
        if (seen.p[i] == '/' && seen.p[i + 1] == (char)('0' + at) && seen.p[i + 2] == ' ') {
            at++;
        }
    }
    assert_int_equal(at, 4);
    fini_many(o, 4);
    rig_fini(&r);
}

static void test_queue_full(void **state)
{
    (void)state;
    struct rig r;
    struct owner o[4];
    rig_init(&r, 1);
    r.group.connections_max = 1;
    r.group.queue_max = 2;
    rig_start(&r);
    start_many(&r, o, 4);
    loop_run(r.loop);
    assert_string_equal(o[0].told, "ready 200 body:2 end");
    assert_string_equal(o[1].told, "ready 200 body:2 end");
    assert_string_equal(o[2].told, "ready 200 body:2 end");
    assert_string_equal(o[3].told, "upstream_queue_full");
    fini_many(o, 4);
    rig_fini(&r);
}

static void test_queue_timeout(void **state)
{
    (void)state;
    struct rig r;
    struct owner o[2];
    rig_init(&r, 1);
    r.group.connections_max = 1;
    r.group.queue_timeout_ms = 40;
    rig_start(&r);
    r.fakes[0].answer = STR_NONE;
    start_many(&r, o, 2);
    o[1].leaves_loop_running = true;
    rig_rest(&r, 150);
    assert_string_equal(o[1].told, "upstream_queue_full");
    assert_string_equal(o[0].told, "ready");
    upstream_call_cancel(o[0].call);
    o[0].call = NULL;
    fini_many(o, 2);
    rig_fini(&r);
}

static void test_place_freed_by_a_cancelled_call(void **state)
{
    (void)state;
    struct rig r;
    struct owner o[3];
    rig_init(&r, 1);
    r.group.connections_max = 1;
    rig_start(&r);
    r.fakes[0].answer = STR_NONE;
    start_many(&r, o, 3);
    rig_rest(&r, 30);
    assert_int_equal(rig_metric(&r, METRIC_UPSTREAM_QUEUED), 2);
    r.fakes[0].answer = STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    for (size_t i = 0; i < 2; i++) { /* the one in use, and the first that waits */
        upstream_call_cancel(o[i].call);
        o[i].call = NULL;
        r.open_calls--;
    }
    assert_string_equal(o[2].told, ""); /* nothing comes inside */
    loop_run(r.loop);
    assert_string_equal(o[2].told, "ready 200 body:2 end");
    fini_many(o, 3);
    rig_fini(&r);
}

static void test_round_robin(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    rig_init(&r, 3);
    rig_start(&r);
    for (unsigned i = 0; i < 9; i++) {
        rig_get(&r, &o);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(r.fakes[i].requests, 3);
        assert_int_equal(r.fakes[i].accepted, 1);
    }
    rig_fini(&r);
}

static void test_least_connections(void **state)
{
    (void)state;
    struct rig r;
    struct owner slow;
    struct owner o;
    rig_init(&r, 2);
    r.group.balance = CONF_BALANCE_LEAST_CONNECTIONS;
    rig_start(&r);
    r.fakes[0].answer = STR_NONE;
    owner_init(&slow, &r);
    slow.leaves_loop_running = true;
    owner_start(&slow);
    rig_rest(&r, 20);
    assert_int_equal(r.fakes[0].requests, 1);
    r.open_calls--; /* rig_get() waits for its own call only */
    for (unsigned i = 0; i < 5; i++) {
        rig_get(&r, &o);
        assert_string_equal(o.told, "ready 200 body:2 end");
    }
    assert_int_equal(r.fakes[1].requests, 5);
    upstream_call_cancel(slow.call);
    slow.call = NULL;
    owner_fini(&slow);
    rig_fini(&r);
}

struct seen {
    unsigned lines;
    size_t idle;
    unsigned aside;
};

static void see(void *arg, struct str group, struct str server, bool aside, size_t active,
                size_t idle)
{
    struct seen *s = arg;
    CHECK_STR("group", group, STR("api"));
    assert_true(str_starts(server, STR("127.0.0.1:")));
    assert_int_equal(active, 0);
    s->lines++;
    s->idle += idle;
    s->aside += aside ? 1 : 0;
}

static void test_each(void **state)
{
    (void)state;
    struct rig r;
    struct owner o;
    struct seen seen = {0};
    rig_init(&r, 2);
    r.group.fail_max = 1;
    rig_start(&r);
    rig_refuse(&r, 1);
    rig_get(&r, &o);
    rig_get(&r, &o);
    upstream_set_each(r.set, see, &seen);
    assert_int_equal(seen.lines, 2);
    assert_int_equal(seen.idle, 1);
    assert_int_equal(seen.aside, 1);
    rig_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_connection_for_many_requests),
        cmocka_unit_test(test_no_more_are_kept_than_allowed),
        cmocka_unit_test(test_keepalive_off),
        cmocka_unit_test(test_queue_is_served_in_order),
        cmocka_unit_test(test_queue_full),
        cmocka_unit_test(test_queue_timeout),
        cmocka_unit_test(test_place_freed_by_a_cancelled_call),
        cmocka_unit_test(test_round_robin),
        cmocka_unit_test(test_least_connections),
        cmocka_unit_test(test_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
