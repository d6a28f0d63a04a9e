/* A CA for tests of the life of certificates: a database in memory of its own, a key, a profile,
 * and requests made on the spot. */
#ifndef TESTS_UNIT_CA_CA_LAB_H
#define TESTS_UNIT_CA_CA_LAB_H

#include <stdlib.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "ca/csr.h"
#include "ca/issue.h"
#include "ca/life.h"
#include "ca/records.h"
#include "ca/request.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/tmpdir.h"

#define LAB_DAY_MS INT64_C(86400000)
#define ALICE      "alice@example.com"
#define ACME       "Acme Ltd"

struct ca_lab {
    struct tmpdir dir;
    struct conf_ca_profile profiles[2];
    struct conf_text operators[1];
    struct conf_ca conf;
    struct ca_key key;
    struct life life;
};

static inline void lab_open(struct ca_lab *lab)
{
    char path[TMPDIR_PATH_MAX];
    struct err e = {0};
    clock_fake(0, PKI_NOW_S * 1000);
    tmpdir_make(&lab->dir);
    lab->operators[0] = (struct conf_text){.p = "operators"};
    lab->profiles[0] = (struct conf_ca_profile){
        .name = {.p = "client"},
        .life_days = 20,
        .overlap_ms = 3600000,
        .rsa_bits_min = 2048,
        .approvals = 2,
        .operators = {lab->operators, 1},
    };
    lab->profiles[1] = lab->profiles[0];
    lab->profiles[1].name.p = "auto";
    lab->profiles[1].approvals = 0;
    lab->conf = (struct conf_ca){.profiles = lab->profiles,
                                 .profile_count = 2,
                                 .public_url = {.p = "https://proxy.example"},
                                 .code_life_ms = 1800000,
                                 .code_tries = 5};
    lab->key = (struct ca_key){.key = pki_key()};
    lab->key.certificate = pki_ca("Issuing CA", lab->key.key);
    lab->life = (struct life){.conf = &lab->conf, .key = &lab->key};
    assert_int_equal(db_open(tmpdir_path(&lab->dir, "ca.db", path), true, &lab->life.db, &e), 0);
}

static inline void lab_close(struct ca_lab *lab)
{
    db_close(lab->life.db);
    X509_free(lab->key.certificate);
    EVP_PKEY_free(lab->key.key);
    tmpdir_remove(&lab->dir);
    clock_fake(-1, -1);
}

/* A request as openssl req makes it, for alice of Acme; extensions in x509v3_config(5) syntax. */
struct lab_request {
    const struct pki_entry *subject;
    size_t subject_count;
    EVP_PKEY *key; /* NULL: a new P-256 key */
    const struct pki_extension *extensions;
    size_t extension_count;
};

static const struct pki_entry lab_subject[] = {
    {NID_organizationName, MBSTRING_UTF8, ACME, 0, false},
    {NID_commonName, MBSTRING_UTF8, ALICE, 0, false},
};

static inline X509_REQ *lab_req(const struct lab_request *r)
{
    X509_REQ *req = X509_REQ_new();
    X509_NAME *name = X509_REQ_get_subject_name(req);
    EVP_PKEY *key = r->key != NULL ? r->key : pki_key();
    for (size_t i = 0; i < r->subject_count; i++) {
        const struct pki_entry *s = &r->subject[i];
        int n = s->length > 0 ? (int)s->length : (int)strlen(s->value);
        assert_int_equal(X509_NAME_add_entry_by_NID(name, s->nid, s->type,
                                                    (const unsigned char *)s->value, n, -1,
                                                    s->same_rdn ? -1 : 0),
                         1);
    }
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    for (size_t i = 0; i < r->extension_count; i++) {
        X509_EXTENSION *x =
            X509V3_EXT_conf_nid(NULL, NULL, r->extensions[i].nid, r->extensions[i].value);
        assert_non_null(x);
        assert_true(sk_X509_EXTENSION_push(list, x) > 0);
    }
    if (r->extension_count > 0) {
        assert_int_equal(X509_REQ_add_extensions(req, list), 1);
    }
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    assert_int_equal(X509_REQ_set_version(req, X509_REQ_VERSION_1), 1);
    assert_int_equal(X509_REQ_set_pubkey(req, key), 1);
    assert_true(X509_REQ_sign(req, key,
                              EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448")
                                  ? NULL
                                  : EVP_sha256()) > 0);
    if (r->key == NULL) {
        EVP_PKEY_free(key);
    }
    return req;
}

/* Its PEM text; free(). */
static inline char *lab_pem(X509_REQ *req, bool old_name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    assert_int_equal(
        old_name ? PEM_write_bio_X509_REQ_NEW(bio, req) : PEM_write_bio_X509_REQ(bio, req), 1);
    long n = BIO_get_mem_data(bio, &p);
    char *text = strndup(p, (size_t)n);
    BIO_free(bio);
    return text;
}

/* alice's request, read; csr_free(). */
static inline struct csr *lab_csr(EVP_PKEY *key)
{
    struct lab_request r = {.subject = lab_subject, .subject_count = 2, .key = key};
    struct csr *c = NULL;
    struct err e = {0};
    X509_REQ *req = lab_req(&r);
    char *pem = lab_pem(req, false);
    assert_int_equal(csr_read(str_of(pem), &c, &e), 0);
    free(pem);
    X509_REQ_free(req);
    return c;
}

/* What the record says of a request. */
struct lab_seen {
    enum life_state state;
    int reason;
    char serial[48];
    char renews[LIFE_ID_LEN + 1];
};

static inline bool lab_note_seen(void *arg, const struct record *r)
{
    struct lab_seen *s = arg;
    s->state = r->state;
    s->reason = r->withdrawn_reason;
    (void)snprintf(s->serial, sizeof(s->serial), "%.*s", STR_ARG(r->serial));
    (void)snprintf(s->renews, sizeof(s->renews), "%.*s", STR_ARG(r->renews));
    return false;
}

static inline struct lab_seen lab_see(const struct ca_lab *lab, const char *id)
{
    struct lab_seen s = {.state = LIFE_STATE_COUNT};
    assert_int_equal(record_show(&lab->life, str_of(id), lab_note_seen, &s, NULL), 0);
    return s;
}

/* A certificate in use, by the profile that asks nobody. */
struct lab_issued {
    struct life_id id;
    char serial[48];
    X509 *certificate; /* X509_free() */
};

static inline bool lab_note_issued(void *arg, const struct record *r)
{
    struct lab_issued *out = arg;
    const unsigned char *p = (const unsigned char *)r->certificate.p;
    (void)snprintf(out->serial, sizeof(out->serial), "%.*s", STR_ARG(r->serial));
    out->certificate = d2i_X509(NULL, &p, (long)r->certificate.n);
    return false;
}

static inline struct lab_issued lab_issue(struct ca_lab *lab)
{
    static const struct actor who = {{"local:root", 10}, {"local", 5}};
    struct lab_issued out = {.certificate = NULL};
    struct csr *c = lab_csr(NULL);
    const struct request_filing f = {
        .csr = c, .profile = STR("auto"), .user = STR(ALICE), .company = STR(ACME)};
    assert_int_equal(request_file(&lab->life, &who, &f, &out.id, NULL), 0);
    csr_free(c);
    assert_int_equal(issue(&lab->life, str_of(out.id.text), NULL), 0);
    assert_int_equal(record_show(&lab->life, str_of(out.id.text), lab_note_issued, &out, NULL), 0);
    assert_non_null(out.certificate);
    return out;
}

#endif
