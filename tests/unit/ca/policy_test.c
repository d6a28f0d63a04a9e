/* Certificates follow accounts: first where they must not. */
#include <unistd.h>

#include "ca/issue.h"
#include "ca/policy.h"
#include "ca/records.h"
#include "ca/request.h"
#include "ca/withdraw.h"
#include "tests/unit/ca/ca_lab.h"

#define BOB "bob@example.com"

static const struct actor root = {{"local:root", 10}, {"local", 5}};
static const char hash[] = ":$5$testsalt$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";

struct lab {
    struct ca_lab ca;
    char htpasswd[TMPDIR_PATH_MAX];
    char fields[TMPDIR_PATH_MAX];
    struct conf_users conf;
    struct people *people;
    struct life_id id; /* of alice's certificate */
};

static void write_file(const char *path, const char *a, const char *b, const char *c)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fprintf(f, "%s%s%s", a, b, c);
    assert_int_equal(fclose(f), 0);
}

static void set_accounts(const struct lab *lab, bool with_alice, const char *fields)
{
    write_file(lab->htpasswd, BOB, hash, with_alice ? ALICE : "");
    if (with_alice) {
        FILE *f = fopen(lab->htpasswd, "a");
        (void)fputs(hash, f);
        (void)fclose(f);
    }
    write_file(lab->fields, fields, "", "");
}

static void lab_begin(struct lab *lab, bool has_account)
{
    struct csr *c = lab_csr(NULL);
    struct request_filing f = {
        .csr = c, .profile = STR("auto"), .user = STR(ALICE), .company = STR(ACME)};
    lab_open(&lab->ca);
    assert_int_equal(request_file(&lab->ca.life, &root, &f, &lab->id, NULL), 0);
    csr_free(c);
    if (has_account) {
        assert_int_equal(policy_note(&lab->ca.life, STR(ALICE), NULL), 0);
    }
    assert_int_equal(issue(&lab->ca.life, str_of(lab->id.text), NULL), 0);
    lab->conf =
        (struct conf_users){.htpasswd = {.p = tmpdir_path(&lab->ca.dir, "htpasswd", lab->htpasswd)},
                            .fields = {.p = tmpdir_path(&lab->ca.dir, "fields", lab->fields)}};
    set_accounts(lab, true, "");
    struct err e = {0};
    assert_int_equal(people_open(&lab->conf, life_rule(&lab->ca.life), &lab->people, &e), 0);
}

static void lab_end(struct lab *lab)
{
    people_close(lab->people);
    lab_close(&lab->ca);
}

/* Look, and say how many certificates changed; next: when to look again, from now. */
static size_t apply(struct lab *lab, int64_t *next)
{
    size_t n = 99;
    int64_t next_ms = 0;
    struct err e = {0};
    int rc = policy_apply(&lab->ca.life, lab->people, &n, &next_ms, &e);
    assert_string_equal(e.text, "");
    assert_int_equal(rc, 0);
    *next = next_ms - clock_wall_ms();
    return n;
}

struct row {
    const char *says;
    bool with_alice;
    const char *fields;
    size_t changed;
    enum life_state state;
    int reason;
};

static const struct row rows[] = {
    {"an open account", true, "", 0, LIFE_ISSUED, -1},
    {"disabled", true, ALICE " disabled=yes\n", 1, LIFE_WITHDRAWN, WITHDRAW_HOLD},
    {"disabled still", true, ALICE " disabled=yes\n", 0, LIFE_WITHDRAWN, WITHDRAW_HOLD},
    {"enabled again", true, "", 1, LIFE_ISSUED, -1},
    {"past its end", true, ALICE " expires=2026-01-01\n", 1, LIFE_WITHDRAWN, WITHDRAW_HOLD},
    {"prolonged", true, ALICE " expires=2028-01-01\n", 1, LIFE_ISSUED, -1},
    {"gone, for a moment", false, "", 1, LIFE_WITHDRAWN, WITHDRAW_HOLD},
    {"back", true, "", 1, LIFE_ISSUED, -1},
};

static void test_rows(void **state)
{
    (void)state;
    struct lab lab;
    int64_t next = 0;
    lab_begin(&lab, true);
    for (size_t i = 0; i < ROWS(rows); i++) {
        set_accounts(&lab, rows[i].with_alice, rows[i].fields);
        CHECK_ROW(rows[i].says, apply(&lab, &next) == rows[i].changed);
        struct lab_seen s = lab_see(&lab.ca, lab.id.text);
        CHECK_ROW(rows[i].says, s.state == rows[i].state && s.reason == rows[i].reason);
        CHECK_ROW(rows[i].says, next == 3600000);
    }
    struct audit_entry last;
    assert_int_equal(audit_verify(lab.ca.life.db, &last, NULL), 0);
    lab_end(&lab);
}

/* An account that stays away is gone for good; one that never was is none that is missing. */
static void test_gone(void **state)
{
    (void)state;
    struct lab lab;
    int64_t next = 0;
    lab_begin(&lab, true);
    set_accounts(&lab, false, "");
    assert_int_equal(apply(&lab, &next), 1);
    clock_fake(0, PKI_NOW_S * 1000 + POLICY_GONE_MS - 1);
    assert_int_equal(apply(&lab, &next), 0);
    assert_int_equal(next, 1);
    clock_fake(0, PKI_NOW_S * 1000 + POLICY_GONE_MS);
    assert_int_equal(apply(&lab, &next), 1);
    assert_int_equal(lab_see(&lab.ca, lab.id.text).reason, WITHDRAW_CESSATION);
    set_accounts(&lab, true, "");
    assert_int_equal(apply(&lab, &next), 0);
    assert_int_equal(lab_see(&lab.ca, lab.id.text).state, LIFE_WITHDRAWN);
    lab_end(&lab);
    lab_begin(&lab, false);
    set_accounts(&lab, false, "");
    assert_int_equal(apply(&lab, &next), 0);
    assert_int_equal(lab_see(&lab.ca, lab.id.text).state, LIFE_ISSUED);
    set_accounts(&lab, true, ""); /* seen with one, it is noted */
    assert_int_equal(apply(&lab, &next), 0);
    set_accounts(&lab, false, "");
    assert_int_equal(apply(&lab, &next), 1);
    lab_end(&lab);
}

/* A store that is empty or broken says nothing about anybody. */
static void test_no_store(void **state)
{
    (void)state;
    struct lab lab;
    size_t n = 0;
    int64_t next = 0;
    lab_begin(&lab, true);
    write_file(lab.htpasswd, "", "", "");
    assert_int_equal(policy_apply(&lab.ca.life, lab.people, &n, &next, NULL), -ERR_NOT_FOUND);
    assert_int_equal(unlink(lab.htpasswd), 0);
    assert_int_not_equal(policy_apply(&lab.ca.life, lab.people, &n, &next, NULL), 0);
    set_accounts(&lab, true, ALICE " disabled=perhaps\n");
    assert_int_not_equal(policy_apply(&lab.ca.life, lab.people, &n, &next, NULL), 0);
    assert_int_equal(n, 0);
    assert_int_equal(lab_see(&lab.ca, lab.id.text).state, LIFE_ISSUED);
    lab_end(&lab);
}

/* Whose word holds: neither lifts the other's hold, and for good is for good. */
static void test_two_holds(void **state)
{
    (void)state;
    struct lab lab;
    int64_t next = 0;
    lab_begin(&lab, true);
    struct lab_seen s = lab_see(&lab.ca, lab.id.text);
    struct str serial = str_of(s.serial);
    const struct life *l = &lab.ca.life;
    assert_int_equal(withdraw(l, &root, serial, WITHDRAW_HOLD, NULL), 0);
    set_accounts(&lab, true, ALICE " disabled=yes\n");
    assert_int_equal(apply(&lab, &next), 0);
    set_accounts(&lab, true, "");
    assert_int_equal(apply(&lab, &next), 0);
    assert_int_equal(lab_see(&lab.ca, lab.id.text).state, LIFE_WITHDRAWN);
    assert_int_equal(withdraw_lift(l, &root, serial, NULL), 0);
    set_accounts(&lab, true, ALICE " disabled=yes\n");
    assert_int_equal(apply(&lab, &next), 1);
    assert_int_equal(withdraw_lift(l, &root, serial, NULL), -ERR_DENIED);
    assert_int_equal(withdraw(l, &root, serial, WITHDRAW_HOLD, NULL), 0); /* now an operator's */
    set_accounts(&lab, true, "");
    assert_int_equal(apply(&lab, &next), 0);
    assert_int_equal(withdraw(l, &root, serial, WITHDRAW_PRIVILEGE_WITHDRAWN, NULL), 0);
    assert_int_equal(withdraw_lift(l, &root, serial, NULL), -ERR_DENIED);
    lab_end(&lab);
}

/* An account's own end is a time to look. */
static void test_next(void **state)
{
    (void)state;
    struct lab lab;
    int64_t next = 0;
    lab_begin(&lab, true);
    clock_fake(0, INT64_C(1830297600000) - 60000); /* a minute before 2028-01-01 */
    set_accounts(&lab, true, BOB " expires=2028-01-01\n");
    (void)apply(&lab, &next);
    assert_int_equal(next, 60000);
    lab_end(&lab);
}

static void test_changed(void **state)
{
    (void)state;
    struct lab lab;
    lab_begin(&lab, true);
    assert_true(people_changed(lab.people));
    assert_false(people_changed(lab.people));
    set_accounts(&lab, false, "");
    assert_true(people_changed(lab.people));
    assert_false(people_changed(lab.people));
    set_accounts(&lab, false, ALICE " disabled=yes\n");
    assert_true(people_changed(lab.people));
    assert_int_equal(unlink(lab.fields), 0);
    assert_true(people_changed(lab.people));
    lab_end(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),     cmocka_unit_test(test_gone),
        cmocka_unit_test(test_no_store), cmocka_unit_test(test_two_holds),
        cmocka_unit_test(test_next),     cmocka_unit_test(test_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
