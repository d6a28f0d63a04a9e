/* The gate and the deny list: who is refused, at which step, and who learns of it. */
#include <poll.h>

#include "auth/gate.h"
#include "auth/revoke/deny.h"
#include "auth/withdrawal.h"
#include "tests/support/check.h"
#include "tests/unit/auth/users_lab.h"

#define NOW_MS INT64_C(1800000000000)
#define PRINT  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct identity alice = {.reason = REASON_OK,
                                      .user = {"alice@example.com", 17},
                                      .digest = {1},
                                      .not_before_ms = NOW_MS - 1000,
                                      .not_after_ms = NOW_MS + 60000};

/* Alice's certificate has the fingerprint that PRINT stands for; that above it is of another. */
static const struct deny_chain chain = {
    .n = 2,
    .v = {{.fingerprint = {0xff}, .serial = {0xfe}},
          {.fingerprint = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67,
                           0x89, 0xab, 0xcd}}}};
static const struct gate_peer good = {.identity = &alice,
                                      .certificate = REASON_OK,
                                      .term = {.until_ms = INT64_MAX},
                                      .chain = &chain,
                                      .mode = CONF_CLIENT_OPTIONAL};
static const struct gate_peer none = {.certificate = REASON_CLIENT_CERT_MISSING,
                                      .mode = CONF_CLIENT_OPTIONAL};
static const struct gate_peer refused = {.identity = &alice,
                                         .certificate = REASON_CLIENT_CERT_UNKNOWN_CA,
                                         .chain = &chain,
                                         .mode = CONF_CLIENT_OPTIONAL};

/* Values of Authorization: none; alice@example.com with her password, and a wrong one; bob. */
static const char *const shown[] = {
    NULL, "Basic YWxpY2VAZXhhbXBsZS5jb206c2VjcmV0",
    "Basic YWxpY2VAZXhhbXBsZS5jb206d3Jvbmc=", "Basic Ym9iOnNlY3JldA=="};

static const char users_text[] = "alice@example.com:" USERS_LAB_HASH "\nbob:" USERS_LAB_HASH "\n";
static struct users *users;

static struct deny *deny_of(const char *line)
{
    struct conf_text path = {.p = "x.deny"};
    const struct conf conf = {.revocation = {.deny = {&path, 1}}, .identity = users_lab_rule};
    struct files *files = files_new();
    struct diags *diags = diags_new();
    assert_int_equal(files_put(files, "x.deny", str_of(line)), 0);
    struct deny *d = withdrawal_load(&conf, NULL, files, diags);
    assert_non_null(d);
    diags_free(diags);
    files_free(files);
    return d;
}

static int setup(void **state)
{
    (void)state;
    users = users_lab(users_text, NULL, NULL, 0);
    return users != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    users_unref(users);
    return 0;
}

static struct gate_question question(const struct gate_peer *peer, enum conf_require require,
                                     unsigned column, struct pwcache *cache)
{
    return (struct gate_question){.peer = peer,
                                  .require = require,
                                  .authorization = str_of(shown[column]),
                                  .authorization_count = shown[column] != NULL ? 1 : 0,
                                  .users = users,
                                  .rule = &users_lab_rule,
                                  .pwcache = cache,
                                  .wall_ms = NOW_MS,
                                  .mono_ms = 5000};
}

static void on_done(void *arg)
{
    (void)arg;
}

#define CERT "fingerprint=" PRINT
#define USER "user=alice@EXAMPLE.com"

static const struct {
    const char *says;
    const char *line;
    const struct gate_peer *peer;
    enum conf_require require;
    unsigned column;
    enum reason reason;
    const char *step;
} rows[] = {
    {"a CA above it, nothing shown", CERT, &good, CONF_REQUIRE_BOTH, 0,
     REASON_CLIENT_CERT_WITHDRAWN, "withdrawal"},
    {"before any password is looked at", CERT, &good, CONF_REQUIRE_BOTH, 2,
     REASON_CLIENT_CERT_WITHDRAWN, "withdrawal"},
    {"also where the certificate alone decides", CERT, &good, CONF_REQUIRE_CERTIFICATE, 0,
     REASON_CLIENT_CERT_WITHDRAWN, "withdrawal"},
    {"also where the password would do", CERT, &good, CONF_REQUIRE_PASSWORD, 1,
     REASON_CLIENT_CERT_WITHDRAWN, "withdrawal"},
    {"also where one would", CERT, &good, CONF_REQUIRE_EITHER, 1, REASON_CLIENT_CERT_WITHDRAWN,
     "withdrawal"},
    {"also where nothing is required", CERT, &good, CONF_REQUIRE_NONE, 0,
     REASON_CLIENT_CERT_WITHDRAWN, "withdrawal"},
    {"one that was not accepted keeps its reason", CERT, &refused, CONF_REQUIRE_BOTH, 1,
     REASON_CLIENT_CERT_UNKNOWN_CA, "certificate"},
    {"who shows no certificate is not concerned", CERT, &none, CONF_REQUIRE_PASSWORD, 1, REASON_OK,
     "user"},

    {"the user, both proven", USER, &good, CONF_REQUIRE_BOTH, 1, REASON_USER_WITHDRAWN, "user"},
    {"a wrong password does not learn of it", USER, &good, CONF_REQUIRE_BOTH, 2,
     REASON_PASSWORD_WRONG, "password"},
    {"nor does nobody", USER, &good, CONF_REQUIRE_BOTH, 0, REASON_CREDENTIALS_MISSING,
     "credentials"},
    {"nor another user", USER, &good, CONF_REQUIRE_BOTH, 3, REASON_PAIRING_MISMATCH, "pairing"},
    {"by certificate", USER, &good, CONF_REQUIRE_CERTIFICATE, 0, REASON_USER_WITHDRAWN, "user"},
    {"by password", USER, &none, CONF_REQUIRE_PASSWORD, 1, REASON_USER_WITHDRAWN, "user"},
    {"by password, wrong", USER, &none, CONF_REQUIRE_PASSWORD, 2, REASON_PASSWORD_WRONG,
     "password"},
    {"another user's password on the connection", USER, &good, CONF_REQUIRE_PASSWORD, 3, REASON_OK,
     "user"},
    {"either, by certificate", USER, &good, CONF_REQUIRE_EITHER, 0, REASON_USER_WITHDRAWN, "user"},
    {"either, by password", USER, &none, CONF_REQUIRE_EITHER, 1, REASON_USER_WITHDRAWN, "user"},
    {"named where nothing is required", USER, &good, CONF_REQUIRE_NONE, 0, REASON_USER_WITHDRAWN,
     "user"},
    {"not named where nothing is required", USER, &none, CONF_REQUIRE_NONE, 0, REASON_OK,
     "credentials"},

    {"nothing is withdrawn", "", &good, CONF_REQUIRE_BOTH, 1, REASON_OK, "user"},
    {"something else is", "user=bob\nfingerprint=" PRINT "\n# " USER, &none, CONF_REQUIRE_PASSWORD,
     1, REASON_OK, "user"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct pwcache *cache = pwcache_new(4, 1000);
        struct deny *set = deny_of(rows[i].line);
        const struct deny *in_force = set;
        struct gate_question q = question(rows[i].peer, rows[i].require, rows[i].column, cache);
        q.deny = &in_force;
        struct gate *g = gate_run(&q, on_done, NULL);
        const struct gate_answer *a = gate_result(g);
        CHECK_STR(rows[i].says, str_of(reason_token(a->reason)),
                  str_of(reason_token(rows[i].reason)));
        CHECK_ROW(rows[i].says, (a->verdict == VERDICT_ALLOW) == (rows[i].reason == REASON_OK));
        CHECK_STR(rows[i].says, str_of(a->step), str_of(rows[i].step));
        CHECK_ROW(rows[i].says, rows[i].reason != REASON_USER_WITHDRAWN || !a->challenge);
        gate_free(g);
        deny_free(set);
        pwcache_free(cache);
    }
}

static void wake(void *arg)
{
    (void)arg;
}

/* The list that counts is the one in force when the password was proven. */
static void test_withdrawn_while_the_password_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *before, *after;
        enum reason reason;
    } changes[] = {
        {"withdrawn meanwhile", "", USER, REASON_USER_WITHDRAWN},
        {"taken back meanwhile", USER, "", REASON_OK},
    };
    struct pwcheck *pwcheck = pwcheck_new(1, 4, wake, NULL);
    for (size_t i = 0; i < ROWS(changes); i++) {
        struct pwcache *cache = pwcache_new(4, 1000);
        struct deny *before = deny_of(changes[i].before);
        struct deny *after = deny_of(changes[i].after);
        const struct deny *in_force = before;
        struct gate_question q = question(&none, CONF_REQUIRE_PASSWORD, 1, cache);
        q.deny = &in_force;
        q.pwcheck = pwcheck;
        struct gate *g = gate_run(&q, on_done, NULL);
        CHECK_ROW(changes[i].says, gate_result(g)->verdict == VERDICT_WAIT);
        in_force = after;
        deny_free(before); /* as a worker does: nobody may hold on to it */
        while (pwcheck_pending(pwcheck) > 0) {
            (void)poll(NULL, 0, 1);
            pwcheck_collect(pwcheck);
        }
        pwcheck_collect(pwcheck);
        CHECK_ROW(changes[i].says, gate_result(g)->reason == changes[i].reason);
        gate_free(g);
        deny_free(after);
        pwcache_free(cache);
    }
    pwcheck_free(pwcheck);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_withdrawn_while_the_password_is_checked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
