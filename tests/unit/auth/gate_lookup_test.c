/* The gate when users are looked up beside the loop: it waits, then goes on, and never lets anyone
 * in whom the store could not tell. The store is played by this file. */
#define users_find   play_find
#define users_cancel play_cancel
#include "auth/gate.c"
#undef users_find
#undef users_cancel

#include "tests/support/check.h"

#define HASH "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=" /* "secret" */

/* What the store is going to say, and what it was asked. */
static struct {
    enum users_found answer;
    unsigned asked;
    unsigned cancelled;
    unsigned told;
    char name[64];
    users_done_fn done;
    void *arg;
} store;

enum users_found play_find(struct users *u, struct str name, users_done_fn done, void *arg,
                           struct users_ticket **ticket, const struct user **user)
{
    (void)u;
    store.asked++;
    store.done = done;
    store.arg = arg;
    assert_true(name.n < sizeof(store.name));
    memcpy(store.name, name.p, name.n);
    store.name[name.n] = '\0';
    *ticket = store.answer == USERS_WAIT ? (struct users_ticket *)(void *)&store : NULL;
    *user = NULL;
    return store.answer;
}

void play_cancel(struct users_ticket *ticket)
{
    assert_ptr_equal(ticket, &store);
    store.cancelled++;
}

static void on_done(void *arg)
{
    (void)arg;
    store.told++;
}

static const struct conf_identity rule = {.fold_domain = true};
static const struct identity alice = {
    .reason = REASON_OK, .user = {"alice", 5}, .not_after_ms = INT64_C(1) << 60};
static const struct gate_peer with_alice = {.identity = &alice,
                                            .certificate = REASON_OK,
                                            .term = {.until_ms = INT64_MAX},
                                            .mode = CONF_CLIENT_REQUIRE};
static struct users *no_users;
static struct pwcache *cache;

static struct gate_question question(enum conf_require require, const char *authorization)
{
    return (struct gate_question){.peer = &with_alice,
                                  .require = require,
                                  .authorization = str_of(authorization),
                                  .authorization_count = authorization != NULL ? 1 : 0,
                                  .users = no_users,
                                  .rule = &rule,
                                  .pwcache = cache,
                                  .wall_ms = 1000,
                                  .mono_ms = 1};
}

static const struct user *record(bool disabled)
{
    const struct user *u =
        user_new(&(struct user){.name = STR("alice"), .hash = STR(HASH), .disabled = disabled});
    assert_non_null(u);
    return u;
}

static bool is_wiped(const struct gate *g)
{
    for (size_t i = 0; i < sizeof(g->secret.scratch); i++) {
        if (g->secret.scratch[i] != 0) {
            return false;
        }
    }
    return true;
}

static void test_late_answers(void **state)
{
    (void)state;
    static const char good[] = "Basic YWxpY2U6c2VjcmV0";
    static const char wrong[] = "Basic YWxpY2U6d3Jvbmc=";
    static const struct {
        const char *says;
        enum conf_require require;
        const char *authorization;
        enum users_found found;
        bool disabled;
        enum verdict verdict;
        enum reason reason;
        const char *step;
    } rows[] = {
        {"no store, password", CONF_REQUIRE_BOTH, good, USERS_FAILED, false, VERDICT_DENY,
         REASON_USER_STORE_UNAVAILABLE, "password"},
        {"no store, certificate", CONF_REQUIRE_CERTIFICATE, NULL, USERS_FAILED, false, VERDICT_DENY,
         REASON_USER_STORE_UNAVAILABLE, "user"},
        {"unknown, password", CONF_REQUIRE_BOTH, good, USERS_NONE, false, VERDICT_DENY,
         REASON_USER_UNKNOWN, "password"},
        {"unknown, certificate", CONF_REQUIRE_CERTIFICATE, NULL, USERS_NONE, false, VERDICT_ALLOW,
         REASON_OK, "user"},
        {"known, wrong password", CONF_REQUIRE_BOTH, wrong, USERS_FOUND, true, VERDICT_DENY,
         REASON_PASSWORD_WRONG, "password"},
        {"disabled, password", CONF_REQUIRE_BOTH, good, USERS_FOUND, true, VERDICT_DENY,
         REASON_USER_DISABLED, "user"},
        {"disabled, certificate", CONF_REQUIRE_EITHER, NULL, USERS_FOUND, true, VERDICT_DENY,
         REASON_USER_DISABLED, "user"},
        {"known, password", CONF_REQUIRE_BOTH, good, USERS_FOUND, false, VERDICT_ALLOW, REASON_OK,
         "user"},
        {"known, certificate", CONF_REQUIRE_CERTIFICATE, NULL, USERS_FOUND, false, VERDICT_ALLOW,
         REASON_OK, "user"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        memset(&store, 0, sizeof(store));
        store.answer = USERS_WAIT;
        struct gate_question q = question(rows[i].require, rows[i].authorization);
        struct gate *g = gate_run(&q, on_done, NULL);
        const struct gate_answer *a = gate_result(g);
        CHECK_ROW(rows[i].says, a->verdict == VERDICT_WAIT && store.told == 0);
        CHECK_ROW(rows[i].says, is_wiped(g) == (rows[i].authorization == NULL));
        CHECK_STR(rows[i].says, str_of(store.name), STR("alice"));
        store.done(store.arg, rows[i].found,
                   rows[i].found == USERS_FOUND ? record(rows[i].disabled) : NULL);
        CHECK_ROW(rows[i].says, a->verdict == rows[i].verdict && store.told == 1);
        CHECK_STR(rows[i].says, str_of(reason_token(a->reason)),
                  str_of(reason_token(rows[i].reason)));
        CHECK_STR(rows[i].says, str_of(a->step), str_of(rows[i].step));
        CHECK_ROW(rows[i].says, store.asked == 1 && is_wiped(g));
        gate_free(g);
        CHECK_ROW(rows[i].says, store.cancelled == 0);
    }
}

static void test_answers_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        enum users_found found;
        enum reason reason;
    } rows[] = {{"failed", USERS_FAILED, REASON_USER_STORE_UNAVAILABLE},
                {"unknown", USERS_NONE, REASON_USER_UNKNOWN}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        memset(&store, 0, sizeof(store));
        store.answer = rows[i].found;
        struct gate_question q = question(CONF_REQUIRE_BOTH, "Basic YWxpY2U6c2VjcmV0");
        struct gate *g = gate_run(&q, on_done, NULL);
        CHECK_ROW(rows[i].says, gate_result(g)->verdict == VERDICT_DENY);
        CHECK_STR(rows[i].says, str_of(reason_token(gate_result(g)->reason)),
                  str_of(reason_token(rows[i].reason)));
        CHECK_ROW(rows[i].says, store.told == 0 && is_wiped(g));
        gate_free(g);
    }
}

static void test_freed_while_waiting(void **state)
{
    (void)state;
    memset(&store, 0, sizeof(store));
    store.answer = USERS_WAIT;
    struct gate_question q = question(CONF_REQUIRE_BOTH, "Basic YWxpY2U6c2VjcmV0");
    struct gate *g = gate_run(&q, on_done, NULL);
    assert_int_equal(gate_result(g)->verdict, VERDICT_WAIT);
    gate_free(g);
    assert_int_equal(store.cancelled, 1);
    assert_int_equal(store.told, 0);
}

static int set_up(void **state)
{
    (void)state;
    struct files *files = files_new();
    struct diags *diags = diags_new();
    cache = pwcache_new(0, 0);
    no_users = users_load(&(struct conf_users){0}, &rule, files, diags);
    diags_free(diags);
    files_free(files);
    return cache != NULL && no_users != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    users_unref(no_users);
    pwcache_free(cache);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_late_answers),
        cmocka_unit_test(test_answers_at_once),
        cmocka_unit_test(test_freed_while_waiting),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
