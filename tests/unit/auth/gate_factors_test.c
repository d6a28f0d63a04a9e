/* The gate's further factors: codes, failures that are counted, groups. */
#include <poll.h>
#include <stdio.h>

#include "auth/gate.h"
#include "base/clock.h"
#include "base/enc.h"
#include "tests/support/check.h"
#include "tests/unit/auth/users_lab.h"

#define NOW_MS INT64_C(95000)                             /* step 3 */
#define SECRET "3132333435363738393031323334353637383930" /* of RFC 4226 */
#define CODE   "969429"                                   /* of step 3 */
#define NEXT   "338314"                                   /* of step 4 */
#define OLD    "359152"                                   /* of step 2 */

static const struct conf_totp totp = {.header = {.p = "X-OTP"}, .window = 1};
static const struct conf_lockout three = {
    .enabled = true, .failures = 3, .delay_ms = 1000, .delay_max_ms = 5000, .forget_ms = 60000};
static const struct identity alice = {.reason = REASON_OK,
                                      .user = {"alice", 5},
                                      .digest = {1},
                                      .not_before_ms = 0,
                                      .not_after_ms = NOW_MS + 60000};
static const struct identity bob = {.reason = REASON_OK,
                                    .user = {"bob", 3},
                                    .digest = {2},
                                    .not_before_ms = 0,
                                    .not_after_ms = NOW_MS + 60000};
static const struct gate_peer with_alice = {
    .identity = &alice, .certificate = REASON_OK, .term = {.until_ms = INT64_MAX}};
static const struct gate_peer with_bob = {
    .identity = &bob, .certificate = REASON_OK, .term = {.until_ms = INT64_MAX}};
static const struct gate_peer without = {.certificate = REASON_CLIENT_CERT_MISSING,
                                         .mode = CONF_CLIENT_OPTIONAL};

/* Alice must show a code, bob may, carol cannot. */
static struct users *users;
static struct pwcache *cache;
static struct totp_memory *memory;
static struct lockout *lockout;
static char value[200];

static void on_done(void *arg)
{
    (void)arg;
}

static struct str basic(const char *pair)
{
    memcpy(value, "Basic ", 6);
    return (struct str){value, 6 + enc_base64(str_of(pair), value + 6)};
}

static struct gate_question question(const struct gate_peer *peer, enum conf_require require,
                                     const char *pair, const char *code)
{
    return (struct gate_question){.peer = peer,
                                  .require = require,
                                  .authorization = pair != NULL ? basic(pair) : STR_NONE,
                                  .authorization_count = pair != NULL ? 1 : 0,
                                  .users = users,
                                  .rule = &users_lab_rule,
                                  .pwcache = cache,
                                  .code = str_of(code),
                                  .code_count = code != NULL ? 1 : 0,
                                  .totp = &totp,
                                  .totp_memory = memory,
                                  .lockout = lockout,
                                  .lockout_rule = &three,
                                  .network = 1,
                                  .wall_ms = NOW_MS,
                                  .mono_ms = clock_mono_ms()};
}

static struct gate_answer answer(const struct gate_question *q)
{
    struct gate *g = gate_run(q, on_done, NULL);
    assert_non_null(g);
    struct gate_answer a = *gate_result(g);
    gate_free(g);
    a.user = STR_NONE; /* went with the gate */
    a.claimed = STR_NONE;
    return a;
}

static void renew(void)
{
    pwcache_free(cache);
    totp_memory_free(memory);
    lockout_free(lockout);
    cache = pwcache_new(16, 1000);
    memory = totp_memory_new(64);
    lockout = lockout_new(64);
    clock_fake(5000, NOW_MS);
}

static const struct {
    const char *says;
    const struct gate_peer *peer;
    enum conf_require require;
    bool route_asks;
    const char *pair, *code;
    enum reason reason;
    const char *step;
} rows[] = {
    {"no code", &with_alice, CONF_REQUIRE_BOTH, false, "alice:secret", NULL, REASON_TOTP_MISSING,
     "totp"},
    {"an empty one", &with_alice, CONF_REQUIRE_BOTH, false, "alice:secret", "", REASON_TOTP_MISSING,
     "totp"},
    {"a wrong one", &with_alice, CONF_REQUIRE_BOTH, false, "alice:secret", "000000",
     REASON_TOTP_WRONG, "totp"},
    {"one digit less", &with_alice, CONF_REQUIRE_BOTH, false, "alice:secret", "96942",
     REASON_TOTP_WRONG, "totp"},
    {"one more", &with_alice, CONF_REQUIRE_BOTH, false, "alice:secret", CODE "0", REASON_TOTP_WRONG,
     "totp"},
    {"far too long", &with_alice, CONF_REQUIRE_BOTH, false, "alice:secret", CODE CODE CODE CODE,
     REASON_TOTP_WRONG, "totp"},
    {"the right one, wrong password", &with_alice, CONF_REQUIRE_BOTH, false, "alice:wrong", CODE,
     REASON_PASSWORD_WRONG, "password"},
    {"appended, wrong password", &with_alice, CONF_REQUIRE_BOTH, false, "alice:wrong" CODE, NULL,
     REASON_PASSWORD_WRONG, "password"},
    {"appended, wrong code", &with_alice, CONF_REQUIRE_BOTH, false, "alice:secret000000", NULL,
     REASON_TOTP_WRONG, "totp"},
    {"appended and as a field: the password is taken whole", &with_alice, CONF_REQUIRE_BOTH, false,
     "alice:secret" CODE, CODE, REASON_PASSWORD_WRONG, "password"},
    {"a code alone", &with_alice, CONF_REQUIRE_BOTH, false, "alice:" CODE, NULL,
     REASON_PASSWORD_WRONG, "password"},
    {"of another user with a secret", &with_alice, CONF_REQUIRE_BOTH, false, "bob:secret", CODE,
     REASON_PAIRING_MISMATCH, "pairing"},
    {"the route asks, no code", &with_bob, CONF_REQUIRE_BOTH, true, "bob:secret", NULL,
     REASON_TOTP_MISSING, "totp"},
    {"the route asks, the user has no secret", &without, CONF_REQUIRE_PASSWORD, true,
     "carol:secret", CODE, REASON_TOTP_MISSING, "totp"},
    {"nor a code to append", &without, CONF_REQUIRE_PASSWORD, true, "carol:secret" CODE, NULL,
     REASON_PASSWORD_WRONG, "password"},
    {"an unknown user", &without, CONF_REQUIRE_PASSWORD, true, "dora:secret", CODE,
     REASON_USER_UNKNOWN, "password"},
    {"by certificate, no code", &with_alice, CONF_REQUIRE_CERTIFICATE, false, NULL, NULL,
     REASON_TOTP_MISSING, "totp"},
    {"by certificate, a wrong one", &with_alice, CONF_REQUIRE_EITHER, false, NULL, OLD "1",
     REASON_TOTP_WRONG, "totp"},
    {"nobody is named, and the route asks", &without, CONF_REQUIRE_NONE, true, NULL, CODE,
     REASON_TOTP_MISSING, "totp"},
    {"not asked for, so the password is whole", &with_bob, CONF_REQUIRE_BOTH, false,
     "bob:secret" CODE, NULL, REASON_PASSWORD_WRONG, "password"},

    {"as a field", &with_alice, CONF_REQUIRE_BOTH, false, "alice:secret", CODE, REASON_OK, "user"},
    {"appended", &with_alice, CONF_REQUIRE_BOTH, false, "alice:secret" CODE, NULL, REASON_OK,
     "user"},
    {"the last one", &with_alice, CONF_REQUIRE_BOTH, false, "alice:secret", OLD, REASON_OK, "user"},
    {"the next one", &with_alice, CONF_REQUIRE_BOTH, false, "alice:secret" NEXT, NULL, REASON_OK,
     "user"},
    {"the route asks", &with_bob, CONF_REQUIRE_BOTH, true, "bob:secret", CODE, REASON_OK, "user"},
    {"not asked for", &with_bob, CONF_REQUIRE_BOTH, false, "bob:secret", NULL, REASON_OK, "user"},
    {"not asked for, a wrong one is no matter", &with_bob, CONF_REQUIRE_BOTH, false, "bob:secret",
     "junk", REASON_OK, "user"},
    {"by certificate", &with_alice, CONF_REQUIRE_CERTIFICATE, false, NULL, CODE, REASON_OK, "totp"},
    {"nothing is required, whatever the record says", &with_alice, CONF_REQUIRE_NONE, false, NULL,
     NULL, REASON_OK, "user"},
};

static void test_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        renew();
        struct gate_question q =
            question(rows[i].peer, rows[i].require, rows[i].pair, rows[i].code);
        q.require_totp = rows[i].route_asks;
        struct gate_answer a = answer(&q);
        CHECK_STR(rows[i].says, str_of(reason_token(a.reason)),
                  str_of(reason_token(rows[i].reason)));
        CHECK_STR(rows[i].says, str_of(a.step), str_of(rows[i].step));
        CHECK_ROW(rows[i].says, (a.verdict == VERDICT_ALLOW) == (rows[i].reason == REASON_OK));
        CHECK_ROW(rows[i].says, a.challenge == (reason_status(a.reason) == 401));
        /* A password behind which the code was wrong is not remembered. */
        if (rows[i].reason == REASON_TOTP_WRONG && rows[i].pair != NULL) {
            unsigned char digest[PWCACHE_DIGEST];
            assert_int_equal(pwcache_digest(cache, STR("alice"), STR(USERS_LAB_HASH), STR("secret"),
                                            alice.digest, digest),
                             0);
            CHECK_ROW(rows[i].says, !pwcache_known(cache, digest, clock_mono_ms()));
        }
    }
    struct gate_question q = question(&with_alice, CONF_REQUIRE_BOTH, "alice:secret", CODE);
    q.code_count = 2;
    assert_int_equal(answer(&q).reason, REASON_CREDENTIALS_REPEATED);
}

static void test_replay(void **state)
{
    (void)state;
    renew();
    struct gate_question q = question(&with_alice, CONF_REQUIRE_BOTH, "alice:secret", CODE);
    assert_int_equal(answer(&q).verdict, VERDICT_ALLOW);
    assert_int_equal(answer(&q).reason, REASON_TOTP_REPLAYED);
    q.code = STR(OLD);
    assert_int_equal(answer(&q).reason, REASON_TOTP_REPLAYED);
    q.code = STR(NEXT);
    assert_int_equal(answer(&q).verdict, VERDICT_ALLOW);
    clock_fake(6000, 120000); /* now it is the present one */
    assert_int_equal(answer(&q).reason, REASON_TOTP_REPLAYED);
}

/* A clock that was ahead and was put right: what was used then stays the last. */
static void test_clock_jumps(void **state)
{
    (void)state;
    renew();
    clock_fake(5000, 275000); /* step 9 */
    struct gate_question q = question(&with_alice, CONF_REQUIRE_BOTH, "alice:secret", "520489");
    assert_int_equal(answer(&q).verdict, VERDICT_ALLOW);
    clock_fake(5000, NOW_MS);
    q.code = STR(CODE);
    assert_int_equal(answer(&q).reason, REASON_TOTP_REPLAYED);
    q = question(&with_bob, CONF_REQUIRE_BOTH, "bob:secret", CODE);
    q.require_totp = true;
    assert_int_equal(answer(&q).verdict, VERDICT_ALLOW);
    /* And one that was behind: only time has passed. */
    clock_fake(5000, NOW_MS + 30000);
    q.code = STR(NEXT);
    assert_int_equal(answer(&q).verdict, VERDICT_ALLOW);
}

/* With totp.remember a proof holds for the certificate, and for no other. */
static void test_remembered(void **state)
{
    (void)state;
    renew();
    struct conf_totp long_memory = totp;
    long_memory.remember_ms = 10000;
    struct gate_question q = question(&with_alice, CONF_REQUIRE_BOTH, "alice:secret" CODE, NULL);
    q.totp = &long_memory;
    assert_int_equal(answer(&q).verdict, VERDICT_ALLOW);
    assert_int_equal(answer(&q).verdict, VERDICT_ALLOW); /* a browser sends it again */
    q.authorization = basic("alice:secret");
    assert_int_equal(answer(&q).verdict, VERDICT_ALLOW);
    q.mono_ms += 10001;
    assert_int_equal(answer(&q).reason, REASON_TOTP_MISSING);
    q = question(&without, CONF_REQUIRE_PASSWORD, "alice:secret" NEXT, NULL);
    q.totp = &long_memory;
    assert_int_equal(answer(&q).verdict, VERDICT_ALLOW);
    assert_int_equal(answer(&q).reason, REASON_TOTP_REPLAYED); /* nothing to bind it to */
}

static void test_lockout(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"alice:wrong", CODE}, {"alice:secret", NULL}, {"alice:secret", "000000"}};
    renew();
    for (size_t i = 0; i < ROWS(wrong); i++) {
        struct gate_question q =
            question(&without, CONF_REQUIRE_PASSWORD, wrong[i][0], wrong[i][1]);
        assert_int_equal(reason_status(answer(&q).reason), 401);
    }
    /* Now even what is right has to wait, for as long as it is told; and nothing else has to. */
    struct gate_question q = question(&without, CONF_REQUIRE_PASSWORD, "alice:secret", CODE);
    struct gate_answer a = answer(&q);
    assert_int_equal(a.reason, REASON_LOCKED_OUT);
    assert_string_equal(a.step, "lockout");
    assert_int_equal(a.retry_ms, 1000);
    assert_false(a.challenge);
    q.network = 2;
    assert_int_equal(answer(&q).verdict, VERDICT_ALLOW);
    q = question(&with_alice, CONF_REQUIRE_BOTH, "alice:secret", NEXT);
    assert_int_equal(answer(&q).verdict, VERDICT_ALLOW);
    q = question(&without, CONF_REQUIRE_PASSWORD, "carol:secret", NULL);
    assert_int_equal(answer(&q).verdict, VERDICT_ALLOW);
    clock_fake(6000, NOW_MS + 60000);
    q = question(&without, CONF_REQUIRE_PASSWORD, "alice:secret", "254676");
    assert_int_equal(answer(&q).verdict, VERDICT_ALLOW);
    q = question(&without, CONF_REQUIRE_PASSWORD, "alice:wrong", NULL);
    assert_int_equal(answer(&q).reason, REASON_PASSWORD_WRONG); /* counted anew */
}

/* Guesses at bob under alice's certificate lock neither bob nor alice, but these guesses. */
static void test_lockout_of_others(void **state)
{
    (void)state;
    renew();
    for (int i = 0; i < 3; i++) {
        struct gate_question q = question(&with_alice, CONF_REQUIRE_BOTH, "bob:wrong", NULL);
        assert_int_equal(answer(&q).reason, REASON_PASSWORD_WRONG);
        q = question(&with_bob, CONF_REQUIRE_BOTH, "bob:secret", NULL);
        assert_int_equal(answer(&q).verdict, VERDICT_ALLOW);
    }
    struct gate_question q = question(&with_alice, CONF_REQUIRE_BOTH, "bob:secret", NULL);
    assert_int_equal(answer(&q).reason, REASON_LOCKED_OUT);
    q = question(&with_alice, CONF_REQUIRE_BOTH, "alice:secret", CODE);
    assert_int_equal(answer(&q).verdict, VERDICT_ALLOW);
    q = question(&with_alice, CONF_REQUIRE_BOTH, "carol:wrong", NULL);
    assert_int_equal(answer(&q).reason, REASON_LOCKED_OUT);
    struct conf_lockout off = three;
    off.enabled = false;
    q.lockout_rule = &off;
    assert_int_equal(answer(&q).reason, REASON_PASSWORD_WRONG);
}

/* A code is not guessed at either where a certificate alone lets in. */
static void test_lockout_by_certificate(void **state)
{
    (void)state;
    renew();
    for (int i = 0; i < 3; i++) {
        struct gate_question q = question(&with_alice, CONF_REQUIRE_CERTIFICATE, NULL, "000000");
        assert_int_equal(answer(&q).reason, REASON_TOTP_WRONG);
    }
    struct gate_question q = question(&with_alice, CONF_REQUIRE_CERTIFICATE, NULL, CODE);
    struct gate_answer a = answer(&q);
    assert_int_equal(a.reason, REASON_LOCKED_OUT);
    q = question(&with_alice, CONF_REQUIRE_NONE, NULL, NULL);
    assert_int_equal(answer(&q).verdict, VERDICT_ALLOW); /* nothing is asked, nothing to guess */
}

/* Who knows the password cannot have wrong codes forgotten by using it where none is asked for. */
static void test_codes_are_counted_apart(void **state)
{
    (void)state;
    const struct gate_peer *const peers[] = {&without, &with_bob};
    for (size_t i = 0; i < ROWS(peers); i++) {
        enum conf_require require = i == 0 ? CONF_REQUIRE_PASSWORD : CONF_REQUIRE_BOTH;
        renew();
        struct gate_question plain = question(peers[i], require, "bob:secret", NULL);
        struct gate_question strong = question(peers[i], require, "bob:secret", "000000");
        strong.require_totp = true;
        for (int k = 0; k < 3; k++) {
            assert_int_equal(answer(&strong).reason, REASON_TOTP_WRONG);
            if (k < 2) {
                assert_int_equal(answer(&plain).verdict, VERDICT_ALLOW);
            }
        }
        assert_int_equal(answer(&plain).verdict, VERDICT_ALLOW); /* no failure of this one */
        strong.code = STR(CODE);
        assert_int_equal(answer(&strong).reason, REASON_LOCKED_OUT);
        clock_fake(6000, NOW_MS);
        plain.mono_ms = strong.mono_ms = clock_mono_ms();
        strong.code = STR("000001");
        assert_int_equal(answer(&strong).reason, REASON_TOTP_WRONG);
        assert_int_equal(answer(&plain).verdict, VERDICT_ALLOW);
        struct gate_answer a = answer(&strong);
        assert_int_equal(a.reason, REASON_LOCKED_OUT);
        assert_int_equal(a.retry_ms, 2000);
        clock_fake(8000, NOW_MS);
        strong.mono_ms = clock_mono_ms();
        strong.code = STR(CODE);
        assert_int_equal(answer(&strong).verdict, VERDICT_ALLOW);
        strong.code = STR("000002");
        assert_int_equal(answer(&strong).reason, REASON_TOTP_WRONG); /* counted anew */
        assert_int_equal(answer(&strong).reason, REASON_TOTP_WRONG);
    }
}

static void nothing(void *arg)
{
    (void)arg;
}

/* Many at once are counted before the first is answered, but for equal ones. */
static void test_burst(void **state)
{
    (void)state;
    char pair[32];
    struct gate_question q[20];
    struct gate *g[20];
    unsigned waits = 0;
    renew();
    struct pwcheck *checks = pwcheck_new(1, 100, nothing, NULL);
    assert_non_null(checks);
    for (size_t i = 0; i < ROWS(g); i++) {
        (void)snprintf(pair, sizeof(pair), "bob:guess%zu", i % 10);
        q[i] = question(&without, CONF_REQUIRE_PASSWORD, pair, NULL);
        q[i].pwcheck = checks;
        g[i] = gate_run(&q[i], on_done, NULL);
        assert_non_null(g[i]);
        bool waiting = gate_result(g[i])->verdict == VERDICT_WAIT;
        assert_true(waiting || gate_result(g[i])->reason == REASON_LOCKED_OUT);
        assert_int_equal(waiting, i % 10 < 3); /* the first three, and their equals */
        waits += waiting;
    }
    assert_int_equal(waits, 6);
    assert_true(pwcheck_pending(checks) <= 3);
    /* Who goes away before the answer has tried. */
    for (size_t i = 0; i < ROWS(g); i++) {
        gate_free(g[i]);
    }
    q[0] = question(&without, CONF_REQUIRE_PASSWORD, "bob:secret", NULL);
    assert_int_equal(answer(&q[0]).reason, REASON_LOCKED_OUT);
    pwcheck_free(checks);

    /* What finds no place is not counted. */
    renew();
    checks = pwcheck_new(1, 1, nothing, NULL);
    unsigned busy = 0;
    for (size_t i = 0; i < ROWS(g); i++) {
        (void)snprintf(pair, sizeof(pair), "bob:guess%zu", i);
        q[i] = question(&without, CONF_REQUIRE_PASSWORD, pair, NULL);
        q[i].pwcheck = checks;
        q[i].source = 7;
        g[i] = gate_run(&q[i], on_done, NULL);
        busy += gate_result(g[i])->reason == REASON_PASSWORD_QUEUE_FULL;
    }
    assert_int_equal(busy, 19);
    for (size_t i = 0; i < ROWS(g); i++) {
        gate_free(g[i]);
    }
    pwcheck_free(checks);

    /* A password that is somebody else's was right. */
    renew();
    for (int i = 0; i < 9; i++) {
        pwcache_free(cache);
        cache = pwcache_new(16, 1000);
        q[0] = question(&with_bob, CONF_REQUIRE_BOTH, "carol:secret", NULL);
        assert_int_equal(answer(&q[0]).reason, REASON_PAIRING_MISMATCH);
    }
}

static void test_groups(void **state)
{
    (void)state;
    struct conf_text staff[] = {{.p = "staff"}};
    struct conf_text ops_or_staff[] = {{.p = "ops"}, {.p = "staff"}};
    struct conf_text near[] = {{.p = "Staff"}, {.p = "staf"}, {.p = "staff2"}};
    const struct {
        const char *says;
        const struct gate_peer *peer;
        enum conf_require require;
        const char *pair;
        struct conf_texts groups;
        enum reason reason;
    } table[] = {
        {"not in it",
         &with_alice,
         CONF_REQUIRE_CERTIFICATE,
         NULL,
         {staff, 1},
         REASON_GROUP_MISSING},
        {"names that are like it",
         &with_bob,
         CONF_REQUIRE_BOTH,
         "bob:secret",
         {near, 3},
         REASON_GROUP_MISSING},
        {"nobody is named", &without, CONF_REQUIRE_NONE, NULL, {staff, 1}, REASON_GROUP_MISSING},
        {"a wrong password is told first",
         &with_bob,
         CONF_REQUIRE_BOTH,
         "bob:wrong",
         {staff, 1},
         REASON_PASSWORD_WRONG},
        {"in it", &with_bob, CONF_REQUIRE_BOTH, "bob:secret", {staff, 1}, REASON_OK},
        {"in one of them", &with_bob, CONF_REQUIRE_CERTIFICATE, NULL, {ops_or_staff, 2}, REASON_OK},
    };
    for (size_t i = 0; i < ROWS(table); i++) {
        renew();
        struct gate_question q = question(table[i].peer, table[i].require, table[i].pair, CODE);
        q.groups = &table[i].groups;
        struct gate_answer a = answer(&q);
        CHECK_STR(table[i].says, str_of(reason_token(a.reason)),
                  str_of(reason_token(table[i].reason)));
        CHECK_ROW(table[i].says, (a.verdict == VERDICT_ALLOW) == (table[i].reason == REASON_OK));
        if (table[i].reason == REASON_OK || table[i].reason == REASON_GROUP_MISSING) {
            CHECK_STR(table[i].says, str_of(a.step), STR("group"));
        }
    }
}

static void wake(void *arg)
{
    (void)arg;
}

static void ignore(void *arg, enum pwcheck_result result)
{
    (void)arg;
    (void)result;
}

/* Whoever has no right code must not see by the time whether the password is right: a remembered
 * one is hashed all the same. The sums are what is counted, not the time; and an answer came from
 * memory or from a hash, never from both. */
static void test_hashes(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *pair, *code;
        bool route_asks;
        enum reason reason;
        unsigned hashes;
        int64_t later_ms; /* than the one before */
    } table[] = {
        {"the first time", "alice:secret", CODE, false, REASON_OK, 1, 0},
        {"remembered, no code", "alice:secret", NULL, false, REASON_TOTP_MISSING, 1, 0},
        {"remembered, a wrong code", "alice:secret", "000000", false, REASON_TOTP_WRONG, 1, 0},
        {"remembered, a used code", "alice:secret", CODE, false, REASON_TOTP_REPLAYED, 1, 0},
        {"remembered, one appended", "alice:secret" CODE, NULL, false, REASON_TOTP_REPLAYED, 1, 0},
        {"wrong password, no code", "alice:wrong", NULL, false, REASON_PASSWORD_WRONG, 1, 0},
        {"wrong password, a new code", "alice:wrong", NEXT, false, REASON_PASSWORD_WRONG, 1, 0},
        {"remembered, a new code", "alice:secret" NEXT, NULL, false, REASON_OK, 0, 0},
        {"a user without a secret", "carol:secret", NULL, false, REASON_OK, 1, 0},
        {"no code is asked for", "carol:secret", NULL, false, REASON_OK, 0, 0},
        {"one is, and there is none", "carol:secret", CODE, true, REASON_TOTP_MISSING, 1, 0},
        {"used without a code", "carol:secret", NULL, false, REASON_OK, 0, 999},
        {"just so", "carol:secret", NULL, false, REASON_OK, 0, 999},
        {"used, but the code is not there", "carol:secret", NULL, true, REASON_TOTP_MISSING, 1,
         999},
        {"is no use", "carol:secret", NULL, false, REASON_OK, 1, 1},
    };
    renew();
    struct pwcheck *pwcheck = pwcheck_new(1, 16, wake, NULL);
    assert_non_null(pwcheck);
    for (size_t i = 0; i < ROWS(table); i++) {
        clock_fake((int64_t)clock_mono_ms() + table[i].later_ms, NOW_MS);
        struct gate_question q =
            question(&without, CONF_REQUIRE_PASSWORD, table[i].pair, table[i].code);
        q.pwcheck = pwcheck;
        q.lockout = NULL;
        q.require_totp = table[i].route_asks;
        uint64_t before = pwcheck_computed(pwcheck);
        uint64_t remembered = pwcache_answers(cache);
        struct gate *g = gate_run(&q, on_done, NULL);
        assert_non_null(g);
        while (pwcheck_pending(pwcheck) > 0) {
            (void)poll(NULL, 0, 1);
            pwcheck_collect(pwcheck);
        }
        CHECK_STR(table[i].says, str_of(reason_token(gate_result(g)->reason)),
                  str_of(reason_token(table[i].reason)));
        CHECK_ROW(table[i].says, pwcheck_computed(pwcheck) - before == table[i].hashes);
        CHECK_ROW(table[i].says, pwcache_answers(cache) - remembered + table[i].hashes == 1);
        gate_free(g);
    }
    pwcheck_free(pwcheck);
}

/* Who is checked apart from those who guess: seen by where there is no room any more. */
static void test_trusted(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const struct gate_peer *peer;
        enum conf_require require;
        const char *pair;
        unsigned failed; /* before */
        bool counted;    /* failures are */
        bool trusted;
    } table[] = {
        {"no certificate", &without, CONF_REQUIRE_PASSWORD, "carol:secret", 0, true, false},
        {"two failures", &with_bob, CONF_REQUIRE_BOTH, "bob:secret", 2, true, false},
        {"nothing is counted", &with_bob, CONF_REQUIRE_BOTH, "bob:secret", 0, false, false},
        {"each name counts by itself", &with_bob, CONF_REQUIRE_PASSWORD, "bob:secret", 0, true,
         false},
        {"two failures of other names", &with_bob, CONF_REQUIRE_BOTH, "carol:secret", 2, true,
         false},
        {"an accepted certificate", &with_bob, CONF_REQUIRE_BOTH, "bob:secret", 0, true, true},
        {"a slip", &with_bob, CONF_REQUIRE_BOTH, "bob:secret", 1, true, true},
        {"wrong, but who knows that", &with_bob, CONF_REQUIRE_BOTH, "bob:wrong", 0, true, true},
    };
    for (size_t i = 0; i < ROWS(table); i++) {
        renew();
        for (unsigned n = 0; n < table[i].failed; n++) {
            const char *wrong =
                strcmp(table[i].pair, "bob:secret") == 0 ? "bob:wrong" : "alice:wrong";
            struct gate_question q = question(table[i].peer, table[i].require, wrong, NULL);
            assert_int_equal(answer(&q).reason, REASON_PASSWORD_WRONG);
        }
        struct pwcheck *pwcheck = pwcheck_new(1, 1, wake, NULL);
        assert_non_null(pwcheck);
        for (unsigned char n = 0; n < 2; n++) { /* one runs until it is collected, one waits */
            const unsigned char digest[PWCACHE_DIGEST] = {n};
            struct pwcheck_ticket *ticket = NULL;
            const struct pwcheck_input in = {digest, STR(USERS_LAB_HASH), STR("secret"), 0, false};
            assert_int_equal(pwcheck_start(pwcheck, &in, ignore, NULL, &ticket), 0);
        }
        struct gate_question q = question(table[i].peer, table[i].require, table[i].pair, NULL);
        q.pwcheck = pwcheck;
        q.lockout = table[i].counted ? lockout : NULL;
        struct gate *g = gate_run(&q, on_done, NULL);
        assert_non_null(g);
        CHECK_ROW(table[i].says, (gate_result(g)->verdict == VERDICT_WAIT) == table[i].trusted);
        CHECK_ROW(table[i].says,
                  (gate_result(g)->reason == REASON_PASSWORD_QUEUE_FULL) == !table[i].trusted);
        gate_free(g);
        pwcheck_free(pwcheck);
    }
}

static int set_up(void **state)
{
    (void)state;
    static const char text[] =
        "alice:" USERS_LAB_HASH "\nbob:" USERS_LAB_HASH "\ncarol:" USERS_LAB_HASH "\n";
    static const char fields[] =
        "alice totp=" SECRET " totp_required=yes\nbob totp=" SECRET " groups=eng,staff\n";
    users = users_lab(text, fields, NULL, 0);
    return users != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    clock_fake(-1, -1);
    users_unref(users);
    pwcache_free(cache);
    totp_memory_free(memory);
    lockout_free(lockout);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_clock_jumps),
        cmocka_unit_test(test_remembered),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_trusted),
        cmocka_unit_test(test_lockout),
        cmocka_unit_test(test_lockout_of_others),
        cmocka_unit_test(test_lockout_by_certificate),
        cmocka_unit_test(test_codes_are_counted_apart),
        cmocka_unit_test(test_burst),
        cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
