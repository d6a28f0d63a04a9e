/* When a server is set aside, and when it is tried again. */
#include "proxy/upstream/peer.h"
#include "tests/support/check.h"

static const struct conf_upstream rule = {.fail_max = 3, .fail_ms = 1000};
static const struct conf_server server;

static void fail_times(struct peer *p, unsigned n, uint64_t now_ms)
{
    for (unsigned i = 0; i < n; i++) {
        (void)peer_begin(p);
        (void)peer_failed(p, &rule, now_ms);
    }
}

static void test_only_failures_in_a_row_count(void **state)
{
    (void)state;
    struct peer p;
    peer_init(&p, &server);
    fail_times(&p, 2, 0);
    peer_succeeded(&p);
    fail_times(&p, 2, 0);
    assert_true(peer_usable(&p, 0));
    assert_true(peer_failed(&p, &rule, 0));
    assert_false(peer_usable(&p, 0));
}

static void test_comes_back_after_its_time(void **state)
{
    (void)state;
    struct peer p;
    peer_init(&p, &server);
    fail_times(&p, 3, 500);
    assert_false(peer_usable(&p, 1499));
    assert_true(peer_usable(&p, 1500));
}

static void test_one_request_tries(void **state)
{
    (void)state;
    struct peer p;
    peer_init(&p, &server);
    fail_times(&p, 3, 0);
    assert_true(peer_begin(&p));
    assert_false(peer_usable(&p, 5000));

    /* It fails: aside again from then on, for the whole time. */
    assert_true(peer_failed(&p, &rule, 5000));
    assert_false(peer_usable(&p, 5999));
    assert_true(peer_usable(&p, 6000));

    /* It ends without a verdict: the next one tries. */
    assert_true(peer_begin(&p));
    peer_untried(&p);
    assert_true(peer_usable(&p, 6000));

    /* It succeeds: everyone may. */
    assert_true(peer_begin(&p));
    peer_succeeded(&p);
    assert_true(peer_usable(&p, 6000));
    assert_false(peer_begin(&p));
    assert_true(peer_usable(&p, 6000));
}

static void test_late_failures_do_not_prolong(void **state)
{
    (void)state;
    struct peer p;
    peer_init(&p, &server);
    fail_times(&p, 3, 0);
    assert_false(peer_failed(&p, &rule, 900));
    assert_true(peer_usable(&p, 1000));
}

static void test_zero_never_sets_aside(void **state)
{
    (void)state;
    static const struct conf_upstream patient = {.fail_max = 0, .fail_ms = 1000};
    struct peer p;
    peer_init(&p, &server);
    for (unsigned i = 0; i < 100; i++) {
        assert_false(peer_failed(&p, &patient, 0));
    }
    assert_true(peer_usable(&p, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_failures_in_a_row_count),
        cmocka_unit_test(test_comes_back_after_its_time),
        cmocka_unit_test(test_one_request_tries),
        cmocka_unit_test(test_late_failures_do_not_prolong),
        cmocka_unit_test(test_zero_never_sets_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
