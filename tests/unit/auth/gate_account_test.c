/* The last step of the gate: what the store says of the account. */
#include "auth/gate.h"
#include "tests/support/check.h"
#include "tests/unit/auth/users_lab.h"

#define NOW_MS INT64_C(1800000000000)

static const struct identity alice = {.reason = REASON_OK,
                                      .user = {"alice", 5},
                                      .digest = {1},
                                      .not_before_ms = NOW_MS - 1000,
                                      .not_after_ms = NOW_MS + 60000};
static const struct gate_peer alice_required = {.identity = &alice,
                                                .certificate = REASON_OK,
                                                .term = {.until_ms = INT64_MAX},
                                                .mode = CONF_CLIENT_REQUIRE};
static const struct gate_peer no_cert_optional = {.certificate = REASON_CLIENT_CERT_MISSING,
                                                  .mode = CONF_CLIENT_OPTIONAL};

/* Values of Authorization; NULL: none. */
static const char *const columns[] = {NULL, "Basic YWxpY2U6c2VjcmV0",
                                      "Basic YWxpY2U6d3Jvbmc=", "Basic Ym9iOnNlY3JldA=="};

static struct gate_question question(const struct gate_peer *peer, enum conf_require require,
                                     const char *authorization, struct pwcache *cache)
{
    return (struct gate_question){.peer = peer,
                                  .require = require,
                                  .authorization = str_of(authorization),
                                  .authorization_count = authorization != NULL ? 1 : 0,
                                  .rule = &users_lab_rule,
                                  .pwcache = cache,
                                  .wall_ms = NOW_MS,
                                  .mono_ms = 5000};
}

static void on_done(void *arg)
{
    (void)arg;
}

/* Alice with these fields, and bob. */
static struct users *load_with_fields(const char *fields)
{
    static const char text[] = "alice:" USERS_LAB_HASH "\nbob:" USERS_LAB_HASH "\n";
    char line[512];
    (void)snprintf(line, sizeof(line), "alice %s\n", fields);
    return users_lab(text, line, NULL, 0);
}

#define PIN_01   "0100000000000000000000000000000000000000000000000000000000000000"
#define PIN_02   "0200000000000000000000000000000000000000000000000000000000000000"
#define IN_2027  "2027-01-15T08:00:00Z" /* NOW_MS */
#define IN_2027B "2027-01-15T08:00:01Z"

static const struct {
    const char *says;
    const char *fields; /* of alice */
    enum conf_require require;
    const struct gate_peer *peer;
    unsigned column;
    enum reason reason;
    const char *step;
} accounts[] = {
    {"disabled, password", "disabled=yes", CONF_REQUIRE_BOTH, &alice_required, 1,
     REASON_USER_DISABLED, "user"},
    {"disabled, wrong password: not told", "disabled=yes", CONF_REQUIRE_BOTH, &alice_required, 2,
     REASON_PASSWORD_WRONG, "password"},
    {"disabled, by certificate", "disabled=yes", CONF_REQUIRE_CERTIFICATE, &alice_required, 0,
     REASON_USER_DISABLED, "user"},
    {"disabled, either", "disabled=yes", CONF_REQUIRE_EITHER, &alice_required, 0,
     REASON_USER_DISABLED, "user"},
    {"disabled, named where nothing is required", "disabled=yes", CONF_REQUIRE_NONE,
     &alice_required, 0, REASON_USER_DISABLED, "user"},
    {"disabled, not named where nothing is required", "disabled=yes", CONF_REQUIRE_NONE,
     &no_cert_optional, 0, REASON_OK, "credentials"},
    {"disabled, password alone", "disabled=yes", CONF_REQUIRE_PASSWORD, &no_cert_optional, 1,
     REASON_USER_DISABLED, "user"},
    {"over at this moment", "expires=" IN_2027, CONF_REQUIRE_BOTH, &alice_required, 1,
     REASON_USER_EXPIRED, "user"},
    {"over since the beginning of time", "expires=1970-01-01", CONF_REQUIRE_BOTH, &alice_required,
     1, REASON_USER_EXPIRED, "user"},
    {"over in a second", "expires=" IN_2027B, CONF_REQUIRE_BOTH, &alice_required, 1, REASON_OK,
     "user"},
    {"over, by certificate", "expires=2020-01-01", CONF_REQUIRE_CERTIFICATE, &alice_required, 0,
     REASON_USER_EXPIRED, "user"},
    {"over, wrong password: not told", "expires=2020-01-01", CONF_REQUIRE_PASSWORD,
     &no_cert_optional, 2, REASON_PASSWORD_WRONG, "password"},
    {"disabled goes before over", "expires=2020-01-01 disabled=yes", CONF_REQUIRE_BOTH,
     &alice_required, 1, REASON_USER_DISABLED, "user"},
    {"another certificate is pinned", "pin=" PIN_02, CONF_REQUIRE_BOTH, &alice_required, 1,
     REASON_CERT_NOT_PINNED, "user"},
    {"another is pinned, by certificate", "pin=" PIN_02, CONF_REQUIRE_CERTIFICATE, &alice_required,
     0, REASON_CERT_NOT_PINNED, "user"},
    {"this one is pinned", "pin=" PIN_01, CONF_REQUIRE_BOTH, &alice_required, 1, REASON_OK, "user"},
    {"this one among others", "pin=" PIN_02 " pin=" PIN_01, CONF_REQUIRE_EITHER, &alice_required, 0,
     REASON_OK, "user"},
    {"pinned, but no certificate is asked for", "pin=" PIN_02, CONF_REQUIRE_PASSWORD,
     &alice_required, 1, REASON_OK, "user"},
    {"the certificate is optional and left out", "certificate=optional pin=" PIN_02,
     CONF_REQUIRE_BOTH, &no_cert_optional, 1, REASON_OK, "user"},
};

/* Whose password was proven is asked about, whatever was refused first; nobody else is. */
static void test_claimed(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *fields; /* of alice */
        unsigned column;
        enum reason refused;
        enum reason claimed;
    } rows[] = {
        {"disabled, wrong password", "disabled=yes", 2, REASON_PASSWORD_WRONG, REASON_OK},
        {"disabled, no password", "disabled=yes", 0, REASON_CREDENTIALS_MISSING, REASON_OK},
        {"disabled", "disabled=yes", 1, REASON_PAIRING_MISMATCH, REASON_USER_DISABLED},
        {"over", "expires=2020-01-01", 1, REASON_PAIRING_MISMATCH, REASON_USER_EXPIRED},
        {"pins of one are nothing to another's certificate", "pin=" PIN_02, 1,
         REASON_PAIRING_MISMATCH, REASON_OK},
        {"in order", "groups=a", 1, REASON_PAIRING_MISMATCH, REASON_OK},
    };
    struct identity bob = alice;
    bob.user = STR("bob");
    struct gate_peer with_bob = alice_required;
    with_bob.identity = &bob;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct users *users = load_with_fields(rows[i].fields);
        struct pwcache *cache = pwcache_new(8, 1000);
        struct gate_question q =
            question(&with_bob, CONF_REQUIRE_BOTH, columns[rows[i].column], cache);
        q.users = users;
        struct gate *g = gate_run(&q, on_done, NULL);
        assert_non_null(g);
        CHECK_ROW(rows[i].says, gate_result(g)->reason == rows[i].refused);
        CHECK_ROW(rows[i].says, gate_ask_claimed(g) == rows[i].claimed);
        gate_free(g);
        pwcache_free(cache);
        users_unref(users);
    }
}

/* What the store says of an account is asked last: behind a proven password or certificate. */
static void test_account(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(accounts); i++) {
        struct pwcache *cache = pwcache_new(4, 1000);
        struct users *u = load_with_fields(accounts[i].fields);
        struct gate_question q =
            question(accounts[i].peer, accounts[i].require, columns[accounts[i].column], cache);
        q.users = u;
        struct gate *g = gate_run(&q, on_done, NULL);

        const struct gate_answer *a = gate_result(g);
        CHECK_STR(accounts[i].says, str_of(reason_token(a->reason)),
                  str_of(reason_token(accounts[i].reason)));
        CHECK_ROW(accounts[i].says,
                  (a->verdict == VERDICT_ALLOW) == (accounts[i].reason == REASON_OK));
        CHECK_STR(accounts[i].says, str_of(a->step), str_of(accounts[i].step));
        CHECK_ROW(accounts[i].says, !a->challenge || accounts[i].column == 2);
        users_unref(u); /* the gate keeps its record */
        gate_free(g);
        pwcache_free(cache);
    }
}

static void test_groups(void **state)
{
    (void)state;
    struct pwcache *cache = pwcache_new(4, 1000);
    struct users *u = load_with_fields("groups=staff,admin");
    static const struct {
        const char *says;
        enum conf_require require;
        const struct gate_peer *peer;
        unsigned column;
        size_t groups;
    } table[] = {
        {"by password", CONF_REQUIRE_PASSWORD, &no_cert_optional, 1, 2},
        {"by certificate", CONF_REQUIRE_CERTIFICATE, &alice_required, 0, 2},
        {"by both", CONF_REQUIRE_BOTH, &alice_required, 1, 2},
        {"another user", CONF_REQUIRE_PASSWORD, &no_cert_optional, 3, 0},
        {"refused", CONF_REQUIRE_BOTH, &alice_required, 2, 0},
        {"nobody", CONF_REQUIRE_NONE, &no_cert_optional, 0, 0},
    };
    for (size_t i = 0; i < ROWS(table); i++) {
        struct gate_question q =
            question(table[i].peer, table[i].require, columns[table[i].column], cache);
        q.users = u;
        struct gate *g = gate_run(&q, on_done, NULL);

        const struct gate_answer *a = gate_result(g);
        CHECK_ROW(table[i].says, a->group_count == table[i].groups);
        if (table[i].groups > 0) {
            CHECK_STR(table[i].says, a->groups[0], STR("staff"));
            CHECK_STR(table[i].says, a->groups[1], STR("admin"));
            CHECK_STR(table[i].says, a->account->name, STR("alice"));
        }
        gate_free(g);
    }
    users_unref(u);
    pwcache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claimed),
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
