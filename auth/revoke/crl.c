/* Owns: CRLs reduced to what is asked of them: issuer, dates, serials. Leaves the choice of what to
 * do about an expired one to trust. Loop thread.
 *
 * A CRL speaks for the key that signed it: where two CAs have one name (a key rollover), a
 * certificate needs the CRL of the CA whose key its authority key identifier names. Revoked it is
 * when any CRL by that name lists its serial. */
#include "auth/revoke/crl.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "auth/revoke/asn1time.h"
#include "base/mem.h"

#define SERIAL_MAX 64 /* octets; RFC 5280 allows 20 */

/* One CRL. Serials stand in records of the same width: an octet for the sign, then the number with
 * leading zeros, sorted as octets. */
struct crl {
    X509_NAME *issuer;
    ASN1_OCTET_STRING *key_id; /* of the CA that signed; NULL if it has none */
    unsigned char key_digest[32];
    int64_t this_s;
    int64_t next_s;
    size_t width;
    size_t count;
    unsigned char *serials;
};

struct crl_set {
    struct crl *v;
    size_t n;
};

struct crl_set *crl_set_new(void)
{
    return mem_calloc(1, sizeof(struct crl_set));
}

static void release(struct crl *c)
{
    X509_NAME_free(c->issuer);
    ASN1_OCTET_STRING_free(c->key_id);
    mem_free(c->serials);
    *c = (struct crl){0};
}

void crl_set_free(struct crl_set *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        release(&s->v[i]);
    }
    mem_free(s->v);
    mem_free(s);
}

/* Write serial as one record. Returns false if it does not fit. */
static bool put_serial(const ASN1_INTEGER *serial, unsigned char *record, size_t width)
{
    int n = ASN1_STRING_length(serial);
    const unsigned char *p = ASN1_STRING_get0_data(serial);
    while (n > 0 && *p == 0) {
        p++;
        n--;
    }
    if (n < 0 || (size_t)n + 1 > width) {
        return false;
    }
    memset(record, 0, width);
    record[0] = (ASN1_STRING_type(serial) & V_ASN1_NEG) != 0 ? 1 : 0;
    if (n > 0) {
        memcpy(record + width - (size_t)n, p, (size_t)n);
    }
    return true;
}

/* Extensions of the whole CRL: those that narrow what it speaks for are refused, because a
 * certificate outside of it would pass for good. */
static int check_extensions(const X509_CRL *crl, struct err *e)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
        X509_EXTENSION *x = X509_CRL_get_ext(crl, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(x));
        if (nid == NID_delta_crl) {
            return err_set(e, ERR_UNSUPPORTED, "this is a delta CRL; give the complete one");
        }
        if (nid == NID_issuing_distribution_point) {
            return err_set(e, ERR_UNSUPPORTED,
                           "the CRL covers only a part of the certificates of its issuer "
                           "(issuingDistributionPoint)");
        }
        if (X509_EXTENSION_get_critical(x) && nid != NID_crl_number &&
            nid != NID_authority_key_identifier) {
            return err_set(e, ERR_UNSUPPORTED, "the CRL has an unknown critical extension");
        }
    }
    return 0;
}

static int check_entry(const X509_REVOKED *r, struct err *e)
{
    for (int i = 0; i < X509_REVOKED_get_ext_count(r); i++) {
        X509_EXTENSION *x = X509_REVOKED_get_ext(r, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(x));
        if (nid == NID_certificate_issuer ||
            (X509_EXTENSION_get_critical(x) && nid != NID_crl_reason)) {
            return err_set(e, ERR_UNSUPPORTED,
                           "an entry of the CRL has an unknown critical extension, or the CRL is "
                           "an indirect one");
        }
    }
    if (ASN1_STRING_length(X509_REVOKED_get0_serialNumber(r)) > SERIAL_MAX) {
        return err_set(e, ERR_MALFORMED, "the CRL lists a serial number of more than %d octets",
                       SERIAL_MAX);
    }
    return 0;
}

/* The one of cas that signed crl, or NULL. */
static X509 *find_signer(X509_CRL *crl, STACK_OF(X509) * cas)
{
    for (int i = 0; i < sk_X509_num(cas); i++) {
        X509 *ca = sk_X509_value(cas, i);
        EVP_PKEY *key = X509_get0_pubkey(ca);
        if (key != NULL &&
            X509_NAME_cmp(X509_get_subject_name(ca), X509_CRL_get_issuer(crl)) == 0 &&
            (X509_get_key_usage(ca) & KU_CRL_SIGN) != 0 && X509_CRL_verify(crl, key) == 1) {
            return ca;
        }
    }
    return NULL;
}

static int compare_width(const void *a, const void *b, void *width)
{
    return memcmp(a, b, *(const size_t *)width);
}

static int copy_serials(struct crl *c, STACK_OF(X509_REVOKED) * revoked, struct err *e)
{
    int n = revoked != NULL ? sk_X509_REVOKED_num(revoked) : 0;
    c->width = 1;
    for (int i = 0; i < n; i++) {
        const X509_REVOKED *r = sk_X509_REVOKED_value(revoked, i);
        int rc = check_entry(r, e);
        if (rc != 0) {
            return rc;
        }
        size_t width = (size_t)ASN1_STRING_length(X509_REVOKED_get0_serialNumber(r)) + 1;
        c->width = width > c->width ? width : c->width;
    }
    c->serials = mem_calloc(n > 0 ? (size_t)n : 1, c->width);
    if (c->serials == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    for (int i = 0; i < n; i++) {
        const X509_REVOKED *r = sk_X509_REVOKED_value(revoked, i);
        (void)put_serial(X509_REVOKED_get0_serialNumber(r), c->serials + (size_t)i * c->width,
                         c->width);
    }
    c->count = (size_t)n;
    qsort_r(c->serials, c->count, c->width, compare_width, &c->width);
    return 0;
}

static int read_dates(struct crl *c, const X509_CRL *crl, struct err *e)
{
    if (!asn1time_seconds(X509_CRL_get0_lastUpdate(crl), &c->this_s) ||
        !asn1time_seconds(X509_CRL_get0_nextUpdate(crl), &c->next_s)) {
        return err_set(e, ERR_MALFORMED,
                       "the CRL does not say when the next one comes "
                       "(nextUpdate), or its dates are malformed");
    }
    return 0;
}

static int read_signer(struct crl *c, X509 *signer, struct err *e)
{
    unsigned n = 0;
    const ASN1_OCTET_STRING *key_id = X509_get0_subject_key_id(signer);
    c->issuer = X509_NAME_dup(X509_get_subject_name(signer));
    c->key_id = key_id != NULL ? ASN1_OCTET_STRING_dup(key_id) : NULL;
    if (c->issuer == NULL || (key_id != NULL && c->key_id == NULL)) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    if (X509_pubkey_digest(signer, EVP_sha256(), c->key_digest, &n) != 1 ||
        n != sizeof(c->key_digest)) {
        return err_set(e, ERR_CRYPTO, "cannot read the key of the CRL's issuer");
    }
    return 0;
}

/* Put c into s (which then owns it), or drop it if s holds a later one of the same key. */
static int keep(struct crl_set *s, struct crl *c, struct err *e)
{
    for (size_t i = 0; i < s->n; i++) {
        struct crl *old = &s->v[i];
        if (X509_NAME_cmp(old->issuer, c->issuer) == 0 &&
            memcmp(old->key_digest, c->key_digest, sizeof(c->key_digest)) == 0) {
            bool later =
                c->this_s > old->this_s || (c->this_s == old->this_s && c->count > old->count);
            struct crl loser = later ? *old : *c;
            *old = later ? *c : *old;
            release(&loser);
            return 0;
        }
    }
    struct crl *grown = mem_realloc(s->v, (s->n + 1) * sizeof(*s->v));
    if (grown == NULL) {
        release(c);
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    s->v = grown;
    s->v[s->n++] = *c;
    return 0;
}

static int add_one(struct crl_set *s, X509_CRL *crl, STACK_OF(X509) * cas, struct err *e)
{
    struct crl c = {0};
    X509 *signer = find_signer(crl, cas);
    if (signer == NULL) {
        return err_set(e, ERR_DENIED,
                       "the CRL is not signed by a CA of the bundle that may sign CRLs");
    }
    int rc = check_extensions(crl, e);
    rc = rc == 0 ? read_dates(&c, crl, e) : rc;
    rc = rc == 0 ? read_signer(&c, signer, e) : rc;
    rc = rc == 0 ? copy_serials(&c, X509_CRL_get_REVOKED(crl), e) : rc;
    if (rc != 0) {
        release(&c);
        return rc;
    }
    return keep(s, &c, e);
}

static int add_pem(struct crl_set *s, BIO *bio, STACK_OF(X509) * cas, struct err *e)
{
    for (unsigned n = 0;; n++) {
        ERR_clear_error();
        X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        if (crl == NULL) {
            bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
            ERR_clear_error();
            return at_end && n > 0 ? 0 : err_set(e, ERR_MALFORMED, "not a CRL, or a damaged one");
        }
        int rc = add_one(s, crl, cas, e);
        X509_CRL_free(crl);
        if (rc != 0) {
            return rc;
        }
    }
}

static int add_der(struct crl_set *s, struct str text, STACK_OF(X509) * cas, struct err *e)
{
    const unsigned char *p = (const unsigned char *)text.p;
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)text.n);
    ERR_clear_error();
    int rc = 0;
    if (crl == NULL || p != (const unsigned char *)text.p + text.n) {
        rc = err_set(e, ERR_MALFORMED, "not a CRL, or a damaged one");
    } else {
        rc = add_one(s, crl, cas, e);
    }
    X509_CRL_free(crl);
    return rc;
}

int crl_set_add(struct crl_set *s, struct str text, STACK_OF(X509) * cas, struct err *e)
{
    if (text.n == 0 || text.n > INT32_MAX) {
        return err_set(e, ERR_MALFORMED, "the file is empty or too large");
    }
    if (memmem(text.p, text.n, "-----BEGIN", 10) == NULL) {
        return add_der(s, text, cas, e);
    }
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
    if (bio == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    int rc = add_pem(s, bio, cas, e);
    BIO_free(bio);
    return rc;
}

static bool lists(const struct crl *c, const ASN1_INTEGER *serial)
{
    unsigned char record[SERIAL_MAX + 1];
    if (!put_serial(serial, record, c->width)) {
        return false;
    }
    size_t from = 0;
    size_t to = c->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = memcmp(record, c->serials + middle * c->width, c->width);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    return false;
}

/* Whether c may say that a certificate whose issuer has this key (NULL: not told) is good. */
static bool speaks_for(const struct crl *c, const ASN1_OCTET_STRING *key_id)
{
    return key_id == NULL || c->key_id == NULL || ASN1_OCTET_STRING_cmp(key_id, c->key_id) == 0;
}

enum crl_answer crl_set_ask(const struct crl_set *s, X509 *cert, int64_t wall_ms, int64_t *until_ms)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    const ASN1_OCTET_STRING *key_id = X509_get0_authority_key_id(cert);
    enum crl_answer answer = CRL_UNKNOWN_ISSUER;
    int64_t until = 0;
    for (size_t i = 0; i < s->n && answer != CRL_REVOKED; i++) {
        const struct crl *c = &s->v[i];
        if (X509_NAME_cmp(c->issuer, X509_get_issuer_name(cert)) != 0) {
            continue;
        }
        if (lists(c, serial)) {
            answer = CRL_REVOKED;
        } else if (speaks_for(c, key_id)) {
            bool current = wall_ms >= c->this_s * 1000 && wall_ms < c->next_s * 1000;
            answer = current || answer == CRL_GOOD ? CRL_GOOD : CRL_EXPIRED;
            until = current && c->next_s * 1000 > until ? c->next_s * 1000 : until;
        }
    }
    if (until_ms != NULL) {
        *until_ms = answer == CRL_GOOD ? until : 0;
    }
    return answer;
}

bool crl_set_empty(const struct crl_set *s)
{
    return s->n == 0;
}

int64_t crl_set_expiry_s(const struct crl_set *s)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < s->n; i++) {
        first = s->v[i].next_s < first ? s->v[i].next_s : first;
    }
    return first;
}
