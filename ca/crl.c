/* Owns: making the list, and its number. Leaves what is withdrawn to withdraw. */
#include "ca/crl.h"

#include <stdio.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/rewrite.h"
#include "ca/certificate.h"
#include "ca/crl_form.h"
#include "ca/withdraw.h"

#define CRL_MAX ((size_t)256 * 1024 * 1024)

struct last {
    bool found;
    int64_t number;
    int64_t this_ms;
    int64_t next_ms;
    int64_t changes;
};

static int take_last(void *arg, const struct db_row *r)
{
    struct last *l = arg;
    *l = (struct last){true, db_number(r, 0), db_number(r, 1), db_number(r, 2), db_number(r, 3)};
    return 0;
}

static int take_number(void *arg, const struct db_row *r)
{
    *(int64_t *)arg = db_number(r, 0);
    return 0;
}

struct making {
    X509_CRL *crl;
    bool failed;
};

static ASN1_INTEGER *serial_of(struct str hex)
{
    char text[64];
    BIGNUM *number = NULL;
    ASN1_INTEGER *serial = NULL;
    if (hex.n >= sizeof(text)) {
        return NULL;
    }
    memcpy(text, hex.p, hex.n);
    text[hex.n] = '\0';
    if (BN_hex2bn(&number, text) == (int)hex.n) {
        serial = BN_to_ASN1_INTEGER(number, NULL);
    }
    BN_free(number);
    return serial;
}

static bool add(void *arg, const struct withdrawn *w)
{
    struct making *m = arg;
    ASN1_INTEGER *serial = serial_of(w->serial);
    m->failed = serial == NULL || !crl_form_add(m->crl, serial, w->at_ms, w->reason);
    ASN1_INTEGER_free(serial);
    return !m->failed;
}

static int make(const struct life *l, const struct last *next, X509_CRL **out, struct err *e)
{
    const struct ca_key *ca = l->key;
    struct making m = {
        .crl = crl_form_new(ca->certificate, next->number, next->this_ms, next->next_ms)};
    int rc = m.crl != NULL ? withdraw_list(l, next->this_ms, add, &m, e)
                           : certificate_failed(e, "a revocation list");
    if (rc == 0 && (m.failed || !crl_form_sign(m.crl, ca->key))) {
        rc = certificate_failed(e, "a revocation list");
    }
    if (rc != 0) {
        X509_CRL_free(m.crl);
        m.crl = NULL;
    }
    *out = m.crl;
    return rc;
}

static int store(const struct life *l, const struct last *next, X509_CRL *crl, struct err *e)
{
    unsigned char *der = NULL;
    int n = i2d_X509_CRL(crl, &der);
    if (n <= 0) {
        return certificate_failed(e, "DER of the revocation list");
    }
    int rc = db_query(l->db,
                      "INSERT OR REPLACE INTO crl (one, number, this_ms, next_ms, changes, der) "
                      "VALUES (1, ?1, ?2, ?3, ?4, ?5)",
                      DB_VALUES(DB_NUMBER(next->number), DB_NUMBER(next->this_ms),
                                DB_NUMBER(next->next_ms), DB_NUMBER(next->changes),
                                DB_BLOB(((struct str){(const char *)der, (size_t)n}))),
                      NULL, NULL, e);
    OPENSSL_free(der);
    return rc;
}

static int renew(const struct life *l, uint32_t life_ms, bool *made, struct err *e)
{
    static const struct db_values none = {NULL, 0};
    struct last last = {.found = false};
    X509_CRL *crl = NULL;
    int64_t changes = 0;
    int64_t now_ms = clock_wall_ms();
    int rc = db_query(l->db, "SELECT number, this_ms, next_ms, changes FROM crl", none, take_last,
                      &last, e);
    rc = rc == 0 ? db_query(l->db, "SELECT count FROM change", none, take_number, &changes, e) : rc;
    *made = !last.found || last.changes != changes ||
            now_ms >= last.this_ms + (last.next_ms - last.this_ms) / 2 || now_ms < last.this_ms;
    if (rc != 0 || !*made) {
        return rc;
    }
    const struct last next = {true, last.number + 1, now_ms, now_ms + (int64_t)life_ms, changes};
    rc = make(l, &next, &crl, e);
    rc = rc == 0 ? store(l, &next, crl, e) : rc;
    X509_CRL_free(crl);
    return rc;
}

int crl_renew(const struct life *l, uint32_t life_ms, bool *made, struct err *e)
{
    *made = false;
    int rc = db_begin(l->db, e);
    return rc == 0 ? db_end(l->db, renew(l, life_ms, made, e), e) : rc;
}

struct signer {
    EVP_PKEY *key;
    bool found;
    bool ours;
};

static int take_signer(void *arg, const struct db_row *r)
{
    struct signer *s = arg;
    struct str der = db_octets(r, 0);
    const unsigned char *in = (const unsigned char *)der.p;
    X509_CRL *crl = d2i_X509_CRL(NULL, &in, (long)der.n);
    s->found = true;
    s->ours = crl != NULL && X509_CRL_verify(crl, s->key) == 1;
    X509_CRL_free(crl);
    ERR_clear_error();
    return 0;
}

int crl_drop_foreign(const struct life *l, struct err *e)
{
    static const struct db_values none = {NULL, 0};
    struct signer s = {.key = X509_get0_pubkey(l->key->certificate)};
    int rc = db_query(l->db, "SELECT der FROM crl", none, take_signer, &s, e);
    return rc == 0 && s.found && !s.ours ? db_query(l->db, "DELETE FROM crl", none, NULL, NULL, e)
                                         : rc;
}

int crl_make_former(const struct life *l, const struct ca_key *former, uint32_t life_ms,
                    X509_CRL **out, struct err *e)
{
    const struct life as_former = {.db = l->db, .conf = l->conf, .key = former};
    int64_t now_ms = clock_wall_ms();
    const struct last next = {true, now_ms / 1000, now_ms, now_ms + (int64_t)life_ms, 0};
    return make(&as_former, &next, out, e);
}

struct reading {
    enum crl_form form;
    struct buf *out;
    bool found;
};

static int take_der(void *arg, const struct db_row *r)
{
    struct reading *reading = arg;
    struct str der = db_octets(r, 0);
    const unsigned char *in = (const unsigned char *)der.p;
    char *p = NULL;
    reading->found = true;
    if (reading->form == CRL_FORM_DER) {
        return buf_append(reading->out, der);
    }
    X509_CRL *crl = d2i_X509_CRL(NULL, &in, (long)der.n);
    BIO *bio = BIO_new(BIO_s_mem());
    int rc = -ERR_CRYPTO;
    if (crl != NULL && bio != NULL && PEM_write_bio_X509_CRL(bio, crl) == 1) {
        long n = BIO_get_mem_data(bio, &p);
        rc = buf_append(reading->out, (struct str){p, (size_t)n});
    }
    BIO_free(bio);
    X509_CRL_free(crl);
    return rc;
}

int crl_read(const struct life *l, enum crl_form form, struct buf *out, struct err *e)
{
    struct reading r = {form, out, false};
    int rc = db_query(l->db, "SELECT der FROM crl", (struct db_values){NULL, 0}, take_der, &r, e);
    if (rc != 0) {
        return err_set(e, (enum err_code) - rc, "the revocation list cannot be read");
    }
    return r.found ? 0 : err_set(e, ERR_NOT_FOUND, "there is no revocation list yet");
}

int crl_write(const struct life *l, const char *path, struct err *e)
{
    struct rewrite *file = NULL;
    struct buf text;
    buf_init(&text, CRL_MAX);
    int rc = crl_read(l, CRL_FORM_PEM, &text, e);
    rc = rc == 0 ? rewrite_open(&file, path, e) : rc;
    if (rc == 0) {
        rc = rewrite_put(file, buf_str(&text), e);
        rewrite_close(file);
    }
    buf_release(&text);
    return rc;
}
