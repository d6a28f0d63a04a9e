/* The decision: what each route requires of which peer with which credentials. */
#include <poll.h>
#include <stdlib.h>

#include "auth/gate.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/unit/auth/users_lab.h"

#define NOW_MS INT64_C(1800000000000)
#define FOREVER                                                                                    \
    {                                                                                              \
        INT64_MAX, REASON_INTERNAL                                                                 \
    }

/* Alice needs a certificate where a route requires both, bob does not. */
static struct users *users;
static struct users *strict_users; /* all need one */
static struct pwcheck *pwcheck;

static const struct identity alice = {
    .reason = REASON_OK,
    .user = {"alice", 5},
    .digest = {1},
    .not_before_ms = NOW_MS - 1000,
    .not_after_ms = NOW_MS + 60000,
};
static const struct identity nobody = {
    .reason = REASON_CERT_IDENTITY_REPEATED,
    .digest = {2},
    .not_before_ms = NOW_MS - 1000,
    .not_after_ms = NOW_MS + 60000,
};
static const struct identity expired = {
    .reason = REASON_OK,
    .user = {"alice", 5},
    .digest = {1},
    .not_before_ms = NOW_MS - 60000,
    .not_after_ms = NOW_MS - 1000,
};

static const struct gate_peer no_cert_required = {.certificate = REASON_CLIENT_CERT_MISSING,
                                                  .mode = CONF_CLIENT_REQUIRE};
static const struct gate_peer no_cert_optional = {.certificate = REASON_CLIENT_CERT_MISSING,
                                                  .mode = CONF_CLIENT_OPTIONAL};
static const struct gate_peer no_cert_off = {.certificate = REASON_CLIENT_CERT_MISSING,
                                             .mode = CONF_CLIENT_OFF};
static const struct gate_peer alice_required = {
    .identity = &alice, .certificate = REASON_OK, .term = FOREVER, .mode = CONF_CLIENT_REQUIRE};
static const struct gate_peer alice_optional = {
    .identity = &alice, .certificate = REASON_OK, .term = FOREVER, .mode = CONF_CLIENT_OPTIONAL};
static const struct gate_peer bad_required = {.certificate = REASON_CLIENT_CERT_UNKNOWN_CA,
                                              .mode = CONF_CLIENT_REQUIRE};
static const struct gate_peer bad_optional = {.certificate = REASON_CLIENT_CERT_UNKNOWN_CA,
                                              .mode = CONF_CLIENT_OPTIONAL};
static const struct gate_peer nobody_required = {
    .identity = &nobody, .certificate = REASON_OK, .term = FOREVER, .mode = CONF_CLIENT_REQUIRE};
static const struct gate_peer expired_required = {
    .identity = &expired, .certificate = REASON_OK, .term = FOREVER, .mode = CONF_CLIENT_REQUIRE};

/* What is shown; the columns of the table. */
static const struct credentials {
    const char *says;
    const char *value;
    size_t count;
} columns[] = {
    {"nothing", "", 0},
    {"alice:secret", "Basic YWxpY2U6c2VjcmV0", 1},
    {"alice:wrong", "Basic YWxpY2U6d3Jvbmc=", 1},
    {"bob:secret", "Basic Ym9iOnNlY3JldA==", 1},
    {"carol:secret, who is unknown", "Basic Y2Fyb2w6c2VjcmV0", 1},
    {"bad base64", "Basic YWxpY2U", 1},
    {"two fields", "Basic YWxpY2U6c2VjcmV0", 2},
};

#define COLUMNS ROWS(columns)

/* What comes of it; two letters stand for each in the table. hashed: a hash must have run. */
static const struct outcome {
    const char *code;
    enum verdict verdict;
    enum reason reason;
    const char *step;
    const char *user;
    bool challenge, by_password, by_certificate, hashed;
    const char *claimed; /* whose password was proven; NULL: nobody's */
} outcomes[] = {
    {"ON", VERDICT_ALLOW, REASON_OK, "credentials", "", false, false, false, false, NULL},
    {"OC", VERDICT_ALLOW, REASON_OK, "user", "alice", false, false, true, false, NULL},
    {"OA", VERDICT_ALLOW, REASON_OK, "user", "alice", false, true, false, true, "alice"},
    {"OB", VERDICT_ALLOW, REASON_OK, "user", "bob", false, true, false, true, "bob"},
    {"O2", VERDICT_ALLOW, REASON_OK, "user", "alice", false, true, true, true, "alice"},
    {"MC", VERDICT_DENY, REASON_CLIENT_CERT_MISSING, "certificate", "", false, 0, 0, false, NULL},
    {"UC", VERDICT_DENY, REASON_CLIENT_CERT_UNKNOWN_CA, "certificate", "", false, 0, 0, false,
     NULL},
    {"ID", VERDICT_DENY, REASON_CERT_IDENTITY_REPEATED, "certificate", "", false, 0, 0, false,
     NULL},
    {"RC", VERDICT_DENY, REASON_CERT_REQUIRED_BY_ROUTE, "certificate", "", false, 0, 0, false,
     NULL},
    {"RP", VERDICT_DENY, REASON_CERT_REQUIRED_BY_ROUTE, "pairing", "", false, 0, 0, true, "alice"},
    {"EX", VERDICT_DENY, REASON_CLIENT_CERT_EXPIRED, "withdrawal", "", false, 0, 0, false, NULL},
    {"CM", VERDICT_DENY, REASON_CREDENTIALS_MISSING, "credentials", "", true, 0, 0, false, NULL},
    {"CX", VERDICT_DENY, REASON_CREDENTIALS_MALFORMED, "credentials", "", true, 0, 0, false, NULL},
    {"CR", VERDICT_DENY, REASON_CREDENTIALS_REPEATED, "credentials", "", false, 0, 0, false, NULL},
    {"UU", VERDICT_DENY, REASON_USER_UNKNOWN, "password", "", true, 0, 0, true, NULL},
    {"PW", VERDICT_DENY, REASON_PASSWORD_WRONG, "password", "", true, 0, 0, true, NULL},
    {"PM", VERDICT_DENY, REASON_PAIRING_MISMATCH, "pairing", "", false, 0, 0, true, "bob"},
};

static const struct row {
    const char *says;
    enum conf_require require;
    const struct gate_peer *peer;
    const char *codes; /* one for each column */
} rows[] = {
    {"both, no certificate where one is required", CONF_REQUIRE_BOTH, &no_cert_required,
     "MC MC MC MC MC MC MC"},
    {"both, no certificate", CONF_REQUIRE_BOTH, &no_cert_optional, "CM RP PW OB UU CX CR"},
    {"both, certificates off", CONF_REQUIRE_BOTH, &no_cert_off, "CM RP PW OB UU CX CR"},
    {"both, alice's", CONF_REQUIRE_BOTH, &alice_required, "CM O2 PW PM UU CX CR"},
    {"both, alice's where optional", CONF_REQUIRE_BOTH, &alice_optional, "CM O2 PW PM UU CX CR"},
    {"both, a bad one", CONF_REQUIRE_BOTH, &bad_required, "UC UC UC UC UC UC UC"},
    {"both, a bad one where optional", CONF_REQUIRE_BOTH, &bad_optional, "UC UC UC UC UC UC UC"},
    {"both, nobody's", CONF_REQUIRE_BOTH, &nobody_required, "ID ID ID ID ID ID ID"},
    {"both, expired since", CONF_REQUIRE_BOTH, &expired_required, "EX EX EX EX EX EX EX"},

    {"certificate, none where required", CONF_REQUIRE_CERTIFICATE, &no_cert_required,
     "MC MC MC MC MC MC MC"},
    {"certificate, none", CONF_REQUIRE_CERTIFICATE, &no_cert_optional, "RC RC RC RC RC RC RC"},
    {"certificate, off", CONF_REQUIRE_CERTIFICATE, &no_cert_off, "RC RC RC RC RC RC RC"},
    {"certificate, alice's", CONF_REQUIRE_CERTIFICATE, &alice_required, "OC OC OC OC OC OC OC"},
    {"certificate, a bad one", CONF_REQUIRE_CERTIFICATE, &bad_optional, "UC UC UC UC UC UC UC"},
    {"certificate, nobody's", CONF_REQUIRE_CERTIFICATE, &nobody_required, "ID ID ID ID ID ID ID"},
    {"certificate, expired since", CONF_REQUIRE_CERTIFICATE, &expired_required,
     "EX EX EX EX EX EX EX"},

    {"password, no certificate where one is required", CONF_REQUIRE_PASSWORD, &no_cert_required,
     "MC MC MC MC MC MC MC"},
    {"password, no certificate", CONF_REQUIRE_PASSWORD, &no_cert_optional, "CM OA PW OB UU CX CR"},
    {"password, off", CONF_REQUIRE_PASSWORD, &no_cert_off, "CM OA PW OB UU CX CR"},
    {"password, alice's is not compared", CONF_REQUIRE_PASSWORD, &alice_required,
     "CM OA PW OB UU CX CR"},
    {"password, a bad one", CONF_REQUIRE_PASSWORD, &bad_optional, "UC UC UC UC UC UC UC"},
    {"password, nobody's", CONF_REQUIRE_PASSWORD, &nobody_required, "CM OA PW OB UU CX CR"},
    {"password, expired since", CONF_REQUIRE_PASSWORD, &expired_required, "EX EX EX EX EX EX EX"},

    {"either, no certificate where one is required", CONF_REQUIRE_EITHER, &no_cert_required,
     "MC MC MC MC MC MC MC"},
    {"either, no certificate", CONF_REQUIRE_EITHER, &no_cert_optional, "CM OA PW OB UU CX CR"},
    {"either, off", CONF_REQUIRE_EITHER, &no_cert_off, "CM OA PW OB UU CX CR"},
    {"either, alice's", CONF_REQUIRE_EITHER, &alice_required, "OC O2 PW PM UU CX CR"},
    {"either, a bad one", CONF_REQUIRE_EITHER, &bad_optional, "UC UC UC UC UC UC UC"},
    {"either, nobody's", CONF_REQUIRE_EITHER, &nobody_required, "ID ID ID ID ID ID ID"},
    {"either, expired since", CONF_REQUIRE_EITHER, &expired_required, "EX EX EX EX EX EX EX"},

    {"none, no certificate where one is required", CONF_REQUIRE_NONE, &no_cert_required,
     "MC MC MC MC MC MC MC"},
    {"none, no certificate", CONF_REQUIRE_NONE, &no_cert_optional, "ON ON ON ON ON ON ON"},
    {"none, off", CONF_REQUIRE_NONE, &no_cert_off, "ON ON ON ON ON ON ON"},
    {"none, alice's", CONF_REQUIRE_NONE, &alice_required, "OC OC OC OC OC OC OC"},
    {"none, a bad one", CONF_REQUIRE_NONE, &bad_optional, "UC UC UC UC UC UC UC"},
    {"none, nobody's", CONF_REQUIRE_NONE, &nobody_required, "ON ON ON ON ON ON ON"},
    {"none, expired since", CONF_REQUIRE_NONE, &expired_required, "EX EX EX EX EX EX EX"},
};

static void wake(void *arg)
{
    (void)arg;
}

static unsigned done_count;

static void on_done(void *arg)
{
    (void)arg;
    done_count++;
}

static void wait_for_checks(void)
{
    while (pwcheck_pending(pwcheck) > 0) {
        (void)poll(NULL, 0, 1);
        pwcheck_collect(pwcheck);
    }
    pwcheck_collect(pwcheck);
}

static const struct outcome *outcome_of(const char *code)
{
    for (size_t i = 0; i < ROWS(outcomes); i++) {
        if (memcmp(outcomes[i].code, code, 2) == 0) {
            return &outcomes[i];
        }
    }
    fail_msg("no outcome %.2s", code);
    return NULL;
}

static struct gate_question question(const struct gate_peer *peer, enum conf_require require,
                                     const struct credentials *c, struct pwcache *cache)
{
    return (struct gate_question){
        .peer = peer,
        .require = require,
        .authorization = str_of(c->value),
        .authorization_count = c->count,
        .users = users,
        .rule = &users_lab_rule,
        .pwcache = cache,
        .pwcheck = pwcheck,
        .wall_ms = NOW_MS,
        .mono_ms = 5000,
    };
}

static void check_answer(const char *says, const struct gate *g, const struct outcome *wanted)
{
    const struct gate_answer *a = gate_result(g);
    CHECK_ROW(says, a->verdict == wanted->verdict);
    CHECK_STR(says, str_of(reason_token(a->reason)), str_of(reason_token(wanted->reason)));
    CHECK_STR(says, str_of(a->step), str_of(wanted->step));
    CHECK_STR(says, a->user, str_of(wanted->user));
    CHECK_STR(says, a->claimed, str_of(wanted->claimed != NULL ? wanted->claimed : ""));
    CHECK_ROW(says, a->challenge == wanted->challenge);
    CHECK_ROW(says, a->user_by_password == wanted->by_password);
    CHECK_ROW(says, a->user_by_certificate == wanted->by_certificate);
}

/* memory: of the question before, whatever that was; taken, and given back. */
static void check_cell(const struct row *row, const struct credentials *c,
                       const struct outcome *wanted, bool in_place, struct gate **memory)
{
    char says[200];
    (void)snprintf(says, sizeof(says), "%s, %s, shown: %s", in_place ? "in place" : "off the loop",
                   row->says, c->says);
    struct pwcache *cache = pwcache_new(4, 1000);
    struct gate_question q = question(row->peer, row->require, c, cache);
    q.pwcheck = in_place ? NULL : pwcheck;
    done_count = 0;
    struct gate *g = gate_run_again(*memory, &q, on_done, NULL);
    *memory = g;
    assert_non_null(g);
    CHECK_ROW(says, done_count == 0);
    if (!in_place) {
        /* A hash runs for an unknown user as for a known one, and for nobody else. */
        CHECK_ROW(says, (gate_result(g)->verdict == VERDICT_WAIT) == wanted->hashed);
        CHECK_STR(says, str_of(wanted->hashed ? gate_result(g)->step : wanted->step),
                  str_of(wanted->hashed ? "password" : wanted->step));
        wait_for_checks();
        CHECK_ROW(says, done_count == (wanted->hashed ? 1 : 0));
    }
    check_answer(says, g, wanted);
    gate_clear(g);
    pwcache_free(cache);
}

static void test_table(void **state)
{
    (void)state;
    struct gate *memory = NULL;
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(strlen(rows[i].codes), COLUMNS * 3 - 1);
        for (size_t k = 0; k < COLUMNS; k++) {
            const struct outcome *wanted = outcome_of(rows[i].codes + k * 3);
            check_cell(&rows[i], &columns[k], wanted, true, &memory);
            check_cell(&rows[i], &columns[k], wanted, false, &memory);
        }
    }
    gate_free(memory);
}

static void test_credentials(void **state)
{
    (void)state;
    static const struct {
        struct credentials c;
        const char *code;
    } more[] = {
        {{"an empty password", "Basic YWxpY2U6", 1}, "PW"},
        {{"an empty name", "Basic OnNlY3JldA==", 1}, "UU"},
        {{"both empty", "Basic Og==", 1}, "UU"},
        {{"a name in other case", "Basic QUxJQ0U6c2VjcmV0", 1}, "UU"},
        {{"a name with a blank", "Basic YWxpY2UgOnNlY3JldA==", 1}, "UU"},
        {{"the password and more", "Basic YWxpY2U6c2VjcmV0eA==", 1}, "PW"},
    };
    for (size_t i = 0; i < ROWS(more); i++) {
        const struct row row = {"both, alice's", CONF_REQUIRE_BOTH, &alice_required, ""};
        struct gate *memory = NULL;
        check_cell(&row, &more[i].c, outcome_of(more[i].code), true, &memory);
        check_cell(&row, &more[i].c, outcome_of(more[i].code), false, &memory);
        gate_free(memory);
    }
    static const struct {
        struct credentials c;
        enum reason reason;
        unsigned status;
    } refused[] = {
        {{"another scheme", "Bearer x", 1}, REASON_CREDENTIALS_OTHER_SCHEME, 401},
        {{"a NUL in the password", "Basic YWxpY2U6c2VjcmV0AA==", 1},
         REASON_CREDENTIALS_CONTROL,
         401},
        {{"a NUL in the name", "Basic YWxpY2UAOnNlY3JldA==", 1}, REASON_CREDENTIALS_CONTROL, 401},
        {{"three fields", "Basic YWxpY2U6c2VjcmV0", 3}, REASON_CREDENTIALS_REPEATED, 400},
    };
    struct pwcache *cache = pwcache_new(4, 1000);
    for (size_t i = 0; i < ROWS(refused); i++) {
        struct gate_question q =
            question(&alice_required, CONF_REQUIRE_EITHER, &refused[i].c, cache);
        struct gate *g = gate_run(&q, on_done, NULL);
        const struct gate_answer *a = gate_result(g);
        CHECK_ROW(refused[i].c.says, a->verdict == VERDICT_DENY && a->reason == refused[i].reason);
        CHECK_ROW(refused[i].c.says, a->challenge == (refused[i].status == 401));
        CHECK_ROW(refused[i].c.says, reason_status(a->reason) == refused[i].status);
        gate_free(g);
    }
    pwcache_free(cache);
}

/* Where no user may come without a certificate, none is asked for a password without one. */
static void test_no_guessing(void **state)
{
    (void)state;
    struct pwcache *cache = pwcache_new(4, 1000);
    for (size_t k = 0; k < COLUMNS; k++) {
        struct gate_question q = question(&no_cert_optional, CONF_REQUIRE_BOTH, &columns[k], cache);
        q.users = strict_users;
        struct gate *g = gate_run(&q, on_done, NULL);
        check_answer(columns[k].says, g, outcome_of("RC"));
        assert_int_equal(pwcheck_pending(pwcheck), 0);
        gate_free(g);
    }
    pwcache_free(cache);
}

static const struct identity renewed = {
    .reason = REASON_OK,
    .user = {"alice", 5},
    .digest = {1, 1},
    .not_before_ms = NOW_MS - 1000,
    .not_after_ms = NOW_MS + 60000,
};
static const struct gate_peer renewed_required = {
    .identity = &renewed, .certificate = REASON_OK, .term = FOREVER, .mode = CONF_CLIENT_REQUIRE};

/* Asked one after the other; a password is remembered for a second. */
static const struct asked {
    const char *says;
    const struct gate_peer *peer;
    size_t column;
    int64_t at_ms;
    int64_t took_ms; /* the hash */
    const char *code;
    bool hashed;
} asked[] = {
    {"wrong", &alice_required, 2, 0, 0, "PW", true},
    {"wrong again: never remembered", &alice_required, 2, 0, 0, "PW", true},
    {"unknown", &alice_required, 4, 0, 0, "UU", true},
    {"unknown again: never remembered", &alice_required, 4, 0, 0, "UU", true},
    {"right", &alice_required, 1, 0, 0, "O2", true},
    {"remembered", &alice_required, 1, 999, 0, "O2", false},
    {"from its last use", &alice_required, 1, 1998, 0, "O2", false},
    {"and from that one", &alice_required, 1, 2997, 0, "O2", false},
    {"another certificate", &renewed_required, 1, 2997, 0, "O2", true},
    {"another password", &alice_required, 2, 2998, 0, "PW", true},
    {"too long ago, whatever came meanwhile", &alice_required, 1, 3997, 0, "O2", true},
    {"a hash that takes longer than its memory", &renewed_required, 1, 5000, 3000, "O2", true},
    {"counts from its end", &renewed_required, 1, 8999, 0, "O2", false},
    {"the wrong user's", &alice_required, 3, 9000, 0, "PM", true},
    {"is remembered, and refused all the same", &alice_required, 3, 9001, 0, "PM", false},
};

static void test_cache(void **state)
{
    (void)state;
    struct pwcache *cache = pwcache_new(4, 1000);
    for (size_t i = 0; i < ROWS(asked); i++) {
        clock_fake(5000 + asked[i].at_ms, NOW_MS);
        struct gate_question q =
            question(asked[i].peer, CONF_REQUIRE_BOTH, &columns[asked[i].column], cache);
        struct gate *g = gate_run(&q, on_done, NULL);
        CHECK_ROW(asked[i].says, (gate_result(g)->verdict == VERDICT_WAIT) == asked[i].hashed);
        clock_fake(5000 + asked[i].at_ms + asked[i].took_ms, NOW_MS);
        wait_for_checks();
        check_answer(asked[i].says, g, outcome_of(asked[i].code));
        gate_free(g);
    }
    pwcache_free(cache);
    clock_fake(-1, -1);
}

static void test_domain_is_folded(void **state)
{
    (void)state;
    struct users *u = users_lab("a@Example.com:" USERS_LAB_HASH "\n", NULL, NULL, 0);
    static struct identity id;
    id = alice;
    id.user = STR("a@EXAMPLE.com");
    const struct gate_peer peer = {.identity = &id, .certificate = REASON_OK, .term = FOREVER};
    const struct credentials c = {"a@example.COM:secret", "Basic YUBleGFtcGxlLkNPTTpzZWNyZXQ=", 1};
    struct pwcache *cache = pwcache_new(0, 0);
    struct gate_question q = question(&peer, CONF_REQUIRE_BOTH, &c, cache);
    q.users = u;
    q.pwcheck = NULL;
    struct gate *g = gate_run(&q, on_done, NULL);
    assert_int_equal(gate_result(g)->verdict, VERDICT_ALLOW);
    CHECK_STR("named in the normal form", gate_result(g)->user, STR("a@example.com"));
    gate_free(g);
    q.require = CONF_REQUIRE_CERTIFICATE;
    q.authorization_count = 0;
    g = gate_run(&q, on_done, NULL);
    assert_int_equal(gate_result(g)->verdict, VERDICT_ALLOW);
    CHECK_STR("the same by certificate alone", gate_result(g)->user, STR("a@example.com"));
    gate_free(g);
    pwcache_free(cache);
    users_unref(u);
}

static void test_queue_full(void **state)
{
    (void)state;
    struct pwcheck *narrow = pwcheck_new(1, 1, wake, NULL);
    struct pwcache *cache = pwcache_new(4, 1000);
    struct gate *gates[64];
    struct gate_question q = question(&alice_required, CONF_REQUIRE_BOTH, &columns[1], cache);
    char values[ROWS(gates)][40];
    unsigned full = 0;
    q.pwcheck = narrow;
    for (size_t i = 0; i < ROWS(gates); i++) {
        char plain[16];
        int n = snprintf(plain, sizeof(plain), "alice:%zu", i);
        size_t length = enc_base64((struct str){plain, (size_t)n}, values[i] + 6);
        memcpy(values[i], "Basic ", 6);
        q.authorization = (struct str){values[i], length + 6};
        gates[i] = gate_run(&q, on_done, NULL);
        const struct gate_answer *a = gate_result(gates[i]);
        full += a->verdict == VERDICT_DENY && a->reason == REASON_PASSWORD_QUEUE_FULL;
        assert_true(a->verdict == VERDICT_WAIT || a->reason == REASON_PASSWORD_QUEUE_FULL);
    }
    assert_true(full > 0);
    done_count = 0;
    for (size_t i = 0; i < ROWS(gates); i++) {
        gate_free(gates[i]); /* while they wait: nobody is told */
    }
    pwcheck_free(narrow);
    assert_int_equal(done_count, 0);
    pwcache_free(cache);
}

struct trace {
    size_t n;
    const char *step[10];
    enum verdict verdict[10];
    enum reason reason[10];
};

static void on_step(void *arg, const char *step, enum verdict v, enum reason r)
{
    struct trace *t = arg;
    t->step[t->n] = step;
    t->verdict[t->n] = v;
    t->reason[t->n++] = r;
}

static void test_trace(void **state)
{
    (void)state;
    struct pwcache *cache = pwcache_new(4, 1000);
    struct gate_question q = question(&alice_required, CONF_REQUIRE_BOTH, &columns[3], cache);
    struct trace t = {0};
    struct gate *g = gate_run(&q, on_done, NULL);
    gate_trace(g, on_step, &t);
    assert_int_equal(t.n, 4); /* the password is being checked */
    wait_for_checks();
    t.n = 0;
    gate_trace(g, on_step, &t);
    static const char *const steps[] = {"certificate", "withdrawal", "credentials", "lockout",
                                        "password",    "totp",       "pairing"};
    assert_int_equal(t.n, ROWS(steps));
    for (size_t i = 0; i < ROWS(steps); i++) {
        assert_string_equal(t.step[i], steps[i]);
        assert_int_equal(t.verdict[i], i < 6 ? VERDICT_NEXT : VERDICT_DENY);
        assert_int_equal(t.reason[i], i < 6 ? REASON_OK : REASON_PAIRING_MISMATCH);
    }
    gate_free(g);
    gate_free(NULL);
    pwcache_free(cache);
}

/* Without memory nobody comes in who may not, and whoever may is let in or told why not. */
static void test_memory(void **state)
{
    (void)state;
    struct pwcache *cache = pwcache_new(4, 1000);
    for (size_t k = 1; k <= 4; k++) {
        for (unsigned long nth = 1; nth <= 4; nth++) {
            struct gate_question q =
                question(&alice_required, CONF_REQUIRE_BOTH, &columns[k], cache);
            assert_int_equal(pwcache_reset(cache, 4, 1000), 0);
            mem_fail_after(nth, true);
            struct gate *g = gate_run(&q, on_done, NULL);
            if (g != NULL) {
                wait_for_checks();
                enum verdict v = gate_result(g)->verdict;
                assert_true(v == VERDICT_DENY || (k == 1 && v == VERDICT_ALLOW));
            }
            mem_fail_after(0, false);
            gate_free(g);
        }
    }
    pwcache_free(cache);
}

static int set_up(void **state)
{
    static const char text[] = "alice:" USERS_LAB_HASH "\nbob:" USERS_LAB_HASH "\n";
    struct conf_user_rule optional = {.name = {.p = "bob"}, .certificate = CONF_NEED_OPTIONAL};
    (void)state;
    users = users_lab(text, NULL, &optional, 1);
    strict_users = users_lab(text, NULL, NULL, 0);
    pwcheck = pwcheck_new(1, 16, wake, NULL);
    return pwcheck != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    pwcheck_free(pwcheck);
    users_unref(users);
    users_unref(strict_users);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_no_guessing),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_domain_is_folded),
        cmocka_unit_test(test_queue_full),
        cmocka_unit_test(test_trace),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
