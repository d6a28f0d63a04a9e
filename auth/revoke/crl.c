/* Owns: CRLs reduced to what is asked of them: issuer, dates, serials. Leaves the choice of what to
 * do about an expired one to trust. Loop thread.
 *
 * A CRL speaks for the key that signed it: where two CAs have one name (a key rollover), a
 * certificate needs the CRL of the CA whose key its authority key identifier names. Revoked it is
 * when any CRL by that name lists its serial. */
#include "auth/revoke/crl.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "auth/revoke/asn1time.h"
#include "auth/revoke/crl_der.h"
#include "auth/revoke/crl_pem.h"
#include "auth/revoke/crl_set.h"
#include "auth/revoke/der.h"
#include "base/mem.h"
#include "conf/derived.h"

#define SERIAL_DER_MAX (CRL_SERIAL_MAX + 1 + DER_HEADER_MAX)

struct crl_set *crl_set_new(void)
{
    return mem_calloc(1, sizeof(struct crl_set));
}

void crl_release(struct crl *c)
{
    X509_NAME_free(c->issuer);
    ASN1_OCTET_STRING_free(c->key_id);
    mem_free(c->owned);
    mem_free(c->owned_der);
    *c = (struct crl){0};
}

void crl_set_keep_der(struct crl_set *s)
{
    s->keeps_der = true;
}

void crl_set_free(struct crl_set *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        crl_release(&s->v[i]);
    }
    derived_unref(s->block);
    mem_free(s->v);
    mem_free(s);
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

/* The one of cas that signed crl, or NULL. */
static X509 *find_signer(const struct crl_der *crl, STACK_OF(X509) * cas)
{
    const X509_NAME *issuer = X509_CRL_get_issuer(crl->frame);
    for (int i = 0; i < sk_X509_num(cas); i++) {
        X509 *ca = sk_X509_value(cas, i);
        EVP_PKEY *key = X509_get0_pubkey(ca);
        if (key != NULL && X509_NAME_cmp(X509_get_subject_name(ca), issuer) == 0 &&
            (X509_get_key_usage(ca) & KU_CRL_SIGN) != 0 && crl_der_is_signed(crl, key)) {
            return ca;
        }
    }
    return NULL;
}

static int compare_width(const void *a, const void *b, void *width)
{
    return memcmp(a, b, *(const size_t *)width);
}

static bool is_sorted(const struct crl *c)
{
    for (size_t i = 1; i < c->count; i++) {
        if (memcmp(c->serials + (i - 1) * c->width, c->serials + i * c->width, c->width) > 0) {
            return false;
        }
    }
    return true;
}

static int copy_serials(struct crl *c, const struct crl_der *crl, struct err *e)
{
    int rc = crl_der_measure(crl, &c->count, &c->width, e);
    if (rc != 0) {
        return rc;
    }
    c->owned = mem_calloc(c->count > 0 ? c->count : 1, c->width);
    if (c->owned == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    c->serials = c->owned;
    crl_der_serials(crl, c->width, c->owned);
    if (!is_sorted(c)) {
        qsort_r(c->owned, c->count, c->width, compare_width, &c->width);
    }
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
            crl_release(&loser);
            return 0;
        }
    }
    struct crl *grown = mem_realloc(s->v, (s->n + 1) * sizeof(*s->v));
    if (grown == NULL) {
        crl_release(c);
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    s->v = grown;
    s->v[s->n++] = *c;
    return 0;
}

static int read_one(struct crl *c, const struct crl_der *crl, STACK_OF(X509) * cas, struct err *e)
{
    X509 *signer = find_signer(crl, cas);
    if (signer == NULL) {
        return err_set(e, ERR_DENIED,
                       "the CRL is not signed by a CA of the bundle that may sign CRLs");
    }
    int rc = check_extensions(crl->frame, e);
    rc = rc == 0 ? read_dates(c, crl->frame, e) : rc;
    rc = rc == 0 ? read_signer(c, signer, e) : rc;
    return rc == 0 ? copy_serials(c, crl, e) : rc;
}

static int keep_der(struct crl *c, struct str der, struct err *e)
{
    c->owned_der = mem_dup(der.p, der.n);
    c->der = (struct str){c->owned_der, der.n};
    return c->owned_der != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

static int add_der(struct crl_set *s, struct str text, STACK_OF(X509) * cas, struct err *e)
{
    struct crl c = {0};
    struct crl_der crl;
    int rc = crl_der_open(text, &crl, e);
    if (rc == 0) {
        rc = read_one(&c, &crl, cas, e);
        crl_der_close(&crl);
    }
    rc = rc == 0 && s->keeps_der ? keep_der(&c, text, e) : rc;
    ERR_clear_error();
    if (rc != 0) {
        crl_release(&c);
        return rc;
    }
    return keep(s, &c, e);
}

int crl_set_add(struct crl_set *s, struct str text, STACK_OF(X509) * cas, struct err *e)
{
    if (text.n == 0 || text.n > INT32_MAX) {
        return err_set(e, ERR_MALFORMED, "the file is empty or too large");
    }
    if (!crl_pem_is(text)) {
        return add_der(s, text, cas, e);
    }
    struct str rest = text;
    for (unsigned n = 0;; n++) {
        struct str der = STR_NONE;
        int rc = crl_pem_next(&rest, &der, e);
        if (rc == 0 && der.p == NULL) {
            return n > 0 ? 0 : err_set(e, ERR_MALFORMED, "not a CRL, or a damaged one");
        }
        rc = rc == 0 ? add_der(s, der, cas, e) : rc;
        mem_free((char *)(uintptr_t)der.p);
        if (rc != 0) {
            return rc;
        }
    }
}

/* The content of serial's DER in out; empty if it is longer than any that is listed. */
static struct str serial_of(const ASN1_INTEGER *serial, unsigned char out[SERIAL_DER_MAX])
{
    unsigned char *end = out;
    struct str rest = STR_NONE;
    struct der number = {.body = STR_NONE};
    if (ASN1_STRING_length(serial) > CRL_SERIAL_MAX) {
        return STR_NONE;
    }
    int n = i2d_ASN1_INTEGER(serial, &end);
    rest = (struct str){(const char *)out, n > 0 ? (size_t)n : 0};
    return der_take(&rest, DER_INTEGER, &number) ? number.body : STR_NONE;
}

static bool lists(const struct crl *c, struct str serial)
{
    unsigned char record[CRL_SERIAL_MAX];
    if (!crl_serial_record(serial, record, c->width)) {
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

static int64_t ends_ms(const struct crl *c, uint32_t grace_ms)
{
    return c->next_s * 1000 + grace_ms;
}

/* What c says of a certificate that it does not list. */
static enum crl_answer dates_of(const struct crl *c, int64_t wall_ms, uint32_t grace_ms)
{
    if (wall_ms < c->this_s * 1000) {
        return CRL_EARLY;
    }
    return wall_ms < ends_ms(c, grace_ms) ? CRL_GOOD : CRL_EXPIRED;
}

enum crl_answer crl_set_ask(const struct crl_set *s, X509 *cert, int64_t wall_ms, uint32_t grace_ms,
                            int64_t *until_ms)
{
    unsigned char octets[SERIAL_DER_MAX];
    const struct str serial = serial_of(X509_get0_serialNumber(cert), octets);
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
            enum crl_answer one = dates_of(c, wall_ms, grace_ms);
            answer = one > answer ? one : answer;
            until = one == CRL_GOOD && ends_ms(c, grace_ms) > until ? ends_ms(c, grace_ms) : until;
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

bool crl_set_at(const struct crl_set *s, size_t i, struct crl_info *out)
{
    if (i >= s->n) {
        return false;
    }
    const struct crl *c = &s->v[i];
    *out = (struct crl_info){c->issuer, c->key_digest, c->this_s, c->next_s, c->count, c->der};
    return true;
}
