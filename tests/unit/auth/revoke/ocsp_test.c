/* Questions as messages, and which responses count. */
#include <stdlib.h>

#include <openssl/err.h>

#include "auth/revoke/ocsp.h"
#include "auth/revoke/ocsp_desk.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

static EVP_PKEY *key;
static EVP_PKEY *other_key;
static X509 *ca;
static X509 *same_name; /* the CA's name, another key */
static X509 *leaf;
static X509 *second;   /* another leaf */
static X509 *delegate; /* of the CA, for OCSP signing */
static X509 *stranger; /* of another CA, for OCSP signing */
static X509 *here;     /* names responders: ldap, https, http */

static const struct conf_ocsp rule = {
    .timeout_ms = 2000, .keep_min_ms = 60000, .keep_max_ms = 3600000};

static struct ocsp_question question_of(X509 *cert, const struct conf_ocsp *by)
{
    unsigned char message[OCSP_QUESTION_MAX];
    struct ocsp_question q;
    size_t n = ocsp_question_write(cert, ca, by, message);
    assert_true(n > 0);
    assert_int_equal(ocsp_question_read((struct str){(const char *)message, n}, &q), 0);
    return q;
}

static void test_questions(void **state)
{
    (void)state;
    struct conf_ocsp with_url = rule;
    with_url.responder.p = "http://127.0.0.1:1/x";
    struct ocsp_question q = question_of(here, &with_url);
    assert_string_equal(q.url, "http://127.0.0.1:1/x");
    assert_int_equal(q.timeout_ms, 2000);
    assert_int_equal(q.keep_min_s, 60);
    assert_int_equal(q.keep_max_s, 3600);
    assert_int_equal(X509_cmp(q.leaf, here), 0);
    assert_int_equal(X509_cmp(q.issuer, ca), 0);
    ocsp_question_release(&q);
    q = question_of(here, &rule);
    assert_string_equal(q.url, "http://ocsp.example/first");
    ocsp_question_release(&q);
    q = question_of(leaf, &rule);
    assert_string_equal(q.url, "");
    ocsp_question_release(&q);
    unsigned char message[OCSP_QUESTION_MAX];
    size_t n = ocsp_question_write(leaf, ca, &with_url, message);
    for (size_t cut = 0; cut < n; cut++) {
        int rc = ocsp_question_read((struct str){(const char *)message, cut}, &q);
        assert_int_equal(rc, -ERR_MALFORMED);
        assert_null(q.leaf);
    }
    char *long_url = calloc(1, OCSP_URL_MAX + 2);
    memset(long_url, 'a', OCSP_URL_MAX + 1);
    with_url.responder.p = long_url;
    assert_int_equal(ocsp_question_write(leaf, ca, &with_url, message), 0);
    free(long_url);
}

struct row {
    const char *says;
    X509 **about;
    X509 **signer;
    int status;
    int64_t this_s, next_s; /* from now; next 0: none */
    int rc;
    enum ocsp_status out;
    int64_t refresh_s, until_s; /* from now */
};

static OCSP_RESPONSE *respond(const struct row *row, const EVP_MD *hash)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(hash, *row->about, ca);
    ASN1_TIME *this_update = ASN1_GENERALIZEDTIME_set(NULL, PKI_NOW_S + row->this_s);
    ASN1_TIME *next =
        row->next_s != 0 ? ASN1_GENERALIZEDTIME_set(NULL, PKI_NOW_S + row->next_s) : NULL;
    ASN1_TIME *revoked = ASN1_GENERALIZEDTIME_set(NULL, PKI_NOW_S - 1000);
    assert_non_null(OCSP_basic_add1_status(
        basic, id, row->status, 0, row->status == V_OCSP_CERTSTATUS_REVOKED ? revoked : NULL,
        this_update, next));
    EVP_PKEY *by = row->signer == &same_name || row->signer == &stranger ? other_key : key;
    assert_int_equal(OCSP_basic_sign(basic, *row->signer, by, EVP_sha256(), NULL, 0), 1);
    OCSP_RESPONSE *r = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(this_update);
    ASN1_TIME_free(next);
    ASN1_TIME_free(revoked);
    return r;
}

static void test_responses(void **state)
{
    (void)state;
    const int good = V_OCSP_CERTSTATUS_GOOD;
    const struct row rows[] = {
        {"about another certificate", &second, &ca, good, 0, 600, -ERR_DENIED, 0, 0, 0},
        {"by a namesake of the CA", &leaf, &same_name, good, 0, 600, -ERR_DENIED, 0, 0, 0},
        {"by another CA's responder", &leaf, &stranger, good, 0, 600, -ERR_DENIED, 0, 0, 0},
        {"by a client of the CA", &leaf, &second, good, 0, 600, -ERR_DENIED, 0, 0, 0},
        {"by itself", &leaf, &leaf, good, 0, 600, -ERR_DENIED, 0, 0, 0},
        {"from the future", &leaf, &ca, good, 301, 600, -ERR_DENIED, 0, 0, 0},
        {"expired", &leaf, &ca, good, -900, -300, -ERR_DENIED, 0, 0, 0},
        {"next before this", &leaf, &ca, good, 100, 99, -ERR_DENIED, 0, 0, 0},
        {"revoked", &leaf, &ca, V_OCSP_CERTSTATUS_REVOKED, 0, 600, 0, OCSP_STATUS_REVOKED, 600,
         900},
        {"unknown", &leaf, &ca, V_OCSP_CERTSTATUS_UNKNOWN, 0, 600, 0, OCSP_STATUS_UNKNOWN, 600,
         900},
        {"good", &leaf, &ca, good, 0, 600, 0, OCSP_STATUS_GOOD, 600, 900},
        {"by a responder of the CA", &leaf, &delegate, good, 0, 600, 0, OCSP_STATUS_GOOD, 600, 900},
        {"a clock a little ahead", &leaf, &ca, good, 299, 600, 0, OCSP_STATUS_GOOD, 600, 900},
        {"just over: asked again soon", &leaf, &ca, good, -900, -299, 0, OCSP_STATUS_GOOD, 60, 60},
        {"good for long: asked again before", &leaf, &ca, good, 0, 90000, 0, OCSP_STATUS_GOOD, 3600,
         90300},
        {"no next update", &leaf, &ca, good, 0, 0, 0, OCSP_STATUS_GOOD, 60, 360},
        {"no next update, a year old", &leaf, &ca, good, -365 * 86400, 0, -ERR_DENIED, 0, 0, 0},
        {"no next update, revoked a year ago", &leaf, &ca, V_OCSP_CERTSTATUS_REVOKED, -365 * 86400,
         0, -ERR_DENIED, 0, 0, 0},
        {"no next update, older than any is kept", &leaf, &ca, good, -3900, 0, -ERR_DENIED, 0, 0,
         0},
        {"no next update, nearly so old", &leaf, &ca, good, -3899, 0, 0, OCSP_STATUS_GOOD, 60, 60},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct err e = {0};
        struct ocsp_entry entry;
        struct ocsp_question q = question_of(leaf, &rule);
        /* However the certificate is named. */
        OCSP_RESPONSE *r = respond(&rows[i], i % 2 == 0 ? EVP_sha1() : EVP_sha256());
        CHECK_ROW(rows[i].says, ocsp_judge(&q, r, PKI_NOW_S, &entry, &e) == rows[i].rc);
        CHECK_ROW(rows[i].says, entry.status == rows[i].out);
        CHECK_ROW(rows[i].says, (e.text[0] != '\0') == (rows[i].rc != 0));
        if (rows[i].rc == 0) {
            CHECK_ROW(rows[i].says, entry.refresh_s == PKI_NOW_S + rows[i].refresh_s);
            CHECK_ROW(rows[i].says, entry.until_s == PKI_NOW_S + rows[i].until_s);
            CHECK_ROW(rows[i].says, entry.this_s == PKI_NOW_S + rows[i].this_s);
        }
        OCSP_RESPONSE_free(r);
        r = respond(&rows[i], EVP_sha384());
        CHECK_ROW(rows[i].says, ocsp_judge(&q, r, PKI_NOW_S, &entry, &e) == -ERR_DENIED);
        OCSP_RESPONSE_free(r);
        ocsp_question_release(&q);
    }
}

/* What is known, what is said, and what is kept. */
static const struct {
    const char *says;
    struct ocsp_entry known, said;
    bool fine;
    int64_t this_s, until_s; /* kept */
} words[] = {
    {"an older good",
     {OCSP_STATUS_REVOKED, 90, 50, 10},
     {OCSP_STATUS_GOOD, 99, 60, 9},
     false,
     0,
     0},
    {"a good of the same time",
     {OCSP_STATUS_REVOKED, 90, 50, 10},
     {OCSP_STATUS_GOOD, 99, 60, 10},
     false,
     0,
     0},
    {"a newer one that forgot",
     {OCSP_STATUS_REVOKED, 90, 50, 10},
     {OCSP_STATUS_UNKNOWN, 99, 60, 11},
     false,
     0,
     0},
    {"an older revoked",
     {OCSP_STATUS_GOOD, 90, 50, 10},
     {OCSP_STATUS_REVOKED, 99, 60, 9},
     false,
     0,
     0},
    {"older than what failed since",
     {OCSP_STATUS_FAILED, 90, 50, 10},
     {OCSP_STATUS_GOOD, 99, 60, 9},
     false,
     0,
     0},
    {"nothing is known", {OCSP_STATUS_NONE, 0, 0, 0}, {OCSP_STATUS_GOOD, 99, 60, 10}, true, 10, 99},
    {"revoked by now",
     {OCSP_STATUS_GOOD, 90, 50, 10},
     {OCSP_STATUS_REVOKED, 99, 60, 11},
     true,
     11,
     99},
    {"revoked, of the same time",
     {OCSP_STATUS_GOOD, 90, 50, 10},
     {OCSP_STATUS_REVOKED, 99, 60, 10},
     true,
     10,
     99},
    {"good again", {OCSP_STATUS_REVOKED, 90, 50, 10}, {OCSP_STATUS_GOOD, 99, 60, 11}, true, 11, 99},
    {"the same once more",
     {OCSP_STATUS_GOOD, 90, 50, 10},
     {OCSP_STATUS_GOOD, 90, 60, 10},
     true,
     10,
     90},
    {"older, but the same",
     {OCSP_STATUS_GOOD, 90, 50, 10},
     {OCSP_STATUS_GOOD, 80, 60, 9},
     true,
     10,
     90},
    {"the same after a failure",
     {OCSP_STATUS_FAILED, 90, 50, 10},
     {OCSP_STATUS_GOOD, 99, 60, 10},
     true,
     10,
     99},
};

static void test_reconcile(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(words); i++) {
        struct ocsp_entry said = words[i].said;
        CHECK_ROW(words[i].says, ocsp_reconcile(&words[i].known, &said) == words[i].fine);
        if (words[i].fine) {
            CHECK_ROW(words[i].says, said.status == words[i].said.status && said.refresh_s == 60);
            CHECK_ROW(words[i].says, said.this_s == words[i].this_s);
            CHECK_ROW(words[i].says, said.until_s == words[i].until_s);
        }
    }
}

static void test_refusals(void **state)
{
    (void)state;
    struct err e = {0};
    struct ocsp_entry entry;
    struct ocsp_question q = question_of(leaf, &rule);
    OCSP_RESPONSE *r = OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, NULL);
    assert_int_equal(ocsp_judge(&q, r, PKI_NOW_S, &entry, &e), -ERR_DENIED);
    CHECK_STR("text", str_of(e.text), STR("the responder answers \"trylater\""));
    OCSP_RESPONSE_free(r);
    OCSP_REQUEST *request = ocsp_request(&q);
    assert_int_equal(OCSP_request_onereq_count(request), 1);
    OCSP_REQUEST_free(request);
    ocsp_question_release(&q);
}

static unsigned sent;

static void on_send(void *arg, struct str question)
{
    struct ocsp_question q;
    (void)arg;
    assert_int_equal(ocsp_question_read(question, &q), 0);
    ocsp_question_release(&q);
    sent++;
}

/* Asked when nothing is known or it is time, once a second; what has ended is not known. */
static void test_desk(void **state)
{
    (void)state;
    const int64_t now_ms = PKI_NOW_S * 1000;
    unsigned char name[OCSP_KEY];
    struct ocsp_table *t = ocsp_table_new(64);
    struct ocsp_desk d = {.table = t, .send = on_send};
    sent = 0;
    assert_int_equal(ocsp_desk_ask(&d, leaf, NULL, &rule, now_ms), OCSP_STATUS_NONE);
    assert_int_equal(sent, 0);
    assert_int_equal(ocsp_desk_ask(&d, leaf, ca, &rule, now_ms), OCSP_STATUS_NONE);
    assert_int_equal(ocsp_desk_ask(&d, leaf, ca, &rule, now_ms + 999), OCSP_STATUS_NONE);
    assert_int_equal(sent, 1);
    assert_int_equal(ocsp_desk_ask(&d, leaf, ca, &rule, now_ms + 1000), OCSP_STATUS_NONE);
    assert_int_equal(sent, 2);
    assert_int_equal(ocsp_key(leaf, name), 0);
    struct ocsp_entry e = {OCSP_STATUS_GOOD, PKI_NOW_S + 100, PKI_NOW_S + 50, PKI_NOW_S};
    ocsp_table_put(t, name, &e);
    assert_int_equal(ocsp_desk_ask(&d, leaf, ca, &rule, now_ms + 49999), OCSP_STATUS_GOOD);
    assert_int_equal(sent, 2);
    assert_int_equal(ocsp_desk_ask(&d, leaf, ca, &rule, now_ms + 50000), OCSP_STATUS_GOOD);
    assert_int_equal(sent, 3);
    assert_int_equal(ocsp_desk_ask(&d, leaf, ca, &rule, now_ms + 100000), OCSP_STATUS_NONE);
    e.status = OCSP_STATUS_REVOKED;
    ocsp_table_put(t, name, &e);
    assert_int_equal(ocsp_desk_ask(&d, leaf, ca, &rule, now_ms + 100000), OCSP_STATUS_REVOKED);
    ocsp_table_free(t);
}

static X509 *signer_of(const char *name, X509 *issuer, EVP_PKEY *own, EVP_PKEY *issuer_key)
{
    return pki_cert(&(struct pki_spec){.common_name = name, .purpose = "OCSPSigning"}, own, issuer,
                    issuer_key);
}

static int set_up(void **state)
{
    (void)state;
    static const struct pki_extension responders[] = {
        {NID_info_access, "OCSP;URI:ldap://x/,OCSP;URI:https://ocsp.example/no,"
                          "OCSP;URI:http://ocsp.example/first,OCSP;URI:http://ocsp.example/next"}};
    key = pki_key();
    other_key = pki_key();
    ca = pki_ca("CA", key);
    same_name = pki_ca("CA", other_key);
    leaf = pki_leaf("alice", key, ca, key);
    second = pki_leaf("bob", key, ca, key);
    delegate = signer_of("Responder", ca, key, key);
    stranger = signer_of("Responder", same_name, other_key, other_key);
    here = pki_cert(
        &(struct pki_spec){.common_name = "here", .extensions = responders, .extension_count = 1},
        key, ca, key);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    X509 *const certs[] = {ca, same_name, leaf, second, delegate, stranger, here};
    for (size_t i = 0; i < ROWS(certs); i++) {
        X509_free(certs[i]);
    }
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
    ERR_clear_error();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions), cmocka_unit_test(test_responses),
        cmocka_unit_test(test_reconcile), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_desk),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
