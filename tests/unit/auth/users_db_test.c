/* Users in a database, looked up beside the loop: answers come once or not at all, changes are
 * seen, and a database that fails lets nobody in. */
#include <poll.h>
#include <unistd.h>

#include "auth/store/sqlite.h"
#include "auth/users.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#define H1 "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="

static struct tmpdir dir;
static char path[TMPDIR_PATH_MAX];
static struct files *files;
static struct diags *diags;
static struct job_pool *pool;
static struct conf_users conf;
static const struct conf_identity rule = {.fold_domain = true};

/* What users_db reported last. */
static unsigned failures;
static unsigned recoveries;

static void wake(void *arg)
{
    (void)arg;
}

static void on_report(void *arg, const char *error)
{
    (void)arg;
    failures += error != NULL;
    recoveries += error == NULL;
}

/* What was heard of look-ups: from memory, and from the database by outcome. */
static unsigned remembered;
static unsigned looked[USERS_WAIT];

static void on_looked(void *arg, enum users_found found, int64_t us)
{
    (void)arg;
    remembered += us < 0;
    looked[found] += us >= 0;
}

static int edit(void *arg, struct user_draft *d, struct err *e)
{
    (void)e;
    d->user.hash = STR(H1);
    struct str rest = str_of(arg);
    struct str key = STR_NONE;
    struct str value = STR_NONE;
    if (str_cut(rest, '=', &key, &value)) {
        assert_null(user_draft_set(d, key, value));
    }
    return 0;
}

static void change(enum store_change what, const char *name, const char *word)
{
    struct err e = {0};
    char text[64];
    struct store *s = sqlite_open(path, SQLITE_MODE_CREATE, &e);
    assert_non_null(s);
    (void)snprintf(text, sizeof(text), "%s", word);
    assert_int_equal(store_change(s, what, str_of(name), edit, text, &e), 0);
    store_close(s);
}

static int set_up(void **state)
{
    (void)state;
    tmpdir_make(&dir);
    (void)tmpdir_path(&dir, "users.db", path);
    files = files_new();
    diags = diags_new();
    pool = job_pool_new(1, 8, 0, wake, NULL);
    conf = (struct conf_users){.store = {.p = path}, .lookup_remember_max = 10};
    failures = recoveries = 0;
    remembered = 0;
    memset(looked, 0, sizeof(looked));
    change(STORE_ADD, "Alice@Example.com", "groups=a");
    change(STORE_ADD, "bob", "certificate=optional");
    return pool != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    job_pool_free(pool);
    diags_free(diags);
    files_free(files);
    tmpdir_remove(&dir);
    return 0;
}

static struct users *load(bool attached)
{
    struct users *u = users_load(&conf, &rule, files, diags);
    assert_non_null(u);
    if (attached) {
        const struct users_ear ear = {.state = on_report, .looked = on_looked};
        users_attach(u, pool, &ear);
    }
    return u;
}

static void collect_all(void)
{
    while (job_pending(pool) > 0) {
        (void)poll(NULL, 0, 1);
        job_collect(pool);
    }
    job_collect(pool);
}

struct answer {
    unsigned times;
    enum users_found found;
    const struct user *user;
    struct users_ticket *ticket;
};

static void on_answer(void *arg, enum users_found found, const struct user *user)
{
    struct answer *a = arg;
    a->times++;
    a->found = found;
    a->user = user;
}

/* Ask, and wait if needed; *waited: it was. The reference is the caller's. */
static struct answer ask(struct users *u, struct str name, bool *waited)
{
    struct answer a = {0};
    a.found = users_find(u, name, on_answer, &a, &a.ticket, &a.user);
    *waited = a.found == USERS_WAIT;
    if (*waited) {
        assert_int_equal(a.times, 0);
        collect_all();
        assert_int_equal(a.times, 1);
    }
    assert_true((a.user != NULL) == (a.found == USERS_FOUND));
    return a;
}

static void test_find(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str name;
        const char *found;
    } rows[] = {
        {"as it was written", {"Alice@Example.com", 17}, "Alice@Example.com"},
        {"the domain is folded", {"Alice@EXAMPLE.com", 17}, "Alice@Example.com"},
        {"the local part is not", {"alice@example.com", 17}, NULL},
        {"no domain", {"bob", 3}, "bob"},
        {"other letters", {"Bob", 3}, NULL},
        {"nobody", {"carol", 5}, NULL},
        {"a NUL behind", {"bob\0", 4}, NULL},
        {"nothing", {"", 0}, NULL},
    };
    for (int attached = 0; attached < 2; attached++) {
        struct users *u = load(attached != 0);
        for (size_t i = 0; i < ROWS(rows); i++) {
            bool waited = false;
            for (int again = 0; again < 2; again++) {
                struct answer a = ask(u, rows[i].name, &waited);
                CHECK_ROW(rows[i].says,
                          a.found == (rows[i].found != NULL ? USERS_FOUND : USERS_NONE));
                if (a.user != NULL) {
                    CHECK_STR(rows[i].says, a.user->name, str_of(rows[i].found));
                }
                user_unref(a.user);
                CHECK_ROW(rows[i].says, !waited || (attached != 0 && again == 0));
            }
        }
        users_unref(u);
    }
}

static void test_changes_are_seen(void **state)
{
    (void)state;
    struct users *u = load(true);
    bool waited = false;
    struct answer a = ask(u, STR("bob"), &waited);
    assert_true(waited && !a.user->disabled && !a.user->certificate_required);
    user_unref(a.user);
    change(STORE_SET, "bob", "disabled=yes");
    a = ask(u, STR("bob"), &waited); /* nobody has looked yet */
    assert_true(!waited && !a.user->disabled);
    user_unref(a.user);
    assert_true(users_poll(u));
    assert_true(users_poll(u)); /* one at a time */
    collect_all();
    a = ask(u, STR("bob"), &waited);
    assert_true(waited && a.user->disabled);
    user_unref(a.user);
    change(STORE_DELETE, "bob", "");
    a = ask(u, STR("carol"), &waited); /* a look-up of another tells of the change as well */
    assert_true(waited && a.found == USERS_NONE);
    a = ask(u, STR("bob"), &waited);
    assert_true(waited && a.found == USERS_NONE);
    change(STORE_ADD, "bob", "groups=x");
    (void)users_poll(u);
    collect_all();
    a = ask(u, STR("bob"), &waited);
    assert_true(waited && a.found == USERS_FOUND);
    user_unref(a.user);
    assert_int_equal(failures, 0);
    users_unref(u);
}

static void test_failing_database(void **state)
{
    (void)state;
    char aside[TMPDIR_PATH_MAX];
    struct users *u = load(true);
    bool waited = false;
    struct answer a = ask(u, STR("bob"), &waited);
    user_unref(a.user);
    assert_int_equal(rename(path, tmpdir_path(&dir, "aside", aside)), 0);
    (void)users_poll(u);
    collect_all();
    for (int i = 0; i < 2; i++) {
        a = ask(u, STR("bob"), &waited);
        assert_true(waited && a.found == USERS_FAILED);
    }
    assert_int_equal(failures, 1);
    assert_int_equal(rename(aside, path), 0);
    a = ask(u, STR("bob"), &waited);
    assert_true(waited && a.found == USERS_FOUND);
    user_unref(a.user);
    a = ask(u, STR("bob"), &waited);
    assert_true(!waited && a.found == USERS_FOUND); /* remembered again */
    user_unref(a.user);
    assert_int_equal(recoveries, 1);
    users_unref(u);

    (void)unlink(path);
    assert_null(users_load(&conf, &rule, files, diags));
    assert_int_equal(diags_errors(diags), 1);
}

/* Each search is heard of once, by what came of it; looking for changes is none. */
static void test_what_is_heard(void **state)
{
    (void)state;
    static const char *const names[] = {"bob", "bob", "carol", "carol", "carol", "a:b"};
    char aside[TMPDIR_PATH_MAX];
    bool waited = false;
    struct users *u = load(true);
    for (size_t i = 0; i < ROWS(names); i++) {
        user_unref(ask(u, str_of(names[i]), &waited).user);
    }
    (void)users_poll(u);
    collect_all();
    assert_int_equal(remembered, 3);
    assert_int_equal(looked[USERS_FOUND], 1);
    assert_int_equal(looked[USERS_NONE], 1); /* what no user can be called is not looked for */
    assert_int_equal(looked[USERS_FAILED], 0);
    assert_int_equal(rename(path, tmpdir_path(&dir, "aside", aside)), 0);
    user_unref(ask(u, STR("dora"), &waited).user);
    assert_int_equal(looked[USERS_FAILED], 1);
    users_unref(u);
}

static void test_queue(void **state)
{
    (void)state;
    struct users *u = load(true);
    struct answer many[64] = {{0}};
    char name[8];
    unsigned refused = 0;
    unsigned joined = 0;
    for (size_t i = 0; i < ROWS(many); i++) {
        (void)snprintf(name, sizeof(name), "u%zu", i);
        many[i].found =
            users_find(u, str_of(name), on_answer, &many[i], &many[i].ticket, &many[i].user);
        refused += many[i].found == USERS_FAILED;
        struct answer twin = {0};
        if (many[i].found == USERS_WAIT) {
            assert_int_equal(
                users_find(u, str_of(name), on_answer, &twin, &twin.ticket, &twin.user),
                USERS_WAIT);
            users_cancel(twin.ticket); /* done must not come for it */
            joined++;
        }
    }
    assert_true(refused > 0 && joined > 0);
    collect_all();
    for (size_t i = 0; i < ROWS(many); i++) {
        assert_true(many[i].times == (many[i].ticket != NULL ? 1 : 0));
        assert_true(many[i].found == USERS_NONE || many[i].found == USERS_FAILED);
    }
    users_unref(u);
}

/* Whoever goes while the database is asked takes his callback along. */
static void test_cancel_and_close(void **state)
{
    (void)state;
    struct users *u = load(true);
    struct answer a = {0};
    struct answer b = {0};
    assert_int_equal(users_find(u, STR("bob"), on_answer, &a, &a.ticket, &a.user), USERS_WAIT);
    users_cancel(a.ticket);
    assert_int_equal(users_find(u, STR("bob"), on_answer, &b, &b.ticket, &b.user), USERS_WAIT);
    (void)users_poll(u);
    users_unref(u);
    collect_all();
    assert_int_equal(a.times + b.times, 0);
}

static void test_decoy_and_rules(void **state)
{
    (void)state;
    struct conf_user_rule rules[] = {
        {.name = {.p = "bob"}, .certificate = CONF_NEED_REQUIRED},
        {.name = {.p = "nobody"}, .certificate = CONF_NEED_OPTIONAL},
    };
    conf.rules = rules;
    conf.rule_count = ROWS(rules);
    struct users *u = load(true);
    bool waited = false;
    assert_int_equal(diags_warnings(diags), 1); /* nobody */
    struct answer a = ask(u, STR("bob"), &waited);
    assert_true(a.user->certificate_required);
    user_unref(a.user);
    assert_true(users_any_without_certificate(u)); /* as far as the store says */
    CHECK_STR("as most users have it", str_slice(users_decoy(u), 0, 5), STR("{SHA}"));
    change(STORE_SET, "bob", "certificate=required");
    (void)users_poll(u);
    collect_all();
    assert_false(users_any_without_certificate(u));
    users_unref(u);
}

static void test_memory(void **state)
{
    (void)state;
    struct conf_user_rule bob = {.name = {.p = "bob"}, .certificate = CONF_NEED_REQUIRED};
    for (unsigned long nth = 1; nth < 24; nth++) {
        conf.rules = &bob;
        conf.rule_count = 1;
        mem_fail_after(nth, true);
        struct users *u = users_load(&conf, &rule, files, diags);
        bool failed = mem_allocations() >= nth;
        mem_fail_after(0, false);
        conf.rule_count = 0;
        assert_true(u != NULL || failed);
        assert_int_equal(diags_warnings(diags), 0); /* that there is no bob */
        users_unref(u);
        u = load(true);
        struct answer a = {0};
        mem_fail_after(nth, true);
        a.found = users_find(u, STR("bob"), on_answer, &a, &a.ticket, &a.user);
        collect_all();
        mem_fail_after(0, false);
        assert_true(a.found == USERS_FOUND || a.found == USERS_FAILED);
        user_unref(a.user);
        users_unref(u);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_find),
        CASE(test_changes_are_seen),
        CASE(test_failing_database),
        CASE(test_what_is_heard),
        CASE(test_queue),
        CASE(test_cancel_and_close),
        CASE(test_decoy_and_rules),
        CASE(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
