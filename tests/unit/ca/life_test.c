/* The life of a certificate: what must not happen first, then the whole way. */
#include "base/mem.h"
#include "ca/issue.h"
#include "ca/lint.h"
#include "ca/records.h"
#include "ca/request.h"
#include "ca/withdraw.h"
#include "tests/unit/ca/ca_lab.h"

static const struct str operators[] = {{"operators", 9}};
static const struct str others[] = {{"staff", 5}};
static const struct actor alice = {{ALICE, sizeof(ALICE) - 1}, {"192.0.2.1", 9}};

static struct request_operator operator_named(const char *name)
{
    return (struct request_operator){{str_of(name), STR("192.0.2.7")}, operators, 1};
}

/* File alice's request with that key. */
static int file(struct ca_lab *lab, EVP_PKEY *key, const char *profile, const char *renews,
                struct life_id *id)
{
    struct csr *c = lab_csr(key);
    struct request_filing f = {.csr = c,
                               .profile = str_of(profile),
                               .user = STR(ALICE),
                               .company = STR(ACME),
                               .renews = str_of(renews),
                               .held = true};
    struct err e = {0};
    int rc = request_file(&lab->life, &alice, &f, id, &e);
    assert_int_equal(rc == 0, e.text[0] == '\0');
    csr_free(c);
    return rc;
}

struct seen {
    enum life_state state;
    char serial[48];
    X509 *certificate;
    int64_t not_before_ms;
    int64_t not_after_ms;
    int reason;
    size_t n;
};

static bool look(void *arg, const struct record *r)
{
    struct seen *s = arg;
    const unsigned char *p = (const unsigned char *)r->certificate.p;
    s->n++;
    s->state = r->state;
    s->reason = r->withdrawn_reason;
    s->not_before_ms = r->not_before_ms;
    s->not_after_ms = r->not_after_ms;
    (void)snprintf(s->serial, sizeof(s->serial), "%.*s", STR_ARG(r->serial));
    X509_free(s->certificate);
    s->certificate = r->certificate.n > 0 ? d2i_X509(NULL, &p, (long)r->certificate.n) : NULL;
    return true;
}

static struct seen see(struct ca_lab *lab, const struct life_id *id)
{
    struct seen s = {0};
    assert_int_equal(record_show(&lab->life, str_of(id->text), look, &s, NULL), 0);
    assert_int_equal(s.n, 1);
    return s;
}

static enum life_state state_of(struct ca_lab *lab, const struct life_id *id)
{
    struct seen s = see(lab, id);
    X509_free(s.certificate);
    return s.state;
}

/* An id stands among a command's arguments: none may look like an option. */
static void test_ids(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct life_id id;
        struct err e;
        assert_int_equal(0, life_new_id(&id, &e));
        assert_int_equal(LIFE_ID_LEN, strspn(id.text, "0123456789abcdef"));
        assert_int_equal('\0', id.text[LIFE_ID_LEN]);
    }
}

static void check_record(struct ca_lab *lab)
{
    struct audit_entry last;
    struct err e = {0};
    assert_int_equal(audit_verify(lab->life.db, &last, &e), 0);
    assert_int_equal(db_check(lab->life.db, &e), 0);
}

/* No approval, no certificate, whichever way one tries. */
static void test_not_approved(void **state)
{
    (void)state;
    struct ca_lab lab;
    struct life_id id;
    struct err e = {0};
    lab_open(&lab);
    assert_int_equal(file(&lab, NULL, "client", NULL, &id), 0);
    assert_int_equal(state_of(&lab, &id), LIFE_PENDING);
    assert_int_equal(issue(&lab.life, str_of(id.text), &e), -ERR_DENIED);
    struct request_operator own = operator_named(ALICE);
    assert_int_equal(request_approve(&lab.life, &own, str_of(id.text), NULL), -ERR_DENIED);
    struct request_operator staff = operator_named("eve@example.com");
    staff.groups = others;
    assert_int_equal(request_approve(&lab.life, &staff, str_of(id.text), NULL), -ERR_DENIED);
    staff.group_count = 0;
    assert_int_equal(request_approve(&lab.life, &staff, str_of(id.text), NULL), -ERR_DENIED);
    assert_int_equal(request_deny(&lab.life, &staff, str_of(id.text), STR("no"), NULL),
                     -ERR_DENIED);
    struct request_operator one = operator_named("op1@example.com");
    assert_int_equal(request_approve(&lab.life, &one, str_of(id.text), NULL), 0);
    assert_int_equal(request_approve(&lab.life, &one, str_of(id.text), NULL), -ERR_EXISTS);
    assert_int_equal(state_of(&lab, &id), LIFE_PENDING);
    assert_int_equal(issue(&lab.life, str_of(id.text), NULL), -ERR_DENIED);
    size_t n = 9;
    assert_int_equal(issue_all(&lab.life, &n, NULL), 0);
    assert_int_equal(n, 0);
    assert_int_equal(issue(&lab.life, STR("AAAAAAAAAAAAAAAAAAAAAA"), NULL), -ERR_NOT_FOUND);
    check_record(&lab);
    lab_close(&lab);
}

/* Who filed it or is its user does not agree to it, however the name is spelled. */
static void test_own(void **state)
{
    (void)state;
    static const char *const own[] = {ALICE, "alice@EXAMPLE.COM", "local:root",
                                      "carol@EXAMPLE.COM"};
    struct conf_pair accounts[] = {{.name = {.p = "rooter"}, .value = {.p = "dave@example.com"}},
                                   {.name = {.p = "root"}, .value = {.p = "carol@example.com"}}};
    struct ca_lab lab;
    struct life_id id;
    struct csr *c = lab_csr(NULL);
    const struct actor filer = {STR("local:root"), STR("local")};
    struct request_filing f = {
        .csr = c, .profile = STR("client"), .user = STR(ALICE), .company = STR(ACME)};
    lab_open(&lab);
    lab.conf.local_accounts = accounts;
    lab.conf.local_account_count = ROWS(accounts);
    assert_int_equal(request_file(&lab.life, &filer, &f, &id, NULL), 0);
    for (size_t i = 0; i < ROWS(own); i++) {
        struct request_operator o = operator_named(own[i]);
        CHECK_ROW(own[i], request_approve(&lab.life, &o, str_of(id.text), NULL) == -ERR_DENIED);
    }
    csr_free(c);
    lab_close(&lab);
}

/* Somebody who can write to the database's state column still has not the decisions. */
static void test_state_without_decisions(void **state)
{
    (void)state;
    struct ca_lab lab;
    struct life_id id;
    lab_open(&lab);
    assert_int_equal(file(&lab, NULL, "client", NULL, &id), 0);
    assert_int_equal(db_query(lab.life.db, "UPDATE request SET state = 1",
                              (struct db_values){NULL, 0}, NULL, NULL, NULL),
                     0);
    assert_int_equal(issue(&lab.life, str_of(id.text), NULL), -ERR_DENIED);
    lab_close(&lab);
}

static void test_denied(void **state)
{
    (void)state;
    static const char *const reasons[] = {"", "two\nlines", "\xff"};
    struct ca_lab lab;
    struct life_id id;
    struct life_id again;
    EVP_PKEY *key = pki_key();
    lab_open(&lab);
    struct request_operator one = operator_named("op1@example.com");
    struct request_operator two = operator_named("op2@example.com");
    assert_int_equal(file(&lab, key, "client", NULL, &id), 0);
    for (size_t i = 0; i < ROWS(reasons); i++) {
        assert_int_equal(request_deny(&lab.life, &one, str_of(id.text), str_of(reasons[i]), NULL),
                         -ERR_MALFORMED);
    }
    assert_int_equal(request_approve(&lab.life, &one, str_of(id.text), NULL), 0);
    assert_int_equal(request_deny(&lab.life, &one, str_of(id.text), STR("changed my mind"), NULL),
                     0);
    assert_int_equal(request_approve(&lab.life, &two, str_of(id.text), NULL), -ERR_CLOSED);
    assert_int_equal(request_deny(&lab.life, &two, str_of(id.text), STR("no"), NULL), -ERR_CLOSED);
    assert_int_equal(issue(&lab.life, str_of(id.text), NULL), -ERR_DENIED);
    assert_int_equal(state_of(&lab, &id), LIFE_DENIED);
    assert_int_equal(file(&lab, key, "client", NULL, &again), 0);
    assert_string_not_equal(id.text, again.text);
    check_record(&lab);
    EVP_PKEY_free(key);
    lab_close(&lab);
}

/* pending, approved, issued; once; with the right content. */
static void test_issued_once(void **state)
{
    (void)state;
    struct ca_lab lab;
    struct life_id id;
    struct life_id same;
    struct err e = {0};
    EVP_PKEY *key = pki_key();
    lab_open(&lab);
    assert_int_equal(file(&lab, key, "client", NULL, &id), 0);
    assert_int_equal(file(&lab, key, "client", NULL, &same), 0);
    assert_string_equal(id.text, same.text);
    assert_int_equal(file(&lab, key, "auto", NULL, &same), -ERR_EXISTS); /* not asked about that */
    struct request_operator one = operator_named("op1@example.com");
    struct request_operator two = operator_named("op2@example.com");
    assert_int_equal(request_approve(&lab.life, &one, str_of(id.text), NULL), 0);
    assert_int_equal(request_approve(&lab.life, &two, str_of(id.text), NULL), 0);
    assert_int_equal(state_of(&lab, &id), LIFE_APPROVED);
    assert_int_equal(issue(&lab.life, str_of(id.text), &e), 0);
    struct seen first = see(&lab, &id);
    assert_int_equal(first.state, LIFE_ISSUED);
    assert_int_equal(issue(&lab.life, str_of(id.text), NULL), 0);
    struct seen second = see(&lab, &id);
    assert_string_equal(first.serial, second.serial);
    assert_int_equal(X509_cmp(first.certificate, second.certificate), 0);
    assert_int_equal(lint_leaf(&lab.key, first.certificate, &e), 0);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(first.certificate), key), 1);
    assert_int_equal(first.not_before_ms, PKI_NOW_S * 1000 - 300000);
    assert_int_equal(first.not_after_ms, PKI_NOW_S * 1000 + 20 * LAB_DAY_MS);
    assert_int_equal(file(&lab, key, "client", NULL, &same), -ERR_EXISTS);
    check_record(&lab);
    X509_free(first.certificate);
    X509_free(second.certificate);
    EVP_PKEY_free(key);
    lab_close(&lab);
}

static void issue_auto(struct ca_lab *lab, EVP_PKEY *key, struct life_id *id)
{
    assert_int_equal(file(lab, key, "auto", NULL, id), 0);
    assert_int_equal(state_of(lab, id), LIFE_APPROVED);
    size_t n = 0;
    assert_int_equal(issue_all(&lab->life, &n, NULL), 0);
    assert_int_equal(n, 1);
}

static void test_withdrawn(void **state)
{
    (void)state;
    static const int no_reasons[] = {-1, 2, 7, 8, 10};
    struct ca_lab lab;
    struct life_id id;
    lab_open(&lab);
    issue_auto(&lab, NULL, &id);
    struct seen s = see(&lab, &id);
    struct str serial = str_of(s.serial);
    for (size_t i = 0; i < ROWS(no_reasons); i++) {
        assert_int_equal(withdraw(&lab.life, &alice, serial, no_reasons[i], NULL), -ERR_MALFORMED);
    }
    assert_int_equal(withdraw(&lab.life, &alice, STR("00"), 1, NULL), -ERR_NOT_FOUND);
    assert_int_equal(withdraw_lift(&lab.life, &alice, serial, NULL), -ERR_CLOSED);
    assert_int_equal(withdraw(&lab.life, &alice, serial, WITHDRAW_HOLD, NULL), 0);
    assert_int_equal(withdraw(&lab.life, &alice, serial, WITHDRAW_HOLD, NULL), -ERR_EXISTS);
    assert_int_equal(withdraw_lift(&lab.life, &alice, serial, NULL), 0);
    assert_int_equal(withdraw(&lab.life, &alice, serial, WITHDRAW_HOLD, NULL), 0);
    assert_int_equal(withdraw(&lab.life, &alice, serial, WITHDRAW_KEY_COMPROMISE, NULL), 0);
    assert_int_equal(withdraw_lift(&lab.life, &alice, serial, NULL), -ERR_DENIED);
    assert_int_equal(withdraw(&lab.life, &alice, serial, 0, NULL), -ERR_EXISTS);
    assert_int_equal(state_of(&lab, &id), LIFE_WITHDRAWN);
    struct life_id renewed;
    assert_int_equal(file(&lab, NULL, "auto", id.text, &renewed), -ERR_DENIED);
    clock_fake(0, PKI_NOW_S * 1000 + 21 * LAB_DAY_MS);
    size_t n = 0;
    assert_int_equal(withdraw_tick(&lab.life, &n, NULL), 0);
    assert_int_equal(state_of(&lab, &id), LIFE_EXPIRED);
    assert_int_equal(withdraw(&lab.life, &alice, serial, 1, NULL), -ERR_CLOSED);
    check_record(&lab);
    X509_free(s.certificate);
    lab_close(&lab);
}

/* One that two operators have agreed to. */
static void issue_agreed(struct ca_lab *lab, EVP_PKEY *key, struct life_id *id)
{
    struct request_operator one = operator_named("op1@example.com");
    struct request_operator two = operator_named("op2@example.com");
    assert_int_equal(file(lab, key, "client", NULL, id), 0);
    assert_int_equal(request_approve(&lab->life, &one, str_of(id->text), NULL), 0);
    assert_int_equal(request_approve(&lab->life, &two, str_of(id->text), NULL), 0);
    assert_int_equal(issue(&lab->life, str_of(id->text), NULL), 0);
}

/* A renewal needs no operator while the old one is good, and the old one ends after the overlap. */
/* What is somebody else's is not renewed, and the words say what to do. */
static void test_renewed_for_another(void **state)
{
    (void)state;
    static const struct {
        const char *user;
        const char *company;
    } rows[] = {{"bob@example.com", ACME}, {ALICE, "Other Ltd"}};
    struct ca_lab lab;
    struct life_id old;
    struct life_id new;
    struct csr *c = lab_csr(NULL);
    lab_open(&lab);
    issue_auto(&lab, NULL, &old);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct err e = {0};
        struct request_filing f = {.csr = c,
                                   .profile = STR("auto"),
                                   .user = str_of(rows[i].user),
                                   .company = str_of(rows[i].company),
                                   .renews = str_of(old.text),
                                   .held = true};
        assert_int_equal(request_file(&lab.life, &alice, &f, &new, &e), -ERR_DENIED);
        assert_string_equal(
            e.text, "what is to be renewed is for another user or company: file a new request");
    }
    csr_free(c);
    lab_close(&lab);
}

static void test_renewed(void **state)
{
    (void)state;
    struct ca_lab lab;
    struct life_id old;
    struct life_id new;
    struct life_id third;
    EVP_PKEY *key = pki_key();
    size_t n = 0;
    lab_open(&lab);
    issue_auto(&lab, NULL, &old);
    assert_int_equal(file(&lab, NULL, "client", old.text, &new), -ERR_DENIED); /* another profile */
    issue_agreed(&lab, key, &old);
    assert_int_equal(file(&lab, NULL, "auto", old.text, &new), -ERR_DENIED);
    assert_int_equal(file(&lab, NULL, "client", "AAAAAAAAAAAAAAAAAAAAAA", &new), -ERR_NOT_FOUND);
    assert_int_equal(file(&lab, key, "client", old.text, &new), 0);
    assert_int_equal(state_of(&lab, &new), LIFE_APPROVED);
    assert_int_equal(issue_all(&lab.life, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(state_of(&lab, &old), LIFE_RENEWED);
    assert_int_equal(state_of(&lab, &new), LIFE_ISSUED);
    assert_int_equal(file(&lab, NULL, "client", old.text, &third), -ERR_DENIED);
    assert_int_equal(withdraw_tick(&lab.life, &n, NULL), 0);
    assert_int_equal(state_of(&lab, &old), LIFE_RENEWED);
    clock_fake(0, PKI_NOW_S * 1000 + 3600000);
    assert_int_equal(withdraw_tick(&lab.life, &n, NULL), 0);
    assert_int_equal(n, 1);
    struct seen s = see(&lab, &old);
    assert_int_equal(s.state, LIFE_WITHDRAWN);
    assert_int_equal(s.reason, WITHDRAW_SUPERSEDED);
    X509_free(s.certificate);
    clock_fake(0, PKI_NOW_S * 1000 + 25 * LAB_DAY_MS);
    assert_int_equal(file(&lab, NULL, "client", new.text, &third), 0);
    assert_int_equal(state_of(&lab, &third), LIFE_PENDING); /* too late to go without being asked */
    check_record(&lab);
    EVP_PKEY_free(key);
    lab_close(&lab);
}

/* An entry changed or taken out is found, whatever it is. */
static void test_record_changed(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE audit SET actor = 'eve' WHERE seq = 2",
        "UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 2",
        "UPDATE audit SET detail = detail || ' ' WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 1",
    };
    for (size_t i = 0; i < ROWS(changes); i++) {
        struct ca_lab lab;
        struct life_id id;
        struct audit_entry last;
        struct err e = {0};
        struct db_values none = {NULL, 0};
        lab_open(&lab);
        issue_auto(&lab, NULL, &id);
        issue_auto(&lab, NULL, &id);
        CHECK_ROW(changes[i], db_query(lab.life.db, changes[i], none, NULL, NULL, NULL) != 0);
        assert_int_equal(audit_verify(lab.life.db, &last, &e), 0);
        assert_int_equal(last.seq, 4);
        assert_int_equal(
            db_query(lab.life.db, "DROP TRIGGER audit_is_not_changed", none, NULL, NULL, NULL), 0);
        assert_int_equal(
            db_query(lab.life.db, "DROP TRIGGER audit_is_not_deleted", none, NULL, NULL, NULL), 0);
        CHECK_ROW(changes[i], db_query(lab.life.db, changes[i], none, NULL, NULL, NULL) == 0);
        CHECK_ROW(changes[i], audit_verify(lab.life.db, &last, &e) == -ERR_MALFORMED);
        lab_close(&lab);
    }
}

static bool count(void *arg, const struct record *r)
{
    (void)r;
    ++*(size_t *)arg;
    return true;
}

static void test_queries(void **state)
{
    (void)state;
    static const enum life_state issued = LIFE_ISSUED;
    static const enum life_state pending = LIFE_PENDING;
    struct ca_lab lab;
    struct life_id id;
    lab_open(&lab);
    issue_auto(&lab, NULL, &id);
    issue_auto(&lab, NULL, &id);
    assert_int_equal(file(&lab, NULL, "client", NULL, &id), 0);
    const struct {
        const char *says;
        struct record_query q;
        size_t n;
    } rows[] = {
        {"all", {.limit = 10}, 3},
        {"the first two", {.limit = 2}, 2},
        {"what is behind", {.limit = 10, .after = 2}, 1},
        {"pending", {.limit = 10, .state = &pending}, 1},
        {"issued", {.limit = 10, .state = &issued}, 2},
        {"of alice", {.limit = 10, .user = STR(ALICE)}, 3},
        {"of alice, issued", {.limit = 10, .user = STR(ALICE), .state = &issued}, 2},
        {"of bob", {.limit = 10, .user = STR("bob@example.com")}, 0},
        {"that end within a day",
         {.limit = 10, .expires_before_ms = PKI_NOW_S * 1000 + LAB_DAY_MS},
         0},
        {"that end within 21 days",
         {.limit = 10, .expires_before_ms = PKI_NOW_S * 1000 + 21 * LAB_DAY_MS},
         2},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t n = 0;
        CHECK_ROW(rows[i].says, record_each(&lab.life, &rows[i].q, count, &n, NULL) == 0);
        CHECK_ROW(rows[i].says, n == rows[i].n);
    }
    assert_int_equal(record_show(&lab.life, STR("nothing"), count, NULL, NULL), -ERR_NOT_FOUND);
    assert_int_equal(record_show_serial(&lab.life, STR("00"), count, NULL, NULL), -ERR_NOT_FOUND);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_not_approved),
        cmocka_unit_test(test_state_without_decisions),
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_denied),
        cmocka_unit_test(test_issued_once),
        cmocka_unit_test(test_withdrawn),
        cmocka_unit_test(test_renewed),
        cmocka_unit_test(test_renewed_for_another),
        cmocka_unit_test(test_record_changed),
        cmocka_unit_test(test_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
