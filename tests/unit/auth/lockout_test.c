/* Who waits, for how long, and that nobody can make another wait. */
#include <stdio.h>
#include <string.h>

#include "auth/lockout.h"
#include "base/mem.h"
#include "tests/support/check.h"

static const struct conf_lockout rule = {
    .enabled = true, .failures = 3, .delay_ms = 1000, .delay_max_ms = 5000, .forget_ms = 60000};

static const unsigned char alices[32] = {0xa1, 0xb2};
static const unsigned char bobs[32] = {0xb0};

static uint64_t key_of(const struct lockout *l, const struct lockout_who *who)
{
    return lockout_key(l, who, LOCKOUT_PASSWORD);
}

static struct lockout_failure failure(const struct lockout_who *who, bool known, uint64_t now)
{
    return (struct lockout_failure){who, LOCKOUT_PASSWORD, known, now};
}

/* One attempt that fails, if it may be made. Returns the wait. */
static uint64_t try_wrong(struct lockout *l, const struct lockout_who *who, uint64_t now)
{
    uint64_t key = key_of(l, who);
    const struct lockout_failure of = failure(who, true, now);
    uint64_t wait = lockout_wait(l, &rule, key, now);
    if (lockout_take(l, &rule, key, &of) != wait) {
        fail_msg("asked and taken differ at %u", (unsigned)now);
    }
    if (wait == 0) {
        lockout_keep(l, &rule, key, &of);
    }
    return wait;
}

static const struct lockout_who mallory = {.claimed = {"alice", 5}, .network = 0x0a000001};

static void test_delays(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        uint64_t now;
        uint64_t wait;
    } rows[] = {
        {"the first", 1000, 0},
        {"the second", 1000, 0},
        {"the third, which locks", 1000, 0},
        {"at once", 1000, 1000},
        {"nearly over", 1999, 1},
        {"over: one attempt", 2000, 0},
        {"which is counted at once", 2000, 2000},
        {"the clock went back", 500, 2000},
        {"over again", 4000, 0},
        {"doubled again", 4000, 4000},
        {"and over", 8000, 0},
        {"at most delay_max", 8000, 5000},
        {"and over", 13000, 0},
        {"still at most that", 13000, 5000},
        {"forgotten", 13000 + 60001, 0},
        {"counted from the beginning", 13000 + 60001, 0},
        {"so the third", 13000 + 60001, 0},
        {"and locked", 13000 + 60001, 1000},
    };
    struct lockout *l = lockout_new(64);
    assert_non_null(l);
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t wait = try_wrong(l, &mallory, rows[i].now);
        if (wait != rows[i].wait) {
            fail_msg("%s: %u", rows[i].says, (unsigned)wait);
        }
    }
    lockout_free(l);
    lockout_free(NULL);
}

/* Sixty-four at once are as many as one after the other. */
static void test_burst(void **state)
{
    (void)state;
    struct lockout *l = lockout_new(64);
    uint64_t key = key_of(l, &mallory);
    const struct lockout_failure begun = failure(&mallory, false, 1000);
    const struct lockout_failure ended = failure(&mallory, false, 1500);
    unsigned n = 0;
    for (int i = 0; i < 64; i++) {
        n += lockout_take(l, &rule, key, &begun) == 0;
    }
    assert_int_equal(n, 3);
    lockout_keep(l, &rule, key, &ended);
    assert_int_equal(lockout_wait(l, &rule, key, 1500), 500); /* not prolonged */
    /* What was not taken is counted at its end, and does not prolong a wait either. */
    for (int i = 0; i < 64; i++) {
        lockout_failed(l, &rule, key, &ended);
    }
    assert_int_equal(lockout_wait(l, &rule, key, 1500), 500);
    lockout_failed(l, &rule, key,
                   &(struct lockout_failure){&mallory, LOCKOUT_PASSWORD, true, 2000});
    assert_int_equal(lockout_wait(l, &rule, key, 2000), 2000);
    lockout_free(l);
}

static void test_given_back(void **state)
{
    (void)state;
    struct lockout *l = lockout_new(64);
    uint64_t key = key_of(l, &mallory);
    const struct lockout_failure of = failure(&mallory, true, 1000);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(lockout_take(l, &rule, key, &of), 0);
        lockout_give_back(l, key);
    }
    lockout_give_back(l, key); /* nothing is there */
    assert_int_equal(lockout_unlock(l, STR("alice")), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(try_wrong(l, &mallory, 1000), 0);
    }
    assert_int_equal(lockout_take(l, &rule, key, &of), 0);
    assert_int_equal(lockout_wait(l, &rule, key, 1000), 1000);
    lockout_give_back(l, key);
    assert_int_equal(lockout_wait(l, &rule, key, 1000), 0);
    /* A success of another has the attempt forgotten that is under way: it counts when it fails. */
    assert_int_equal(lockout_take(l, &rule, key, &of), 0);
    lockout_passed(l, key);
    lockout_keep(l, &rule, key, &of);
    assert_int_equal(try_wrong(l, &mallory, 1000), 0);
    assert_int_equal(try_wrong(l, &mallory, 1000), 0);
    assert_int_equal(try_wrong(l, &mallory, 1000), 1000);
    lockout_free(l);
}

/* A code has a count of its own. */
static void test_factors(void **state)
{
    (void)state;
    struct lockout *l = lockout_new(64);
    uint64_t code = lockout_key(l, &mallory, LOCKOUT_CODE);
    const struct lockout_failure of = {&mallory, LOCKOUT_CODE, true, 1000};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(lockout_take(l, &rule, code, &of), 0);
    }
    assert_int_equal(lockout_wait(l, &rule, code, 1000), 1000);
    assert_int_equal(lockout_wait(l, &rule, key_of(l, &mallory), 1000), 0);
    lockout_passed(l, key_of(l, &mallory));
    assert_int_equal(lockout_wait(l, &rule, code, 1000), 1000);
    assert_int_equal(lockout_unlock(l, STR("alice")), 1);
    assert_int_equal(lockout_wait(l, &rule, code, 1000), 0);
    lockout_free(l);
}

static void test_attempts(void **state)
{
    (void)state;
    const struct str sent[] = {STR("alice"), STR("secret"), STR("1")};
    const struct str others[][3] = {
        {STR("bob"), STR("secret"), STR("1")},
        {STR("alice"), STR("secret1"), STR("")},
        {STR("alice"), STR("secret"), STR("2")},
        {STR("alicesecret"), STR(""), STR("1")},
    };
    struct lockout *l = lockout_new(64);
    struct buf out;
    buf_init(&out, 4096);
    uint64_t key = key_of(l, &mallory);
    uint64_t attempt = lockout_attempt(l, key, sent);
    assert_true(attempt != 0 && attempt != lockout_attempt(l, key + 1, sent));
    assert_false(lockout_begun(l, attempt, 1000));
    assert_true(lockout_begin(l, attempt, 1000));
    assert_false(lockout_begin(l, attempt, 1000));
    assert_true(lockout_begun(l, attempt, 1000));
    for (size_t i = 0; i < ROWS(others); i++) {
        uint64_t other = lockout_attempt(l, key, others[i]);
        assert_true(other != attempt);
        assert_true(lockout_begin(l, other, 1000));
        lockout_end(l, other);
    }
    assert_int_equal(lockout_render(l, &rule, 1000, 10, &out), 0);
    CHECK_STR("it is nobody's failure", buf_str(&out), STR("[]"));
    lockout_end(l, attempt);
    assert_false(lockout_begun(l, attempt, 1000));
    assert_true(lockout_begin(l, attempt, 1000));
    assert_false(lockout_begin(l, attempt, 11000));
    assert_true(lockout_begin(l, attempt, 11001)); /* who began it died */
    assert_int_equal(lockout_attempt(l, 0, sent), 0);
    assert_true(lockout_begin(l, 0, 1000) && lockout_begin(l, 0, 1000));
    assert_false(lockout_begun(l, 0, 1000));
    buf_release(&out);
    lockout_free(l);
}

/* Four failures of who[i]: which of the n have to wait? Under one certificate all names but its own
 * are one. */
static void check_locked(const struct lockout_who *who, size_t n, size_t i)
{
    struct lockout *l = lockout_new(256);
    for (int failures = 0; failures < 4; failures++) {
        (void)try_wrong(l, &who[i], 1000);
    }
    for (size_t k = 0; k < n; k++) {
        bool same = i == k || (i == 5 && k == 6) || (i == 6 && k == 5);
        bool locked = lockout_wait(l, &rule, key_of(l, &who[k]), 1000) > 0;
        if (locked != same) {
            fail_msg("%zu locks %zu: %d", i, k, locked);
        }
    }
    lockout_free(l);
}

static void test_whose(void **state)
{
    (void)state;
    static const struct lockout_who who[] = {
        {.claimed = {"alice", 5}, .network = 0x0a000001},
        {.claimed = {"alice", 5}, .network = 0x0a000002},
        {.claimed = {"bob", 3}, .network = 0x0a000001},
        {.claimed = {NULL, 0}, .network = 0x0a000001},
        {.certificate = alices, .own = {"alice", 5}, .claimed = {"alice", 5}, .compared = true},
        {.certificate = alices, .own = {"alice", 5}, .claimed = {"bob", 3}, .compared = true},
        {.certificate = alices, .own = {"alice", 5}, .claimed = {"carol", 5}, .compared = true},
        {.certificate = bobs, .own = {"bob", 3}, .claimed = {"bob", 3}, .compared = true},
        {.certificate = alices, .own = {"alice", 5}, .claimed = {"bob", 3}},
    };
    for (size_t i = 0; i < ROWS(who); i++) {
        check_locked(who, ROWS(who), i);
    }
}

static void test_success(void **state)
{
    (void)state;
    const struct lockout_who own = {
        .certificate = alices, .own = STR("alice"), .claimed = STR("alice"), .compared = true};
    const struct lockout_who other = {
        .certificate = alices, .own = STR("alice"), .claimed = STR("bob"), .compared = true};
    struct lockout *l = lockout_new(64);
    /* Guessing at bob with an own success now and then does not start anew. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(try_wrong(l, &own, 1000), 0);
        assert_int_equal(try_wrong(l, &other, 1000), 0);
    }
    lockout_passed(l, key_of(l, &own));
    assert_int_equal(try_wrong(l, &other, 1000), 0);
    assert_int_equal(try_wrong(l, &other, 1000), 1000);
    assert_int_equal(try_wrong(l, &own, 1000), 0);
    assert_int_equal(try_wrong(l, &own, 1000), 0);
    assert_int_equal(lockout_wait(l, &rule, key_of(l, &own), 1000), 0);
    lockout_free(l);
}

static void test_unlock_and_list(void **state)
{
    (void)state;
    struct lockout *l = lockout_new(1024);
    const struct lockout_who own = {
        .certificate = alices, .own = STR("alice"), .claimed = STR("bob"), .compared = true};
    const struct lockout_who six = {.claimed = STR("alice"),
                                    .network = UINT64_C(0x20010db800010002)};
    const struct lockout_who unknown = {.claimed = STR("a password"), .network = 0};
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(lockout_render(l, &rule, 1000, 10, &out), 0);
    CHECK_STR("nobody", buf_str(&out), STR("[]"));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(try_wrong(l, &mallory, 1000), 0);
        assert_int_equal(try_wrong(l, &own, 1000), 0);
        assert_int_equal(try_wrong(l, &six, 1000), 0);
    }
    const struct lockout_failure of = failure(&unknown, false, 1000);
    lockout_failed(l, &rule, key_of(l, &unknown), &of);
    buf_clear(&out);
    assert_int_equal(lockout_render(l, &rule, 1400, 10, &out), 0);
    const char *const parts[] = {
        "{\"user\":\"alice\",\"counted_by\":\"network\",\"from\":\"10.0.0.1\","
        "\"factor\":\"password\",\"failures\":3,\"wait_ms\":600}",
        "\"counted_by\":\"certificate\",\"from\":\"a1b2000000000000\"",
        "\"from\":\"2001:db8:1:2::\"",
        "{\"user\":\"\",\"counted_by\":\"network\",\"from\":\"local\",\"factor\":"
        "\"password\",\"failures\":1,\"wait_ms\":0}",
    };
    assert_int_equal(buf_append(&out, (struct str){"", 1}), 0);
    for (size_t i = 0; i < ROWS(parts); i++) {
        CHECK_ROW(parts[i], strstr(buf_str(&out).p, parts[i]) != NULL);
    }
    CHECK_ROW("a name that nobody has is not shown", strstr(buf_str(&out).p, "a password") == NULL);
    buf_clear(&out);
    assert_int_equal(lockout_render(l, &rule, 1400, 0, &out), 0);
    CHECK_STR("none wanted", buf_str(&out), STR("[]"));
    buf_release(&out);
    assert_int_equal(lockout_unlock(l, STR("bob")), 0); /* alice's certificate is alice's */
    assert_int_equal(lockout_unlock(l, STR("alice")), 3);
    assert_int_equal(lockout_unlock(l, STR("alice")), 0);
    assert_int_equal(try_wrong(l, &mallory, 1500), 0);
    lockout_free(l);
}

/* With far more names than there is room for, the latest are known, and who is locked again and
 * again stays. */
static void test_full(void **state)
{
    (void)state;
    struct lockout *l = lockout_new(64);
    for (unsigned i = 0; i < 2000; i++) {
        char name[16];
        int n = snprintf(name, sizeof(name), "u%u", i);
        const struct lockout_who who = {.claimed = {name, (size_t)n}, .network = 1};
        for (int k = 0; k < 3; k++) {
            assert_int_equal(try_wrong(l, &who, 1000 + i), 0);
        }
        assert_true(lockout_wait(l, &rule, key_of(l, &who), 1000 + i) > 0);
    }
    lockout_free(l);
}

static void test_memory(void **state)
{
    (void)state;
    mem_fail_after(1, false);
    assert_null(lockout_new(8));
    mem_fail_after(0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delays),          cmocka_unit_test(test_burst),
        cmocka_unit_test(test_whose),           cmocka_unit_test(test_success),
        cmocka_unit_test(test_unlock_and_list), cmocka_unit_test(test_full),
        cmocka_unit_test(test_memory),          cmocka_unit_test(test_given_back),
        cmocka_unit_test(test_factors),         cmocka_unit_test(test_attempts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
