/* Accounts, as the CA asks them: whose is not open, whose company is another, and stores that fail
 * come first; then that both stores find whom the proxy finds. */
#include <unistd.h>

#include "auth/store/sqlite.h"
#include "auth/store/store.h"
#include "ca/import.h"
#include "ca/people.h"
#include "tests/unit/ca/ca_lab.h"

#define HASH "$5$testsalt$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct actor root = {{"local:root", 10}, {"local", 5}};
static const struct str operators[] = {{"operators", 9}};
static const struct request_operator one = {
    {{"op1@example.com", 15}, {"192.0.2.7", 9}}, operators, 1};

struct desk {
    struct ca_lab lab;
    struct conf_users users;
    struct conf_identity rule;
    char first[TMPDIR_PATH_MAX];
    char fields[TMPDIR_PATH_MAX];
};

static void put(struct desk *d, const char *name, const char *text)
{
    tmpdir_write(&d->lab.dir, name, text, strlen(text));
}

static void open_people(struct desk *d)
{
    struct err e = {0};
    people_close(d->lab.life.people);
    assert_int_equal(people_open(&d->users, &d->rule, &d->lab.life.people, &e), 0);
}

/* An htpasswd file with two who differ from what people write, and alice. */
static void desk_open(struct desk *d, const char *fields)
{
    static const char users[] = ALICE ":" HASH "\nBob@EXAMPLE.Com:" HASH "\nprinter:" HASH "\n";
    *d = (struct desk){.rule = {.fold_domain = true}};
    lab_open(&d->lab);
    put(d, "users", users);
    put(d, "fields", fields);
    d->users = (struct conf_users){.htpasswd = {.p = tmpdir_path(&d->lab.dir, "users", d->first)},
                                   .fields = {.p = tmpdir_path(&d->lab.dir, "fields", d->fields)}};
    open_people(d);
}

static void desk_close(struct desk *d)
{
    people_close(d->lab.life.people);
    lab_close(&d->lab);
}

#define FIELDS                                                                                     \
    ALICE " company="                                                                              \
          "Acme%20Ltd\n"                                                                           \
          "Bob@EXAMPLE.Com disabled=yes\n"                                                         \
          "printer expires=2020-01-01\n"

static void test_admitted(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *user;
        const char *company;
        int result;
        bool known;
    } rows[] = {
        {"another company", ALICE, "Other", -ERR_DENIED, true},
        {"in other letters", ALICE, "acme ltd", -ERR_DENIED, true},
        {"a part of it", ALICE, "Acme", -ERR_DENIED, true},
        {"none", ALICE, "", -ERR_DENIED, true},
        {"disabled", "Bob@example.com", "Other", -ERR_CLOSED, true},
        {"past its end", "printer", "Other", -ERR_CLOSED, true},
        {"its own company", ALICE, ACME, 0, true},
        {"the domain in other letters", "alice@EXAMPLE.com", ACME, 0, true},
        {"the local part in other letters is another", "Alice@example.com", "Other", 0, false},
        {"nobody", "carol@example.com", "Other", 0, false},
        {"a name that no user can have", "local:root", "Other", 0, false},
    };
    struct desk d;
    desk_open(&d, FIELDS);
    for (size_t i = 0; i < ROWS(rows); i++) {
        bool known = false;
        struct err e = {0};
        CHECK_ROW(rows[i].says,
                  people_admit(d.lab.life.people, str_of(rows[i].user), str_of(rows[i].company),
                               &known, &e) == rows[i].result);
        CHECK_ROW(rows[i].says, known == rows[i].known);
        CHECK_ROW(rows[i].says, (e.text[0] == '\0') == (rows[i].result == 0));
    }
    bool known = true;
    assert_int_equal(people_admit(NULL, STR(ALICE), STR("Other"), &known, NULL), 0);
    assert_false(known);
    assert_int_equal(people_company(d.lab.life.people, STR("printer"), STR("Other"), NULL), 0);
    assert_int_equal(people_company(d.lab.life.people, STR(ALICE), STR("Other"), NULL),
                     -ERR_DENIED);
    desk_close(&d);
}

/* Who cannot be looked up is neither let in nor sent away for good: it is our own trouble. */
static void test_stores_that_fail(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *file;
        const char *text; /* NULL: the file is gone */
    } rows[] = {
        {"the passwords are gone", "users", NULL},
        {"the passwords cannot be read", "users", ALICE ":plain text\n"},
        {"the fields cannot be read", "fields", ALICE " colour=blue\n"},
        {"the user stands there twice", "users", ALICE ":" HASH "\nalice@EXAMPLE.com:" HASH "\n"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct desk d;
        char path[TMPDIR_PATH_MAX];
        struct user *u = NULL;
        bool known = false;
        struct err e = {0};
        desk_open(&d, FIELDS);
        if (rows[i].text != NULL) {
            put(&d, rows[i].file, rows[i].text);
        } else {
            assert_int_equal(unlink(tmpdir_path(&d.lab.dir, rows[i].file, path)), 0);
        }
        CHECK_ROW(rows[i].says,
                  people_find(d.lab.life.people, STR(ALICE), &u, &e) == -ERR_UNAVAILABLE);
        CHECK_ROW(rows[i].says, u == NULL && strstr(e.text, "users' store fails") != NULL);
        CHECK_ROW(rows[i].says, people_admit(d.lab.life.people, STR(ALICE), STR(ACME), &known,
                                             NULL) == -ERR_UNAVAILABLE);
        CHECK_ROW(rows[i].says, people_company(d.lab.life.people, STR(ALICE), STR(ACME), NULL) ==
                                    -ERR_UNAVAILABLE);
        desk_close(&d);
    }
}

static int fill(void *arg, struct user_draft *u, struct err *e)
{
    (void)arg;
    (void)e;
    u->user.hash = STR(HASH);
    return user_draft_set(u, STR("company"), STR("Acme")) == NULL ? 0 : -ERR_MALFORMED;
}

static void make_database(struct desk *d, const char *name, const char *user)
{
    struct store *s =
        sqlite_open(tmpdir_path(&d->lab.dir, name, d->first), SQLITE_MODE_CREATE, NULL);
    assert_non_null(s);
    assert_int_equal(store_change(s, STORE_ADD, str_of(user), fill, NULL, NULL), 0);
    store_close(s);
}

static void test_database(void **state)
{
    (void)state;
    struct desk d;
    struct user *u = NULL;
    char other[TMPDIR_PATH_MAX];
    char was[TMPDIR_PATH_MAX];
    bool known = false;
    desk_open(&d, "");
    make_database(&d, "other.db", "carol@example.com");
    memcpy(other, d.first, sizeof(other));
    make_database(&d, "users.db", "Alice@EXAMPLE.com");
    d.users = (struct conf_users){.store = {.p = d.first}};
    open_people(&d);
    assert_int_equal(people_find(d.lab.life.people, STR("alice@example.com"), &u, NULL),
                     -ERR_NOT_FOUND);
    assert_int_equal(people_find(d.lab.life.people, STR("Alice@example.com"), &u, NULL), 0);
    CHECK_STR("company", u->company, STR("Acme"));
    user_unref(u);
    d.rule.fold_local_part = true;
    open_people(&d);
    assert_int_equal(
        people_admit(d.lab.life.people, STR("ALICE@example.com"), STR("x"), &known, NULL),
        -ERR_DENIED);
    /* Another takes its place. */
    assert_int_equal(rename(d.first, tmpdir_path(&d.lab.dir, "was.db", was)), 0);
    assert_int_equal(people_find(d.lab.life.people, STR("Alice@example.com"), &u, NULL),
                     -ERR_UNAVAILABLE);
    assert_int_equal(rename(other, d.first), 0);
    assert_int_equal(people_find(d.lab.life.people, STR("Alice@example.com"), &u, NULL),
                     -ERR_NOT_FOUND);
    assert_int_equal(people_find(d.lab.life.people, STR("carol@example.com"), &u, NULL), 0);
    user_unref(u);
    desk_close(&d);
}

static void test_no_store(void **state)
{
    (void)state;
    const struct conf_users none = {.store = {.p = NULL}};
    const struct conf_identity rule = {.fold_domain = true};
    struct people *people = NULL;
    struct user *u = NULL;
    assert_int_equal(people_open(&none, &rule, &people, NULL), 0);
    assert_null(people);
    assert_int_equal(people_find(people, STR(ALICE), &u, NULL), -ERR_NOT_FOUND);
}

static int file(struct desk *d, const char *user, const char *profile, struct life_id *id)
{
    struct csr *c = lab_csr(NULL);
    struct request_filing f = {
        .csr = c, .profile = str_of(profile), .user = str_of(user), .company = STR(ACME)};
    int rc = request_file(&d->lab.life, &root, &f, id, NULL);
    csr_free(c);
    return rc;
}

static bool note_user(void *arg, const struct record *r)
{
    (void)snprintf(arg, 64, "%.*s", STR_ARG(r->user));
    return false;
}

/* Whoever files it, and whoever agrees. */
static void test_requests(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *fields;
        int result;
    } rows[] = {
        {"another company", ALICE " company=Other\n", -ERR_DENIED},
        {"disabled", ALICE " disabled=yes\n", -ERR_CLOSED},
        {"past its end", ALICE " expires=2020-01-01\n", -ERR_CLOSED},
        {"not to be read", ALICE " expires=soon\n", -ERR_UNAVAILABLE},
        {"of the company", ALICE " company=Acme%20Ltd\n", 0},
    };
    struct desk d;
    struct life_id id;
    char user[64];
    desk_open(&d, "");
    for (size_t i = 0; i < ROWS(rows); i++) {
        put(&d, "fields", rows[i].fields);
        CHECK_ROW(rows[i].says, file(&d, ALICE, "auto", &id) == rows[i].result);
    }
    for (size_t i = 0; i < ROWS(rows); i++) {
        put(&d, "fields", "");
        assert_int_equal(file(&d, ALICE, "client", &id), 0);
        put(&d, "fields", rows[i].fields);
        CHECK_ROW(rows[i].says,
                  request_approve(&d.lab.life, &one, str_of(id.text), NULL) == rows[i].result);
        CHECK_ROW(rows[i].says,
                  request_deny(&d.lab.life, &one, str_of(id.text), STR("no"), NULL) == 0);
    }
    /* One spelling of a name in the database, as the proxy tells it. */
    put(&d, "fields", "");
    assert_int_equal(file(&d, "alice@EXAMPLE.Com", "auto", &id), 0);
    assert_int_equal(record_show(&d.lab.life, str_of(id.text), note_user, user, NULL), 0);
    assert_string_equal(user, ALICE);
    assert_int_equal(file(&d, "al:ice", "auto", &id), -ERR_MALFORMED);
    assert_int_equal(file(&d, "nobody@example.com", "auto", &id), 0);
    desk_close(&d);
}

/* Where two must agree, whoever is known at the machine alone may be one of them already. */
static void test_local_users_are_not_counted(void **state)
{
    (void)state;
    static const struct request_operator local = {{{"local:op1", 9}, {"local", 5}}, operators, 1};
    struct desk d;
    struct life_id id;
    struct err e = {0};
    desk_open(&d, "");
    assert_int_equal(file(&d, ALICE, "client", &id), 0);
    assert_int_equal(request_approve(&d.lab.life, &local, str_of(id.text), &e), -ERR_DENIED);
    assert_non_null(strstr(e.text, "ca.local_accounts"));
    assert_int_equal(request_approve(&d.lab.life, &one, str_of(id.text), NULL), 0);
    assert_int_equal(request_approve(&d.lab.life, &local, str_of(id.text), NULL), -ERR_DENIED);
    assert_int_equal(request_deny(&d.lab.life, &local, str_of(id.text), STR("no"), NULL), 0);
    d.lab.profiles[0].approvals = 1;
    assert_int_equal(file(&d, ALICE, "client", &id), 0);
    assert_int_equal(request_approve(&d.lab.life, &local, str_of(id.text), NULL), 0);
    desk_close(&d);
}

static void test_import(void **state)
{
    (void)state;
    struct desk d;
    struct life_id id;
    EVP_PKEY *key = pki_key();
    const struct pki_spec spec = {.common_name = "alice@EXAMPLE.com"};
    char user[64];
    desk_open(&d, FIELDS);
    X509 *x = pki_cert(&spec, key, d.lab.key.certificate, d.lab.key.key);
    char *pem = pki_cert_pem(x);
    assert_int_equal(import(&d.lab.life, &root, STR("client"), str_of(pem), &id, NULL),
                     -ERR_DENIED);
    put(&d, "fields", ALICE " disabled=yes\n");
    assert_int_equal(import(&d.lab.life, &root, STR("client"), str_of(pem), &id, NULL), 0);
    assert_int_equal(record_show(&d.lab.life, str_of(id.text), note_user, user, NULL), 0);
    assert_string_equal(user, ALICE);
    free(pem);
    X509_free(x);
    EVP_PKEY_free(key);
    desk_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_admitted),
        cmocka_unit_test(test_stores_that_fail),
        cmocka_unit_test(test_database),
        cmocka_unit_test(test_no_store),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_import),
        cmocka_unit_test(test_local_users_are_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
