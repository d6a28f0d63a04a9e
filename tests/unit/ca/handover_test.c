/* Handing over for a code: what must not happen first, then the whole way. */
#include <openssl/pkcs12.h>

#include "ca/handover.h"
#include "ca/issue.h"
#include "ca/lint.h"
#include "ca/records.h"
#include "ca/withdraw.h"
#include "tests/unit/ca/ca_lab.h"

#define CAROL "carol@example.com"
#define HASH  "$5$testsalt$YrE/eRXvPZ8VHJm0Bw4CY36CP8jrDnu8weVgNzFXQrA"

static const struct str operators[] = {{"operators", 9}};
static const struct str others[] = {{"staff", 5}};
static const struct request_operator one = {
    {{"op1@example.com", 15}, {"192.0.2.7", 9}}, operators, 1};
static const struct request_operator two = {
    {{"op2@example.com", 15}, {"192.0.2.8", 9}}, operators, 1};
static const struct request_operator staff = {
    {{"eve@example.com", 15}, {"192.0.2.9", 9}}, others, 1};

struct desk {
    struct ca_lab lab;
    struct handover h;
    char htpasswd[TMPDIR_PATH_MAX];
    char fields[TMPDIR_PATH_MAX];
};

/* alice and carol have accounts; fields as the file says. */
static void open_people(struct desk *d, const char *fields)
{
    struct conf_users users = {.htpasswd = {.p = d->htpasswd}, .fields = {.p = d->fields}};
    struct err e = {0};
    people_close(d->lab.life.people);
    tmpdir_write(&d->lab.dir, "users.fields", fields, strlen(fields));
    assert_int_equal(people_open(&users, life_rule(&d->lab.life), &d->lab.life.people, &e), 0);
    d->h = (struct handover){&d->lab.life, NULL};
}

static void desk_open(struct desk *d)
{
    static const char users[] = ALICE ":" HASH "\n" CAROL ":" HASH "\n";
    *d = (struct desk){.h = {NULL, NULL}};
    lab_open(&d->lab);
    tmpdir_write(&d->lab.dir, "users", users, sizeof(users) - 1);
    (void)tmpdir_path(&d->lab.dir, "users", d->htpasswd);
    (void)tmpdir_path(&d->lab.dir, "users.fields", d->fields);
    open_people(d, CAROL " disabled=yes\n");
}

static void desk_close(struct desk *d)
{
    struct audit_entry last;
    assert_int_equal(audit_verify(d->lab.life.db, &last, NULL), 0);
    assert_int_equal(db_check(d->lab.life.db, NULL), 0);
    people_close(d->lab.life.people);
    lab_close(&d->lab);
}

static int enter(struct desk *d, const char *user, const char *profile, struct life_id *id)
{
    const struct handover_person p = {str_of(user), STR(ACME), str_of(profile)};
    return handover_register(&d->h, &one, &p, id, NULL);
}

/* alice, registered where nobody is asked, with her code. */
static struct handover_told invite(struct desk *d)
{
    struct handover_told told;
    struct life_id id;
    assert_int_equal(enter(d, ALICE, "auto", &id), 0);
    assert_int_equal(handover_code(&d->h, &one, str_of(id.text), &told, NULL), 0);
    return told;
}

static int come(struct desk *d, const char *id, const char *code, struct handover_gift *g,
                struct err *e)
{
    const struct handover_visit v = {
        .id = str_of(id), .code = str_of(code), .origin = STR("192.0.2.1")};
    *e = (struct err){0};
    int rc = handover_redeem(&d->h, &v, g, e);
    assert_int_equal(rc == 0, e->text[0] == '\0');
    return rc;
}

static void refuse(struct desk *d, const char *says, const char *id, const char *code, int wanted,
                   const char *words)
{
    struct handover_gift g;
    struct err e;
    CHECK_ROW(says, come(d, id, code, &g, &e) == wanted);
    CHECK_ROW(says, strstr(e.text, words) != NULL);
    CHECK_ROW(says, buf_len(&g.file) == 0);
    handover_gift_wipe(&g);
}

static void succeed(struct desk *d, const char *id, const char *code)
{
    struct handover_gift g;
    struct err e;
    assert_int_equal(come(d, id, code, &g, &e), 0);
    handover_gift_wipe(&g);
}

static void test_not_registered(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const struct request_operator *by;
        const char *user;
        const char *company;
        const char *profile;
        int wanted;
    } rows[] = {
        {"not by an operator", &staff, ALICE, ACME, "client", -ERR_DENIED},
        {"no such profile", &one, ALICE, ACME, "none", -ERR_NOT_FOUND},
        {"no account", &one, "bob@example.com", ACME, "client", -ERR_NOT_FOUND},
        {"a closed account", &one, CAROL, ACME, "client", -ERR_DENIED},
        {"no e-mail", &one, "alice", ACME, "client", -ERR_MALFORMED},
        {"no name before the @", &one, "@example.com", ACME, "client", -ERR_MALFORMED},
        {"no domain", &one, "alice@", ACME, "client", -ERR_MALFORMED},
        {"two @", &one, "alice@b@example.com", ACME, "client", -ERR_MALFORMED},
        {"a line end", &one, "alice@example.com\r\nBcc: eve@example.com", ACME, "client",
         -ERR_MALFORMED},
        {"a second address", &one, "alice@example.com,eve@example.com", ACME, "client",
         -ERR_MALFORMED},
        {"a domain like an option", &one, "alice@-oProxy", ACME, "client", -ERR_MALFORMED},
        {"no company", &one, ALICE, "", "client", -ERR_MALFORMED},
        {"a company of two lines", &one, ALICE, "Acme\nLtd", "client", -ERR_MALFORMED},
        {"a company that is no text", &one, ALICE, "\xff", "client", -ERR_MALFORMED},
        {"another company than the profile's", &one, ALICE, "Other", "auto", -ERR_DENIED},
    };
    struct desk d;
    desk_open(&d);
    d.lab.profiles[1].company.p = ACME;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct handover_person p = {str_of(rows[i].user), str_of(rows[i].company),
                                          str_of(rows[i].profile)};
        struct life_id id;
        struct err e = {0};
        CHECK_ROW(rows[i].says, handover_register(&d.h, rows[i].by, &p, &id, &e) == rows[i].wanted);
        CHECK_ROW(rows[i].says, e.text[0] != '\0');
    }
    struct life_id id;
    assert_int_equal(enter(&d, ALICE, "client", &id), 0);
    assert_int_equal(enter(&d, ALICE, "client", &id), -ERR_EXISTS);
    desk_close(&d);
}

/* k of n, and not who registered. */
static void test_approval(void **state)
{
    (void)state;
    static const struct request_operator three = {
        {{"op3@example.com", 15}, {"192.0.2.8", 9}}, operators, 1};
    static const struct request_operator self = {
        {{ALICE, sizeof(ALICE) - 1}, {"192.0.2.1", 9}}, operators, 1};
    struct desk d;
    struct life_id id;
    struct handover_told told;
    desk_open(&d);
    assert_int_equal(enter(&d, ALICE, "client", &id), 0);
    struct str at = str_of(id.text);
    assert_int_equal(request_approve(&d.lab.life, &one, at, NULL), -ERR_DENIED);
    assert_int_equal(request_approve(&d.lab.life, &self, at, NULL), -ERR_DENIED);
    assert_int_equal(request_approve(&d.lab.life, &staff, at, NULL), -ERR_DENIED);
    assert_int_equal(request_approve(&d.lab.life, &two, at, NULL), 0);
    assert_int_equal(handover_code(&d.h, &two, at, &told, NULL), -ERR_CLOSED);
    refuse(&d, "no code yet", id.text, "0000-0000-0000-0000", -ERR_DENIED, "not the code");
    assert_int_equal(request_approve(&d.lab.life, &three, at, NULL), 0);
    assert_int_equal(issue(&d.lab.life, at, NULL), -ERR_DENIED);
    size_t n = 9;
    assert_int_equal(issue_all(&d.lab.life, &n, NULL), 0);
    assert_int_equal(n, 0);
    assert_int_equal(handover_code(&d.h, &staff, at, &told, NULL), -ERR_DENIED);
    assert_int_equal(told.code[0], '\0');
    assert_int_equal(handover_code(&d.h, &two, at, &told, NULL), 0);
    assert_string_equal(told.id.text, id.text);
    assert_non_null(strstr(told.link, "https://proxy.example/ca/pages/enrol/"));
    assert_non_null(strstr(told.link, id.text));
    assert_null(strstr(told.link, told.code));
    succeed(&d, id.text, told.code);
    assert_int_equal(lab_see(&d.lab, id.text).state, LIFE_ISSUED);
    desk_close(&d);
}

static void test_wrong_codes(void **state)
{
    (void)state;
    struct desk d;
    desk_open(&d);
    struct handover_told told = invite(&d);
    const char *id = told.id.text;
    for (int i = 0; i < 10; i++) {
        refuse(&d, "no code at all is no try", id, "7K3M", -ERR_MALFORMED, "groups of");
    }
    refuse(&d, "another request", "0123456789abcdef01234567", told.code, -ERR_DENIED,
           "not the code");
    refuse(&d, "not even an id", "' OR 1=1 --", told.code, -ERR_DENIED, "not the code");
    for (int i = 0; i < 5; i++) {
        refuse(&d, "a wrong code", id, "0000-0000-0000-0000", -ERR_DENIED, "not the code");
    }
    refuse(&d, "a sixth try", id, "0000-0000-0000-0000", -ERR_DENIED, "too many");
    refuse(&d, "the right code is dead with it", id, told.code, -ERR_DENIED, "too many");
    struct handover_told fresh;
    assert_int_equal(handover_code(&d.h, &one, str_of(id), &fresh, NULL), 0);
    assert_string_not_equal(fresh.code, told.code);
    refuse(&d, "the old code", id, told.code, -ERR_DENIED, "not the code");
    succeed(&d, id, fresh.code);
    refuse(&d, "used", id, fresh.code, -ERR_DENIED, "used already");
    desk_close(&d);
}

/* The right code in vain is no guess; the fifth wrong one is not too many yet. */
static void test_tries(void **state)
{
    (void)state;
    struct desk d;
    desk_open(&d);
    struct handover_told told = invite(&d);
    for (int i = 0; i < 4; i++) {
        refuse(&d, "a wrong code", told.id.text, "0000-0000-0000-0000", -ERR_DENIED, "not the");
    }
    open_people(&d, ALICE " disabled=yes\n");
    for (int i = 0; i < 8; i++) {
        refuse(&d, "closed", told.id.text, told.code, -ERR_DENIED, "account is closed");
    }
    struct handover_told none;
    assert_int_equal(handover_code(&d.h, &one, str_of(told.id.text), &none, NULL), -ERR_DENIED);
    open_people(&d, "");
    succeed(&d, told.id.text, told.code);
    desk_close(&d);
}

static void test_time_is_over(void **state)
{
    (void)state;
    struct desk d;
    desk_open(&d);
    struct handover_told told = invite(&d);
    assert_int_equal(told.ends_ms, PKI_NOW_S * 1000 + 1800000);
    clock_fake(0, told.ends_ms - 1);
    succeed(&d, told.id.text, told.code);
    desk_close(&d);
}

enum witness { THE_PERSON, A_GUESSER, THE_TICK, THE_RECORD };

/* Let somebody see that its end has come. */
static void witness(struct desk *d, enum witness who, const struct handover_told *told)
{
    size_t lost = 0;
    switch (who) {
    case THE_PERSON:
        refuse(d, "over", told->id.text, told->code, -ERR_DENIED, "time of this code");
        break;
    case A_GUESSER:
        refuse(d, "a guess", told->id.text, "0000-0000-0000-0000", -ERR_DENIED, "not the code");
        break;
    case THE_TICK:
        assert_int_equal(handover_tick(&d->lab.life, &lost, NULL), 0);
        break;
    case THE_RECORD:
        assert_int_equal(db_begin(d->lab.life.db, NULL), 0);
        assert_int_equal(audit_append(d->lab.life.db, &one.who, "request.filed", STR("elsewhere"),
                                      STR_NONE, NULL),
                         0);
        assert_int_equal(db_end(d->lab.life.db, 0, NULL), 0);
        break;
    }
}

/* Once its end was seen, no clock brings a code back; another one is good. */
static void test_a_clock_that_is_set_back(void **state)
{
    (void)state;
    for (int who = THE_PERSON; who <= THE_RECORD; who++) {
        struct desk d;
        desk_open(&d);
        struct handover_told told = invite(&d);
        struct handover_told next;
        clock_fake(0, told.ends_ms);
        witness(&d, (enum witness)who, &told);
        clock_fake(0, told.ends_ms - 1000000);
        refuse(&d, "set back", told.id.text, told.code, -ERR_DENIED, "time of this code");
        assert_int_equal(handover_code(&d.h, &one, str_of(told.id.text), &next, NULL), 0);
        refuse(&d, "the old one", told.id.text, told.code, -ERR_DENIED, "not the code");
        succeed(&d, next.id.text, next.code);
        desk_close(&d);
    }
}

/* Before it was made a code is not good, but for what a clock that is set right goes back. */
static void test_before_it_was_made(void **state)
{
    (void)state;
    struct desk d;
    desk_open(&d);
    struct handover_told told = invite(&d);
    clock_fake(0, PKI_NOW_S * 1000 - 60001);
    refuse(&d, "set back", told.id.text, told.code, -ERR_DENIED, "time of this code");
    clock_fake(0, PKI_NOW_S * 1000 - 60000);
    succeed(&d, told.id.text, told.code);
    desk_close(&d);
}

static void test_refused_otherwise(void **state)
{
    (void)state;
    struct desk d;
    struct life_id id;
    struct handover_gift g;
    struct err e = {0};
    desk_open(&d);
    struct handover_told told = invite(&d);
    struct handover_told none;
    struct handover_visit v = {.id = str_of(told.id.text),
                               .code = str_of(told.code),
                               .user = STR(CAROL),
                               .origin = STR("192.0.2.1")};
    assert_int_equal(handover_redeem(&d.h, &v, &g, &e), -ERR_DENIED);
    assert_non_null(strstr(e.text, "another user"));
    assert_int_equal(enter(&d, ALICE, "client", &id), 0);
    refuse(&d, "another id's code", id.text, told.code, -ERR_DENIED, "not the code");
    assert_int_equal(
        request_deny(&d.lab.life, &two, str_of(told.id.text), STR("left the company"), NULL), 0);
    refuse(&d, "denied", told.id.text, told.code, -ERR_CLOSED, "not approved any more");
    assert_int_equal(handover_code(&d.h, &one, str_of(told.id.text), &none, NULL), -ERR_CLOSED);
    desk_close(&d);
}

/* The file opens with the password that the operator was told, and with nothing else. */
static void test_file(void **state)
{
    (void)state;
    static const bool old[] = {false, true};
    for (size_t i = 0; i < ROWS(old); i++) {
        struct desk d;
        struct handover_gift g;
        struct err e;
        desk_open(&d);
        d.lab.profiles[1].insecure_old_pkcs12 = old[i];
        struct handover_told told = invite(&d);
        assert_int_equal(come(&d, told.id.text, told.code, &g, &e), 0);
        assert_string_equal(g.name, "alice_example.com.p12");
        assert_string_equal(g.password, told.password);
        const unsigned char *p = (const unsigned char *)buf_str(&g.file).p;
        PKCS12 *file = d2i_PKCS12(NULL, &p, (long)buf_len(&g.file));
        EVP_PKEY *key = NULL;
        X509 *leaf = NULL;
        STACK_OF(X509) *chain = NULL;
        assert_non_null(file);
        assert_int_equal(PKCS12_verify_mac(file, told.code, -1), 0);
        assert_int_equal(PKCS12_parse(file, told.password, &key, &leaf, &chain), 1);
        assert_int_equal(X509_check_private_key(leaf, key), 1);
        assert_int_equal(lint_leaf(&d.lab.key, leaf, &e), 0);
        assert_int_equal(sk_X509_num(chain), 1);
        sk_X509_pop_free(chain, X509_free);
        X509_free(leaf);
        EVP_PKEY_free(key);
        PKCS12_free(file);
        handover_gift_wipe(&g);
        desk_close(&d);
    }
}

/* Each kind of key that a profile may ask for alone. */
static void test_kinds_of_keys(void **state)
{
    (void)state;
    static const struct {
        const char *keys[2];
        size_t n;
        const char *type;
    } rows[] = {{{"p256"}, 1, "EC"},
                {{"p384"}, 1, "EC"},
                {{"rsa"}, 1, "RSA"},
                {{"ed25519"}, 1, "ED25519"},
                {{"ed25519", "rsa"}, 2, "RSA"}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct desk d;
        struct conf_text keys[2] = {{.p = rows[i].keys[0]}, {.p = rows[i].keys[1]}};
        desk_open(&d);
        d.lab.profiles[1].keys = (struct conf_texts){keys, rows[i].n};
        struct handover_told told = invite(&d);
        struct handover_gift g;
        struct err e;
        CHECK_ROW(rows[i].keys[0], come(&d, told.id.text, told.code, &g, &e) == 0);
        const unsigned char *p = (const unsigned char *)buf_str(&g.file).p;
        PKCS12 *file = d2i_PKCS12(NULL, &p, (long)buf_len(&g.file));
        EVP_PKEY *key = NULL;
        X509 *leaf = NULL;
        assert_int_equal(PKCS12_parse(file, told.password, &key, &leaf, NULL), 1);
        CHECK_ROW(rows[i].keys[0], EVP_PKEY_is_a(key, rows[i].type));
        EVP_PKEY_free(key);
        X509_free(leaf);
        PKCS12_free(file);
        handover_gift_wipe(&g);
        desk_close(&d);
    }
}

/* With their own request: it must be the person's, and its key new. */
static void test_own_key(void **state)
{
    (void)state;
    static const struct pki_entry wrong[] = {
        {NID_organizationName, MBSTRING_UTF8, "Other", 0, false},
        {NID_commonName, MBSTRING_UTF8, ALICE, 0, false},
    };
    struct desk d;
    struct handover_gift g;
    desk_open(&d);
    struct handover_told told = invite(&d);
    EVP_PKEY *key = pki_key();
    const struct lab_request good = {.subject = lab_subject, .subject_count = 2, .key = key};
    const struct lab_request bad = {.subject = wrong, .subject_count = 2};
    X509_REQ *requests[] = {lab_req(&bad), lab_req(&good)};
    struct handover_visit v = {
        .id = str_of(told.id.text), .code = str_of(told.code), .origin = STR("192.0.2.1")};
    v.csr = STR("nonsense");
    assert_int_equal(handover_redeem(&d.h, &v, &g, NULL), -ERR_MALFORMED);
    for (size_t i = 0; i < ROWS(requests); i++) {
        char *pem = lab_pem(requests[i], false);
        v.csr = str_of(pem);
        assert_int_equal(handover_redeem(&d.h, &v, &g, NULL), i == 0 ? -ERR_DENIED : 0);
        free(pem);
        X509_REQ_free(requests[i]);
    }
    assert_string_equal(g.name, "alice_example.com.pem");
    BIO *bio = BIO_new_mem_buf(buf_str(&g.file).p, (int)buf_len(&g.file));
    X509 *leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    assert_int_equal(X509_check_private_key(leaf, key), 1);
    assert_int_equal(lab_see(&d.lab, told.id.text).state, LIFE_DELIVERED);
    X509_free(leaf);
    BIO_free(bio);
    handover_gift_wipe(&g);
    struct handover_told again;
    assert_int_equal(handover_code(&d.h, &one, v.id, &again, NULL), 0);
    X509_REQ *same = lab_req(&good);
    char *pem = lab_pem(same, false);
    v = (struct handover_visit){.id = str_of(again.id.text),
                                .code = str_of(again.code),
                                .csr = str_of(pem),
                                .origin = STR("192.0.2.1")};
    assert_int_equal(handover_redeem(&d.h, &v, &g, NULL), -ERR_EXISTS);
    free(pem);
    X509_REQ_free(same);
    EVP_PKEY_free(key);
    desk_close(&d);
}

/* What nobody got is withdrawn, and the agreements stand. */
static void test_lost(void **state)
{
    (void)state;
    struct desk d;
    size_t n = 9;
    desk_open(&d);
    struct handover_told told = invite(&d);
    succeed(&d, told.id.text, told.code);
    struct lab_seen first = lab_see(&d.lab, told.id.text);
    assert_int_equal(handover_tick(&d.lab.life, &n, NULL), 0);
    assert_int_equal(n, 0);
    clock_fake(0, PKI_NOW_S * 1000 + 120001);
    assert_int_equal(handover_tick(&d.lab.life, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(lab_see(&d.lab, told.id.text).state, LIFE_WITHDRAWN);
    assert_int_equal(handover_tick(&d.lab.life, &n, NULL), 0);
    assert_int_equal(n, 0);
    struct handover_told again;
    const enum life_state approved = LIFE_APPROVED;
    const struct record_query q = {.state = &approved, .limit = 10};
    struct lab_seen s = {0};
    assert_int_equal(record_each(&d.lab.life, &q, lab_note_seen, &s, NULL), 0);
    assert_string_equal(s.renews, told.id.text);
    assert_int_equal(handover_code(&d.h, &one, str_of(told.id.text), &again, NULL), -ERR_CLOSED);
    assert_string_not_equal(first.serial, "");
    desk_close(&d);
}

/* A file that went astray: another code, the first certificate withdrawn; but not one in use. */
static void test_again(void **state)
{
    (void)state;
    struct desk d;
    struct life_id id;
    struct handover_told told;
    struct handover_told again;
    size_t n = 9;
    desk_open(&d);
    assert_int_equal(enter(&d, ALICE, "client", &id), 0);
    d.lab.profiles[0].approvals = 1;
    assert_int_equal(request_approve(&d.lab.life, &two, str_of(id.text), NULL), 0);
    static const struct request_operator three = {
        {{"op3@example.com", 15}, {"192.0.2.8", 9}}, operators, 1};
    assert_int_equal(request_approve(&d.lab.life, &three, str_of(id.text), NULL), 0);
    assert_int_equal(handover_code(&d.h, &two, str_of(id.text), &told, NULL), 0);
    succeed(&d, id.text, told.code);
    assert_int_equal(handover_arrived(&d.lab.life, str_of(id.text), NULL), 0);
    assert_int_equal(lab_see(&d.lab, id.text).state, LIFE_DELIVERED);
    clock_fake(0, PKI_NOW_S * 1000 + 500000);
    assert_int_equal(handover_tick(&d.lab.life, &n, NULL), 0);
    assert_int_equal(n, 0);
    assert_int_equal(handover_code(&d.h, &one, str_of(id.text), &again, NULL), 0);
    assert_string_not_equal(again.id.text, id.text);
    assert_int_equal(lab_see(&d.lab, id.text).state, LIFE_WITHDRAWN);
    refuse(&d, "the old request", id.text, again.code, -ERR_DENIED, "not the code");
    succeed(&d, again.id.text, again.code);
    assert_int_equal(db_query(d.lab.life.db, "UPDATE request SET state = 5 WHERE id = ?1",
                              DB_VALUES(DB_TEXT(str_of(again.id.text))), NULL, NULL, NULL),
                     0);
    assert_int_equal(handover_code(&d.h, &one, str_of(again.id.text), &told, NULL), -ERR_CLOSED);
    desk_close(&d);
}

/* Neither code nor password stands in the database's files. */
static void test_nothing_in_clear(void **state)
{
    (void)state;
    static const char *const files[] = {"ca.db", "ca.db-wal"};
    struct desk d;
    desk_open(&d);
    struct handover_told told = invite(&d);
    succeed(&d, told.id.text, told.code);
    for (size_t i = 0; i < ROWS(files); i++) {
        size_t n = 0;
        char *octets = tmpdir_read(&d.lab.dir, files[i], &n);
        assert_true(n > 0);
        assert_null(memmem(octets, n, told.code, strlen(told.code)));
        assert_null(memmem(octets, n, told.password, strlen(told.password)));
        assert_null(memmem(octets, n, "PRIVATE KEY", 11));
        free(octets);
    }
    desk_close(&d);
}

/* An account's company is the only one that its certificate names, to the very end. */
static void test_company_of_the_account(void **state)
{
    (void)state;
    struct desk d;
    struct life_id id;
    struct handover_told told;
    desk_open(&d);
    open_people(&d, ALICE " company=Acme%20Ltd\n");
    const struct handover_person other = {STR(ALICE), STR("Other"), STR("auto")};
    const struct handover_person empty = {STR(ALICE), STR_NONE, STR("auto")};
    assert_int_equal(handover_register(&d.h, &one, &other, &id, NULL), -ERR_DENIED);
    d.lab.profiles[1].company.p = "Other";
    assert_int_equal(handover_register(&d.h, &one, &other, &id, NULL), -ERR_DENIED);
    assert_int_equal(handover_register(&d.h, &one, &empty, &id, NULL), -ERR_DENIED);
    d.lab.profiles[1].company.p = NULL;
    assert_int_equal(handover_register(&d.h, &one, &empty, &id, NULL), 0);
    open_people(&d, ALICE " company=Other\n");
    assert_int_equal(handover_code(&d.h, &one, str_of(id.text), &told, NULL), -ERR_DENIED);
    open_people(&d, ALICE " company=Acme%20Ltd\n");
    assert_int_equal(handover_code(&d.h, &one, str_of(id.text), &told, NULL), 0);
    open_people(&d, ALICE " company=Other\n");
    refuse(&d, "moved meanwhile", told.id.text, told.code, -ERR_DENIED, "company");
    open_people(&d, ALICE " company=Acme%\n");
    refuse(&d, "a store that fails", told.id.text, told.code, -ERR_UNAVAILABLE, "store");
    open_people(&d, "");
    succeed(&d, told.id.text, told.code);
    desk_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_company_of_the_account),
        cmocka_unit_test(test_a_clock_that_is_set_back),
        cmocka_unit_test(test_before_it_was_made),
        cmocka_unit_test(test_not_registered),
        cmocka_unit_test(test_approval),
        cmocka_unit_test(test_wrong_codes),
        cmocka_unit_test(test_tries),
        cmocka_unit_test(test_time_is_over),
        cmocka_unit_test(test_refused_otherwise),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_kinds_of_keys),
        cmocka_unit_test(test_own_key),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_nothing_in_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
