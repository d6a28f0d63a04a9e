/* What the CA does while memory runs out in OpenSSL, SQLite or our own code: each step happens
 * wholly or not at all, can be taken again, and what goes out is right or does not go out. */
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pkcs12.h>

#include "base/mem.h"
#include "ca/crl.h"
#include "ca/deliver.h"
#include "ca/handover.h"
#include "ca/ocsp.h"
#include "ca/policy.h"
#include "ca/withdraw.h"
#include "tests/support/library_memory.h"
#include "tests/support/sqlite_memory.h"
#include "tests/unit/ca/ca_lab.h"

#define HASH     "$5$testsalt$YrE/eRXvPZ8VHJm0Bw4CY36CP8jrDnu8weVgNzFXQrA"
#define TEXT_MAX 8192

static const struct actor alice = {{ALICE, sizeof(ALICE) - 1}, {"192.0.2.1", 9}};
static const struct str groups[] = {{"operators", 9}};
static const struct request_operator operators[] = {
    {{{"op1@example.com", 15}, {"192.0.2.7", 9}}, groups, 1},
    {{{"op2@example.com", 15}, {"192.0.2.8", 9}}, groups, 1},
};

/* What a step works on: made anew for each time that it is taken. */
struct run {
    struct ca_lab ca;
    struct handover h;
    char htpasswd[TMPDIR_PATH_MAX];
    char fields[TMPDIR_PATH_MAX];
    char shape[TEXT_MAX]; /* of a right certificate */
    char *pem;            /* a request that was not filed yet */
    struct lab_issued issued;
    struct life_id id;
    struct handover_told told;
    struct buf out;
};

/* ---- Steps: what comes before, the step, what must hold if it succeeded ---- */

static void new_request(struct run *r)
{
    struct lab_request wish = {.subject = lab_subject, .subject_count = 2};
    X509_REQ *req = lab_req(&wish);
    r->pem = lab_pem(req, false);
    X509_REQ_free(req);
}

static int file(struct run *r, struct err *e)
{
    struct csr *c = NULL;
    int rc = csr_read(str_of(r->pem), &c, e);
    const struct request_filing f = {
        .csr = c, .profile = STR("client"), .user = STR(ALICE), .company = STR(ACME)};
    rc = rc == 0 ? csr_check(c, &r->ca.profiles[0], f.user, life_rule(&r->ca.life), e) : rc;
    rc = rc == 0 ? request_file(&r->ca.life, &alice, &f, &r->id, e) : rc;
    csr_free(c);
    return rc;
}

static bool is_pending(struct run *r)
{
    return lab_see(&r->ca, r->id.text).state == LIFE_PENDING;
}

static void filed(struct run *r)
{
    new_request(r);
    assert_int_equal(file(r, NULL), 0);
}

static int agree(struct run *r, struct err *e)
{
    return request_approve(&r->ca.life, &operators[0], str_of(r->id.text), e);
}

static void agreed(struct run *r)
{
    filed(r);
    assert_int_equal(agree(r, NULL), 0);
    assert_int_equal(request_approve(&r->ca.life, &operators[1], str_of(r->id.text), NULL), 0);
}

static int sign(struct run *r, struct err *e)
{
    return issue(&r->ca.life, str_of(r->id.text), e);
}

/* Whose it is, and all extensions but the number of the key, as text. */
static void shape_of(X509 *x, char out[TEXT_MAX])
{
    BIO *b = BIO_new(BIO_s_mem());
    char *p = NULL;
    assert_true(X509_NAME_print_ex(b, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) > 0);
    for (int i = 0; i < X509_get_ext_count(x); i++) {
        X509_EXTENSION *extension = X509_get_ext(x, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        (void)BIO_printf(b, "\n%d %d ", nid, X509_EXTENSION_get_critical(extension));
        if (nid != NID_subject_key_identifier) {
            assert_int_equal(X509V3_EXT_print(b, extension, 0, 0), 1);
        }
    }
    long n = BIO_get_mem_data(b, &p);
    assert_true(n > 0 && n < TEXT_MAX);
    memcpy(out, p, (size_t)n);
    out[n] = '\0';
    BIO_free(b);
}

static bool note(void *arg, const struct record *r)
{
    const unsigned char *p = (const unsigned char *)r->certificate.p;
    *(X509 **)arg = d2i_X509(NULL, &p, (long)r->certificate.n);
    return false;
}

/* What was issued is as it is where memory is not short, and signed. */
static bool is_right_leaf(struct run *r)
{
    char shape[TEXT_MAX];
    X509 *x = NULL;
    assert_int_equal(record_show(&r->ca.life, str_of(r->id.text), note, &x, NULL), 0);
    assert_non_null(x);
    shape_of(x, shape);
    bool is = strcmp(shape, r->shape) == 0 && X509_verify(x, r->ca.key.key) == 1;
    X509_free(x);
    return is;
}

static void issued(struct run *r)
{
    r->issued = lab_issue(&r->ca);
    r->id = r->issued.id;
}

static int fetch(struct run *r, struct err *e)
{
    return deliver(&r->ca.life, &alice, str_of(r->id.text), &r->out, e);
}

/* The certificate, and its CA's behind it. */
static bool is_whole_chain(struct run *r)
{
    struct str pem = buf_str(&r->out);
    BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *leaf = PEM_read_bio_X509(b, NULL, NULL, NULL);
    X509 *ca = PEM_read_bio_X509(b, NULL, NULL, NULL);
    bool is = leaf != NULL && ca != NULL && X509_cmp(leaf, r->issued.certificate) == 0 &&
              X509_cmp(ca, r->ca.key.certificate) == 0 &&
              PEM_read_bio_X509(b, NULL, NULL, NULL) == NULL;
    X509_free(leaf);
    X509_free(ca);
    BIO_free(b);
    return is;
}

static int end(struct run *r, struct err *e)
{
    return withdraw(&r->ca.life, &alice, str_of(r->issued.serial), WITHDRAW_KEY_COMPROMISE, e);
}

static bool is_withdrawn(struct run *r)
{
    return lab_see(&r->ca, r->id.text).reason == WITHDRAW_KEY_COMPROMISE;
}

static void withdrawn(struct run *r)
{
    issued(r);
    assert_int_equal(end(r, NULL), 0);
}

static int list(struct run *r, struct err *e)
{
    bool made = false;
    return crl_renew(&r->ca.life, 3600000, &made, e);
}

/* The list that there is now names it, and is signed. */
static bool is_listed(struct run *r)
{
    X509_REVOKED *entry = NULL;
    assert_int_equal(crl_read(&r->ca.life, CRL_FORM_DER, &r->out, NULL), 0);
    struct str der = buf_str(&r->out);
    const unsigned char *p = (const unsigned char *)der.p;
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.n);
    assert_non_null(crl);
    bool is = X509_CRL_get0_by_cert(crl, &entry, r->issued.certificate) == 1 &&
              X509_CRL_verify(crl, r->ca.key.key) == 1 && X509_CRL_get_ext_count(crl) == 2 &&
              X509_REVOKED_get_ext_count(entry) == 1;
    X509_CRL_free(crl);
    return is;
}

static struct str question_about(const struct run *r, unsigned char **der)
{
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), r->issued.certificate, r->ca.key.certificate);
    assert_true(id != NULL && OCSP_request_add0_id(request, id) != NULL);
    int n = i2d_OCSP_REQUEST(request, der);
    assert_true(n > 0);
    OCSP_REQUEST_free(request);
    return (struct str){(const char *)*der, (size_t)n};
}

static unsigned char *question; /* made before memory is short */
static struct str question_octets;

static void asked(struct run *r)
{
    withdrawn(r);
    question_octets = question_about(r, &question);
}

/* An answer that says that there is none now counts as a failure. */
static int ask(struct run *r, struct err *e)
{
    int rc = ocsp_answer(&r->ca.life, question_octets, &r->out, e);
    bool fails = library_memory_fails;
    library_memory_fails = false;
    struct str der = buf_str(&r->out);
    const unsigned char *p = (const unsigned char *)der.p;
    OCSP_RESPONSE *response = rc == 0 ? d2i_OCSP_RESPONSE(NULL, &p, (long)der.n) : NULL;
    assert_true(rc != 0 || response != NULL);
    assert_true(rc != 0 || OCSP_response_status(response) != OCSP_RESPONSE_STATUS_MALFORMEDREQUEST);
    if (rc == 0 && OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        rc = err_set(e, ERR_UNAVAILABLE, "no answer: %d", OCSP_response_status(response));
    }
    OCSP_RESPONSE_free(response);
    library_memory_fails = fails;
    return rc;
}

static bool is_said_withdrawn(struct run *r)
{
    struct str der = buf_str(&r->out);
    const unsigned char *p = (const unsigned char *)der.p;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &p, (long)der.n);
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    int reason = -1;
    bool is = basic != NULL &&
              OCSP_single_get0_status(OCSP_resp_get0(basic, 0), &reason, NULL, NULL, NULL) ==
                  V_OCSP_CERTSTATUS_REVOKED &&
              reason == OCSP_REVOKED_STATUS_KEYCOMPROMISE;
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    OPENSSL_free(question);
    question = NULL;
    return is;
}

/* Who was registered and did not get the file has another code made. */
static void invited(struct run *r)
{
    const struct handover_person p = {STR(ALICE), STR(ACME), STR("auto")};
    struct life_id id;
    int rc = handover_register(&r->h, &operators[0], &p, &id, NULL);
    assert_true(rc == 0 || rc == -ERR_EXISTS);
    r->id = rc == 0 ? id : r->id;
    assert_int_equal(handover_code(&r->h, &operators[0], str_of(r->id.text), &r->told, NULL), 0);
    r->id = r->told.id;
}

static int redeem(struct run *r, struct err *e)
{
    struct handover_gift g;
    const struct handover_visit v = {
        .id = str_of(r->id.text), .code = str_of(r->told.code), .origin = STR("192.0.2.1")};
    int rc = handover_redeem(&r->h, &v, &g, e);
    if (rc == 0) {
        r->out = g.file;
        buf_init(&g.file, 1);
    }
    handover_gift_wipe(&g);
    return rc;
}

/* The file opens, and has the key, its certificate and the CA's. */
static bool is_whole_file(struct run *r)
{
    struct str der = buf_str(&r->out);
    const unsigned char *p = (const unsigned char *)der.p;
    PKCS12 *file_read = d2i_PKCS12(NULL, &p, (long)der.n);
    EVP_PKEY *key = NULL;
    X509 *leaf = NULL;
    STACK_OF(X509) *above = NULL;
    assert_non_null(file_read);
    bool is = PKCS12_parse(file_read, r->told.password, &key, &leaf, &above) == 1 && leaf != NULL &&
              X509_check_private_key(leaf, key) == 1 && sk_X509_num(above) == 1;
    sk_X509_pop_free(above, X509_free);
    X509_free(leaf);
    EVP_PKEY_free(key);
    PKCS12_free(file_read);
    return is && is_right_leaf(r);
}

static void set_fields(struct run *r, const char *text)
{
    tmpdir_write(&r->ca.dir, "fields", text, strlen(text));
}

static void with_account(struct run *r)
{
    set_fields(r, "");
    issued(r);
    assert_int_equal(policy_note(&r->ca.life, STR(ALICE), NULL), 0);
}

static void with_closed_account(struct run *r)
{
    with_account(r);
    set_fields(r, ALICE " disabled=yes\n");
}

static int follow(struct run *r, struct err *e)
{
    size_t changed = 0;
    int64_t next_ms = 0;
    return policy_apply(&r->ca.life, r->ca.life.people, &changed, &next_ms, e);
}

static bool is_held(struct run *r)
{
    set_fields(r, "");
    struct lab_seen s = lab_see(&r->ca, r->id.text);
    return s.state == LIFE_WITHDRAWN && s.reason == WITHDRAW_HOLD;
}

static bool is_not_held(struct run *r)
{
    return lab_see(&r->ca, r->id.text).state == LIFE_ISSUED;
}

static const struct step {
    const char *says;
    void (*before)(struct run *r);
    int (*take)(struct run *r, struct err *e);
    bool (*holds)(struct run *r);
    bool changes; /* what is known, if it succeeds */
    bool once;    /* cannot be taken again, and may fail behind a change */
    bool tells;   /* that memory ran out, or that something cannot be asked for now */
} steps[] = {
    {"an open account", with_account, follow, is_not_held, false, false, false},
    {"a closed account", with_closed_account, follow, is_held, true, false, false},
    {"file", new_request, file, is_pending, true, false, true},
    {"agree", filed, agree, is_pending, true, false, true},
    {"sign", agreed, sign, is_right_leaf, true, false, true},
    {"fetch", issued, fetch, is_whole_chain, true, false, true},
    {"withdraw", issued, end, is_withdrawn, true, false, true},
    {"the revocation list", withdrawn, list, is_listed, true, false, true},
    {"OCSP", asked, ask, is_said_withdrawn, false, false, true},
    {"exchange a code", invited, redeem, is_whole_file, true, true, true},
};

/* ---- The flow ---- */

static void run_begin(struct run *r)
{
    static const char users[] = ALICE ":" HASH "\n";
    const struct conf_users conf = {.htpasswd = {.p = r->htpasswd}, .fields = {.p = r->fields}};
    *r = (struct run){.pem = NULL};
    lab_open(&r->ca);
    r->ca.conf.crl_url.p = "http://crl.example/ca.crl";
    r->ca.conf.ocsp_url.p = "http://ocsp.example/";
    r->ca.profiles[1].insecure_old_pkcs12 = true; /* fewer rounds */
    r->h = (struct handover){&r->ca.life, NULL};
    tmpdir_write(&r->ca.dir, "htpasswd", users, sizeof(users) - 1);
    (void)tmpdir_path(&r->ca.dir, "htpasswd", r->htpasswd);
    (void)tmpdir_path(&r->ca.dir, "fields", r->fields);
    set_fields(r, "");
    assert_int_equal(people_open(&conf, life_rule(&r->ca.life), &r->ca.life.people, NULL), 0);
    issued(r);
    shape_of(r->issued.certificate, r->shape);
    X509_free(r->issued.certificate);
}

static void run_end(struct run *r)
{
    struct audit_entry last;
    assert_int_equal(audit_verify(r->ca.life.db, &last, NULL), 0);
    assert_int_equal(db_check(r->ca.life.db, NULL), 0);
    people_close(r->ca.life.people);
    lab_close(&r->ca);
}

/* What a step needs, and what it gave, go. */
static void clear(struct run *r)
{
    free(r->pem);
    X509_free(r->issued.certificate);
    handover_told_wipe(&r->told);
    buf_release(&r->out);
    r->pem = NULL;
    r->issued.certificate = NULL;
    buf_init(&r->out, 1 << 20);
}

static int take_text(void *arg, const struct db_row *row)
{
    struct str s = db_octets(row, 0);
    assert_true(s.n < TEXT_MAX);
    memcpy(arg, s.p, s.n);
    ((char *)arg)[s.n] = '\0';
    return 0;
}

/* All that is known, in one text. */
static void look(const struct run *r, char out[TEXT_MAX])
{
    struct err e = {0};
    assert_int_equal(
        db_query(r->ca.life.db,
                 "SELECT (SELECT count(*) || ' ' || sum(state) || ' ' || sum(decided_ms) "
                 "FROM request) || '|' || (SELECT count(*) FROM decision) || '|' || "
                 "(SELECT count(*) || ' ' || sum(withdrawn_ms) FROM certificate) || '|' || "
                 "(SELECT coalesce(max(number), 0) FROM crl) || '|' || "
                 "(SELECT count(*) FROM account) || '|' || (SELECT count(*) || ' ' || "
                 "coalesce(sum(used_ms), 0) FROM code) || '|' || (SELECT count(*) FROM audit)",
                 (struct db_values){NULL, 0}, take_text, out, &e),
        0);
}

/* Either it succeeded and changed what it should, or it says that memory ran out and changed
 * nothing: nobody is told that his request is damaged, or not approved, because of that. */
static void check_told(const struct step *s, int rc, const struct err *e, bool changed,
                       unsigned long nth)
{
    if (rc == 0 ? changed != s->changes : changed && !s->once) {
        fail_msg("%s, allocation %lu: %d (%s), changed: %d", s->says, nth, rc, e->text, changed);
    }
    if (rc != 0 && s->tells && rc != -ERR_UNAVAILABLE && strstr(e->text, "out of memory") == NULL) {
        fail_msg("%s, allocation %lu: %d (%s)", s->says, nth, rc, e->text);
    }
    if (rc != 0 && e->text[0] == '\0') {
        fail_msg("%s, allocation %lu: %d without words", s->says, nth, rc);
    }
}

/* The step with the nth allocation failing, and all behind it if forever. Returns how many there
 * were; *refused counts. */
static unsigned long starve(struct run *r, const struct step *s, unsigned long nth, bool forever,
                            size_t *refused)
{
    char before[TEXT_MAX];
    char after[TEXT_MAX];
    struct err e = {0};
    clear(r);
    s->before(r);
    look(r, before);
    library_memory_fails = true;
    mem_fail_after(nth, forever);
    int rc = s->take(r, &e);
    unsigned long n = mem_allocations();
    mem_fail_after(0, false);
    library_memory_fails = false;
    ERR_clear_error();
    look(r, after);
    check_told(s, rc, &e, strcmp(before, after) != 0, nth);
    *refused += rc != 0 ? 1 : 0;
    if (rc != 0 && !s->once) {
        buf_clear(&r->out);
        rc = s->take(r, &e);
        CHECK_ROW(s->says, rc == 0);
    }
    if (rc == 0 && !s->holds(r)) {
        fail_msg("%s, allocation %lu: came out wrong", s->says, nth);
    }
    return n;
}

static void test_steps(void **state)
{
    (void)state;
    struct run r;
    run_begin(&r);
    for (size_t i = 0; i < ROWS(steps); i++) {
        size_t refused = 0;
        unsigned long needed = starve(&r, &steps[i], 0, false, &refused);
        CHECK_ROW(steps[i].says, refused == 0);
        for (unsigned long nth = 1; nth <= needed; nth += nth < 40 ? 1 : 1 + needed / 100) {
            (void)starve(&r, &steps[i], nth, nth % 2 == 0, &refused);
        }
        print_message("%s: %lu allocations, refused %zu times\n", steps[i].says, needed, refused);
        CHECK_ROW(steps[i].says, refused > 5);
    }
    clear(&r);
    run_end(&r);
}

static int64_t tries_of(const struct run *r)
{
    char tries[TEXT_MAX];
    struct str id = str_of(r->id.text);
    assert_int_equal(db_query(r->ca.life.db,
                              "SELECT CAST(tries AS TEXT) FROM code WHERE request = ?1",
                              DB_VALUES(DB_TEXT(id)), take_text, tries, NULL),
                     0);
    return strtol(tries, NULL, 10);
}

/* A wrong code either is told to be wrong, and counts, or nobody has looked at it, and it does not
 * count. */
static unsigned long guess(struct run *r, unsigned long nth, bool forever, size_t *refused)
{
    struct err e = {0};
    int64_t before = tries_of(r);
    struct handover_gift g;
    const struct handover_visit v = {
        .id = str_of(r->id.text), .code = STR("0000-0000-0000-0000"), .origin = STR("192.0.2.1")};
    library_memory_fails = true;
    mem_fail_after(nth, forever);
    int rc = handover_redeem(&r->h, &v, &g, &e);
    unsigned long n = mem_allocations();
    mem_fail_after(0, false);
    library_memory_fails = false;
    ERR_clear_error();
    handover_gift_wipe(&g);
    bool looked_at = rc == -ERR_DENIED && strstr(e.text, "not the code") != NULL;
    if ((!looked_at && strstr(e.text, "out of memory") == NULL) ||
        tries_of(r) - before != (looked_at ? 1 : 0)) {
        fail_msg("a guess, allocation %lu: %d (%s), %d more tries", nth, rc, e.text,
                 (int)(tries_of(r) - before));
    }
    *refused += looked_at ? 0 : 1;
    return n;
}

static void test_guesses(void **state)
{
    (void)state;
    struct run r;
    size_t refused = 0;
    run_begin(&r);
    r.ca.conf.code_tries = 1000;
    r.issued.certificate = NULL;
    invited(&r);
    unsigned long needed = guess(&r, 0, false, &refused);
    assert_int_equal(refused, 0);
    for (unsigned long nth = 1; nth <= needed; nth++) {
        (void)guess(&r, nth, false, &refused);
        (void)guess(&r, nth, true, &refused);
    }
    print_message("a guess: %lu allocations, refused %zu times\n", needed, refused);
    assert_true(refused > 5);
    clear(&r);
    run_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps),
                                       cmocka_unit_test(test_guesses)};
    if (!library_memory_openssl() || !sqlite_memory_ours()) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
