/* Checks off the loop: merged when equal, each waiter told once, never inside the start. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/pwcheck.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/support/check.h"

/* "secret", cheap and slow enough to be overtaken. */
#define FAST STR("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=")
#define SLOW                                                                                       \
    STR("$6$rounds=5000$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8"        \
        "wiOQSpT0Y77vwPZN.Pq.H91p5hVO1")

static _Atomic unsigned woken;

static void wake(void *arg)
{
    (void)arg;
    atomic_fetch_add(&woken, 1);
}

struct waiter {
    struct pwcheck_ticket *ticket;
    unsigned told;
    bool match;
    bool dropped;
    unsigned turn; /* the how many-th who was told */
};

static unsigned turn;

static void on_done(void *arg, enum pwcheck_result result)
{
    struct waiter *w = arg;
    w->told++;
    w->match = result == PWCHECK_RIGHT;
    w->dropped = result == PWCHECK_DROPPED;
    w->turn = ++turn;
    w->ticket = NULL;
}

static const unsigned char digest_a[PWCACHE_DIGEST] = {1};
static const unsigned char digest_b[PWCACHE_DIGEST] = {2};

static uint64_t source_now; /* of the next checks */

static int start(struct pwcheck *p, const unsigned char *digest, struct str hash,
                 struct str password, pwcheck_done_fn done, struct waiter *w)
{
    return pwcheck_start(p, &(struct pwcheck_input){digest, hash, password, source_now, false},
                         done, w, &w->ticket);
}

/* A slow check of which there is one only, for source. */
static int start_of(struct pwcheck *p, uint64_t source, bool trusted, unsigned char n,
                    struct waiter *w)
{
    const unsigned char digest[PWCACHE_DIGEST] = {(unsigned char)source, n, 77};
    return pwcheck_start(p, &(struct pwcheck_input){digest, SLOW, STR("secret"), source, trusted},
                         on_done, w, &w->ticket);
}

static int start_own(struct pwcheck *p, uint64_t source, unsigned char n, struct waiter *w)
{
    return start_of(p, source, false, n, w);
}

static void collect_all(struct pwcheck *p)
{
    while (pwcheck_pending(p) > 0) {
        (void)poll(NULL, 0, 1);
        pwcheck_collect(p);
    }
    pwcheck_collect(p);
}

static void test_answers(void **state)
{
    (void)state;
    const struct {
        const char *what;
        struct str hash, password;
        bool match;
    } rows[] = {
        {"the right password", FAST, STR("secret"), true},
        {"a wrong one", FAST, STR("Secret"), false},
        {"an empty one", FAST, STR(""), false},
        {"an unknown hash", STR("secret"), STR("secret"), false},
        {"a slow hash", SLOW, STR("secret"), true},
    };
    struct pwcheck *p = pwcheck_new(2, 4, wake, NULL);
    assert_non_null(p);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct waiter w = {0};
        assert_int_equal(start(p, digest_a, rows[i].hash, rows[i].password, on_done, &w), 0);
        assert_int_equal(w.told, 0);
        assert_non_null(w.ticket);
        collect_all(p);
        if (w.told != 1 || w.match != rows[i].match) {
            fail_msg("%s", rows[i].what);
        }
        pwcheck_collect(p);
        assert_int_equal(w.told, 1);
    }
    assert_true(atomic_load(&woken) > 0);
    pwcheck_free(p);
}

static void test_too_long(void **state)
{
    (void)state;
    /* The first 256 octets of both are the same: cutting either would make them match. */
    char password[300];
    char hash[500];
    memset(password, 'p', sizeof(password));
    memset(hash, 'h', sizeof(hash));
    memcpy(hash, FAST.p, FAST.n);
    struct pwcheck *p = pwcheck_new(1, 4, wake, NULL);
    struct waiter w[2] = {{0}};
    assert_int_equal(
        start(p, digest_a, FAST, (struct str){password, sizeof(password)}, on_done, &w[0]), 0);
    assert_int_equal(
        start(p, digest_b, (struct str){hash, sizeof(hash)}, STR("secret"), on_done, &w[1]), 0);
    collect_all(p);
    assert_false(w[0].match);
    assert_false(w[1].match);
    pwcheck_free(p);
}

static void test_merge(void **state)
{
    (void)state;
    struct pwcheck *p = pwcheck_new(1, 2, wake, NULL);
    struct waiter first = {0};
    struct waiter w[4] = {{0}};
    assert_int_equal(start(p, digest_b, SLOW, STR("secret"), on_done, &first), 0);
    int started = 0;
    for (size_t i = 0; i < 4; i++) {
        int rc = start(p, digest_a, SLOW, STR("secret"), on_done, &w[i]);
        started += rc == 0;
    }
    assert_int_equal(started, 4); /* more than the queue holds: they are one check */
    assert_true(pwcheck_pending(p) <= 2);
    pwcheck_cancel(w[1].ticket);
    pwcheck_cancel(w[0].ticket);
    collect_all(p);
    assert_int_equal(first.told, 1);
    assert_int_equal(w[0].told, 0);
    assert_int_equal(w[1].told, 0);
    assert_int_equal(w[2].told, 1);
    assert_int_equal(w[3].told, 1);
    assert_true(w[2].match && w[3].match);
    pwcheck_free(p);
}

static void test_queue_full(void **state)
{
    (void)state;
    struct pwcheck *p = pwcheck_new(1, 1, wake, NULL);
    struct waiter w[40] = {{0}};
    unsigned busy = 0;
    unsigned started = 0;
    for (size_t i = 0; i < 40; i++) {
        const unsigned char digest[PWCACHE_DIGEST] = {(unsigned char)i, 9};
        int rc = start(p, digest, SLOW, STR("secret"), on_done, &w[i]);
        assert_true(rc == 0 || rc == -ERR_BUSY);
        started += rc == 0;
        busy += rc != 0;
    }
    assert_true(busy > 0);
    collect_all(p);
    unsigned told = 0;
    for (size_t i = 0; i < 40; i++) {
        told += w[i].told;
    }
    assert_int_equal(told, started);
    pwcheck_free(p);
}

/* Whoever wants many waits behind himself: the other's only check is the second after the one that
 * runs. */
static void test_turns(void **state)
{
    (void)state;
    struct pwcheck *p = pwcheck_new(1, 64, wake, NULL);
    struct waiter many[16] = {{0}};
    struct waiter few[2] = {{0}};
    turn = 0;
    for (unsigned char i = 0; i < 16; i++) {
        assert_int_equal(start_own(p, 1, i, &many[i]), 0);
    }
    assert_int_equal(start_own(p, 2, 0, &few[0]), 0);
    assert_int_equal(start_own(p, 2, 1, &few[1]), 0);
    collect_all(p);
    assert_true(few[0].match && few[1].match);
    assert_true(few[0].turn <= 3);
    assert_true(few[1].turn <= 5);
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(many[i].told, 1);
    }
    pwcheck_free(p);
}

/* A queue that some have filled makes room for another, until the lines are alike. */
static void test_full_by_some(void **state)
{
    (void)state;
    struct pwcheck *p = pwcheck_new(1, 8, wake, NULL);
    struct waiter many[4][2] = {{{0}}};
    struct waiter few[5] = {{0}};
    for (unsigned char i = 0; i < 8; i++) { /* one runs, seven wait */
        assert_int_equal(start_own(p, 1 + i / 2, i, &many[i / 2][i % 2]), 0);
    }
    assert_int_equal(start_own(p, 5, 0, &few[0]), 0);
    for (unsigned char i = 1; i < 4; i++) { /* the three lines of two */
        assert_int_equal(start_own(p, 5 + i, 0, &few[i]), 0);
        assert_int_equal(many[i][1].told, 0); /* never inside the start */
    }
    assert_int_equal(start_own(p, 9, 0, &few[4]), -ERR_BUSY);
    assert_int_equal(start_own(p, 5, 1, &few[4]), -ERR_BUSY);
    collect_all(p);
    for (size_t i = 0; i < 4; i++) {
        assert_true(many[i][0].match && few[i].match);
        assert_int_equal(many[i][1].told, 1);
        assert_true(many[i][1].dropped == (i > 0));
        assert_true(many[i][1].match == (i == 0));
    }
    pwcheck_free(p);
}

/* Who is trusted has room of his own, which others do not fill, nor he theirs. */
static void test_sides(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        uint64_t source;
        bool trusted;
        int rc;
    } rows[] = {
        {"it runs", 1, false, 0},
        {"it waits", 2, false, 0},
        {"another", 3, false, 0},
        {"that is all", 4, false, -ERR_BUSY},
        {"trusted, it runs", 5, true, 0},
        {"trusted, it waits", 6, true, 0},
        {"a source that others know too", 2, true, 0},
        {"that is all here too", 7, true, -ERR_BUSY},
        {"and there still", 8, false, -ERR_BUSY},
    };
    struct pwcheck *p = pwcheck_new(1, 2, wake, NULL);
    struct waiter w[ROWS(rows)] = {{0}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].says, start_of(p, rows[i].source, rows[i].trusted, (unsigned char)i,
                                         &w[i]) == rows[i].rc);
    }
    assert_int_equal(pwcheck_pending(p), 6);
    /* What is equal is one check, on whichever side it is. */
    struct waiter equal = {0};
    assert_int_equal(start_of(p, 2, true, 1, &equal), 0);
    assert_int_equal(pwcheck_pending(p), 6);
    pwcheck_cancel(w[5].ticket); /* a place that is free again is one of that side */
    struct waiter late[2] = {{0}};
    assert_int_equal(start_of(p, 9, false, 0, &late[0]), -ERR_BUSY);
    assert_int_equal(start_of(p, 9, true, 1, &late[1]), 0);
    collect_all(p);
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].says, w[i].match == (rows[i].rc == 0 && i != 5));
    }
    assert_true(equal.match && late[1].match);
    assert_int_equal(pwcheck_pending(p), 0);
    assert_int_equal(pwcheck_computed(p), 6);
    pwcheck_free(p);
}

/* What was dropped and is not wanted any more is told to nobody; a cancelled place is free. */
static void test_dropped_and_cancelled(void **state)
{
    (void)state;
    struct pwcheck *p = pwcheck_new(1, 2, wake, NULL);
    struct waiter block = {0};
    struct waiter many[2] = {{0}};
    struct waiter few = {0};
    struct waiter late = {0};
    assert_int_equal(start_own(p, 1, 0, &block), 0);
    for (unsigned char i = 0; i < 2; i++) { /* nobody in particular has no share */
        assert_int_equal(start_own(p, 0, i, &many[i]), 0);
    }
    assert_int_equal(start_own(p, 2, 0, &few), 0);
    pwcheck_cancel(many[1].ticket);
    pwcheck_cancel(few.ticket);
    assert_int_equal(start_own(p, 3, 9, &late), 0);
    collect_all(p);
    assert_int_equal(many[1].told, 0);
    assert_int_equal(few.told, 0);
    assert_true(late.match && many[0].match);
    pwcheck_free(p);
}

/* The last waiter went: a new equal check must run anew, not join one that may be skipped. */
static void test_cancel_all(void **state)
{
    (void)state;
    struct pwcheck *p = pwcheck_new(1, 8, wake, NULL);
    struct waiter block = {0};
    struct waiter gone = {0};
    struct waiter late = {0};
    assert_int_equal(start(p, digest_b, SLOW, STR("secret"), on_done, &block), 0);
    assert_int_equal(start(p, digest_a, FAST, STR("secret"), on_done, &gone), 0);
    pwcheck_cancel(gone.ticket);
    assert_int_equal(start(p, digest_a, FAST, STR("secret"), on_done, &late), 0);
    collect_all(p);
    assert_int_equal(gone.told, 0);
    assert_int_equal(late.told, 1);
    assert_true(late.match);
    pwcheck_free(p);
}

static struct pwcheck *restart_in;

static void restart(void *arg, enum pwcheck_result result)
{
    struct waiter *w = arg;
    on_done(w, result);
    struct waiter *next = w + 1;
    assert_int_equal(start(restart_in, digest_a, FAST, STR("secret"), on_done, next), 0);
    assert_int_equal(next->told, 0);
}

static void test_start_inside_done(void **state)
{
    (void)state;
    struct waiter w[2] = {{0}};
    restart_in = pwcheck_new(1, 8, wake, NULL);
    assert_int_equal(start(restart_in, digest_a, FAST, STR("secret"), restart, &w[0]), 0);
    collect_all(restart_in);
    assert_int_equal(w[0].told, 1);
    collect_all(restart_in);
    assert_int_equal(w[1].told, 1);
    assert_true(w[1].match);
    pwcheck_free(restart_in);
}

/* One source gets a quarter of the queue; what is equal joins, and the others are not kept out. */
static void test_share_of_a_source(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        uint64_t source;
        unsigned char digest;
        int rc;
    } rows[] = {
        {"the first", 7, 1, 0},
        {"the second", 7, 2, 0},
        {"one too many", 7, 3, -ERR_BUSY},
        {"an equal one joins", 7, 2, 0},
        {"another source", 8, 4, 0},
        {"its second", 8, 5, 0},
        {"its third", 8, 6, -ERR_BUSY},
        {"nobody in particular", 0, 7, 0},
        {"nobody again", 0, 8, 0},
        {"and again", 0, 9, 0},
    };
    struct pwcheck *p = pwcheck_new(1, 8, wake, NULL);
    struct waiter w[ROWS(rows)] = {{0}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        const unsigned char digest[PWCACHE_DIGEST] = {rows[i].digest};
        source_now = rows[i].source;
        CHECK_ROW(rows[i].says,
                  start(p, digest, SLOW, STR("secret"), on_done, &w[i]) == rows[i].rc);
    }
    collect_all(p);
    source_now = 7;
    struct waiter again = {0};
    assert_int_equal(start(p, digest_a, FAST, STR("secret"), on_done, &again), 0);
    collect_all(p);
    assert_int_equal(again.told, 1);
    source_now = 0;
    pwcheck_free(p);
}

static void test_free_while_waiting(void **state)
{
    (void)state;
    struct pwcheck *p = pwcheck_new(1, 8, wake, NULL);
    struct waiter w[3] = {{0}};
    for (size_t i = 0; i < 3; i++) {
        const unsigned char digest[PWCACHE_DIGEST] = {(unsigned char)i};
        assert_int_equal(start(p, digest, SLOW, STR("secret"), on_done, &w[i]), 0);
    }
    pwcheck_free(p);
    assert_int_equal(w[0].told + w[1].told + w[2].told, 0);
    pwcheck_free(NULL);
}

static void test_memory(void **state)
{
    (void)state;
    for (unsigned long nth = 1; nth <= 3; nth++) {
        mem_fail_after(nth, false);
        assert_null(pwcheck_new(1, 8, wake, NULL));
    }
    mem_fail_after(0, false);
    struct pwcheck *p = pwcheck_new(1, 8, wake, NULL);
    struct waiter w = {0};
    for (unsigned long nth = 1; nth <= 2; nth++) {
        mem_fail_after(nth, false);
        assert_int_equal(start(p, digest_a, FAST, STR("secret"), on_done, &w), -ERR_NOMEM);
    }
    mem_fail_after(0, false);
    assert_int_equal(pwcheck_pending(p), 0);
    pwcheck_free(p);
    assert_int_equal(w.told, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_queue_full),
        cmocka_unit_test(test_share_of_a_source),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_full_by_some),
        cmocka_unit_test(test_sides),
        cmocka_unit_test(test_dropped_and_cancelled),
        cmocka_unit_test(test_cancel_all),
        cmocka_unit_test(test_start_inside_done),
        cmocka_unit_test(test_free_while_waiting),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
