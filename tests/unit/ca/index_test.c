/* What is asked often is found by an index: no statement walks through a table or sorts one. */
#include "ca/crl.h"
#include "ca/deliver.h"
#include "ca/issue.h"
#include "ca/policy.h"
#include "ca/publish.h"
#include "ca/records.h"
#include "ca/request.h"
#include "ca/withdraw.h"
#include "tests/support/pki.h"
#include "tests/unit/ca/ca_lab.h"

enum { MANY = 100 };

static const struct actor root = {{"local:root", 10}, {"local", 5}};

static void file(struct ca_lab *lab, const char *user, struct life_id *id)
{
    struct csr *c = lab_csr(NULL);
    struct request_filing f = {
        .csr = c, .profile = STR("auto"), .user = str_of(user), .company = STR(ACME)};
    assert_int_equal(request_file(&lab->life, &root, &f, id, NULL), 0);
    csr_free(c);
}

static void fill(struct ca_lab *lab, struct life_id *last)
{
    size_t n = 0;
    for (int i = 0; i < MANY; i++) {
        char user[64];
        (void)snprintf(user, sizeof(user), "user%d@example.com", i % 10);
        file(lab, user, last);
    }
    assert_int_equal(issue_all(&lab->life, &n, NULL), 0);
    assert_int_equal(n, MANY);
}

static bool count(void *arg, const struct record *r)
{
    (void)r;
    ++*(size_t *)arg;
    return true;
}

static void test_lists(void **state)
{
    (void)state;
    static const enum life_state issued = LIFE_ISSUED;
    struct ca_lab lab;
    struct life_id last;
    lab_open(&lab);
    fill(&lab, &last);
    const struct {
        const char *says;
        struct record_query q;
        size_t n;
    } rows[] = {
        {"the newest", {.limit = 5}, 5},
        {"those behind", {.limit = 5, .after = 50}, 5},
        {"of a state", {.limit = 5, .state = &issued}, 5},
        {"of a user", {.limit = 5, .user = STR("user3@example.com")}, 5},
        {"of a user and a state",
         {.limit = 5, .user = STR("user3@example.com"), .state = &issued},
         5},
        {"of users who begin so", {.limit = 5, .user_prefix = STR("user3")}, 5},
        {"of nobody", {.limit = 5, .user = STR("nobody")}, 0},
        {"the first to end",
         {.limit = 5, .expires_before_ms = PKI_NOW_S * 1000 + 30 * LAB_DAY_MS},
         5},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t n = 0;
        int64_t before = db_steps(lab.life.db);
        CHECK_ROW(rows[i].says, record_each(&lab.life, &rows[i].q, count, &n, NULL) == 0);
        CHECK_ROW(rows[i].says, n == rows[i].n);
        CHECK_ROW(rows[i].says, db_steps(lab.life.db) == before);
    }
    lab_close(&lab);
}

struct found {
    char serial[48];
};

static bool note(void *arg, const struct record *r)
{
    struct found *f = arg;
    (void)snprintf(f->serial, sizeof(f->serial), "%.*s", STR_ARG(r->serial));
    return false;
}

enum step { SHOW, FETCH, SEE, FILE_ONE, SIGN, WITHDRAW, TICK, TELL, STEPS };

static int take(struct ca_lab *lab, enum step step, const struct life_id *id, const struct found *f,
                const char *path)
{
    const struct life *l = &lab->life;
    struct life_id more;
    struct buf out;
    size_t n = 0;
    int rc = 0;
    buf_init(&out, 65536);
    switch (step) {
    case SHOW:
        rc = record_show_last(
            l, &(struct record_sought){STR("user3@example.com"), INT64_MAX, STR("x")}, count, &n,
            NULL);
        rc = rc == 0 ? record_show_serial(l, str_of(f->serial), count, &n, NULL) : rc;
        break;
    case FETCH:
        rc = deliver(l, &root, str_of(id->text), &out, NULL);
        break;
    case SEE:
        rc = deliver_seen(l, &root, (struct str){"01234567890123456789012345678901", 32}, NULL);
        break;
    case FILE_ONE:
        file(lab, "user4@example.com", &more);
        break;
    case SIGN:
        rc = issue_all(l, &n, NULL);
        break;
    case WITHDRAW:
        rc = withdraw(l, &root, str_of(f->serial), WITHDRAW_KEY_COMPROMISE, NULL);
        break;
    case TICK:
        rc = withdraw_tick(l, &n, NULL);
        break;
    case TELL:
        rc = publish_denied(l, path, &n, NULL);
        break;
    case STEPS:
        break;
    }
    buf_release(&out);
    return rc;
}

static void test_steps(void **state)
{
    (void)state;
    static const char *const says[STEPS] = {"show", "fetch",    "see",  "file",
                                            "sign", "withdraw", "tick", "tell the proxies"};
    struct ca_lab lab;
    struct life_id last;
    struct found f;
    char path[TMPDIR_PATH_MAX];
    lab_open(&lab);
    fill(&lab, &last);
    assert_int_equal(record_show(&lab.life, str_of(last.text), note, &f, NULL), 0);
    pki_write(tmpdir_path(&lab.dir, "denied", path), "");
    for (unsigned i = 0; i < STEPS; i++) {
        int64_t before = db_steps(lab.life.db);
        CHECK_ROW(says[i], take(&lab, (enum step)i, &last, &f, path) == 0);
        CHECK_ROW(says[i], db_steps(lab.life.db) == before);
    }
    lab_close(&lab);
}

/* A tick that finds nothing to do costs next to nothing, however many certificates there are. */
static void test_idle(void **state)
{
    (void)state;
    static const enum step idle[] = {SIGN, TICK, TELL};
    static const struct found none = {""};
    struct ca_lab lab;
    struct life_id last;
    char path[TMPDIR_PATH_MAX];
    lab_open(&lab);
    fill(&lab, &last);
    pki_write(tmpdir_path(&lab.dir, "denied", path), "");
    for (size_t i = 0; i < ROWS(idle); i++) {
        int64_t before = db_instructions(lab.life.db);
        assert_int_equal(take(&lab, idle[i], &last, &none, path), 0);
        assert_true(db_instructions(lab.life.db) - before < 2 * MANY);
    }
    lab_close(&lab);
}

/* The measure itself: what has no index is seen. */
static void test_measure(void **state)
{
    (void)state;
    struct ca_lab lab;
    struct life_id last;
    lab_open(&lab);
    fill(&lab, &last);
    int64_t before = db_steps(lab.life.db);
    assert_int_equal(db_query(lab.life.db, "SELECT id FROM request WHERE company = 'x'",
                              (struct db_values){NULL, 0}, NULL, NULL, NULL),
                     0);
    assert_true(db_steps(lab.life.db) >= before + MANY - 1);
    before = db_steps(lab.life.db);
    assert_int_equal(db_query(lab.life.db, "SELECT id FROM request ORDER BY company",
                              (struct db_values){NULL, 0}, NULL, NULL, NULL),
                     0);
    assert_true(db_steps(lab.life.db) > before);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists), cmocka_unit_test(test_steps),
                                       cmocka_unit_test(test_idle), cmocka_unit_test(test_measure)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
