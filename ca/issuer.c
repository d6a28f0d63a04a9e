/* Owns: what is asked of a CA's certificate and key. Leaves reading them to key_file. */
#include "ca/issuer.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "auth/revoke/asn1time.h"
#include "ca/certificate.h"

#define STRENGTH_MIN  112 /* bits of security: RSA 2048, SHA-224 */
#define RSA_BITS_MAX  8192
#define SIGNATURE_MAX 2048

static bool is_self_issued(const X509 *x)
{
    return X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
}

static const char *form_fault(X509 *x)
{
    if (X509_get_version(x) != X509_VERSION_3) {
        return "is not of version 3";
    }
    uint32_t flags = X509_get_extension_flags(x);
    if ((flags & EXFLAG_INVALID) != 0) {
        return "has an extension that cannot be read";
    }
    if ((flags & EXFLAG_CRITICAL) != 0) {
        return "has a critical extension that is not known here";
    }
    return (flags & EXFLAG_CA) == 0 ? "is not a CA's: it does not say CA:TRUE" : NULL;
}

static const char *usage_fault(enum issuer_use use, X509 *x)
{
    uint32_t needed = KU_KEY_CERT_SIGN | KU_CRL_SIGN;
    bool there = (X509_get_extension_flags(x) & EXFLAG_KUSAGE) != 0;
    if (!there) {
        return use == ISSUER_NEW ? "has no keyUsage: it must say keyCertSign and cRLSign" : NULL;
    }
    return (X509_get_key_usage(x) & needed) != needed
               ? "is not for issuing: its keyUsage must have keyCertSign and cRLSign"
               : NULL;
}

static const char *path_fault(enum issuer_use use, X509 *x)
{
    long below = X509_get_pathlen(x);
    if (use == ISSUER_NEW && below != 0) {
        return "must have pathlen:0, as it issues to clients alone";
    }
    if (use == ISSUER_ROOT && below == 0) {
        return "may have no CA below it (pathlen:0)";
    }
    return use == ISSUER_ROOT && X509_self_signed(x, 1) != 1 ? "is not a root: it is not signed "
                                                               "by itself"
                                                             : NULL;
}

static bool has_known_group(const EVP_PKEY *key)
{
    static const char *const known[] = {"prime256v1", "secp384r1", "secp521r1"};
    char group[32] = "";
    size_t n = 0;
    bool found = false;
    if (EVP_PKEY_get_group_name(key, group, sizeof(group), &n) == 1) {
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            found = found || strcmp(group, known[i]) == 0;
        }
    }
    return found;
}

static const char *strength_fault(X509 *x)
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    if (key == NULL) {
        return "has a key that cannot be read";
    }
    bool rsa = EVP_PKEY_is_a(key, "RSA") == 1;
    if (!rsa && EVP_PKEY_is_a(key, "ED25519") != 1 &&
        (EVP_PKEY_is_a(key, "EC") != 1 || !has_known_group(key))) {
        return "has a kind of key that is not taken: ECDSA P-256 or P-384, Ed25519 or RSA";
    }
    if (rsa && EVP_PKEY_get_bits(key) > RSA_BITS_MAX) {
        return "has an RSA key of more than 8192 bits";
    }
    return EVP_PKEY_get_security_bits(key) < STRENGTH_MIN
               ? "has a key that is too weak: RSA needs 2048 bits"
               : NULL;
}

/* What a root says of itself is not what it is trusted for. */
static const char *digest_fault(X509 *x)
{
    int bits = 0;
    if (X509_get_signature_info(x, NULL, NULL, &bits, NULL) != 1) {
        return "is signed in a way that is not known here";
    }
    return bits < STRENGTH_MIN ? "is signed with SHA-1 or older, which can be forged: have it "
                                 "signed anew with SHA-256"
                               : NULL;
}

static X509 *find_issuer(X509 *x, STACK_OF(X509) * pool)
{
    for (int i = 0; i < sk_X509_num(pool); i++) {
        X509 *candidate = sk_X509_value(pool, i);
        if (X509_check_issued(candidate, x) == X509_V_OK &&
            X509_verify(x, X509_get0_pubkey(candidate)) == 1) {
            return candidate;
        }
    }
    return NULL;
}

STACK_OF(X509) * issuer_chain(X509 *x, STACK_OF(X509) * pool)
{
    STACK_OF(X509) *above = sk_X509_new_null();
    bool ok = above != NULL;
    /* Two that certify each other have no end. */
    while (ok && X509_self_signed(x, 1) != 1 && sk_X509_num(above) < sk_X509_num(pool)) {
        x = find_issuer(x, pool);
        if (x == NULL) {
            break;
        }
        ok = X509_up_ref(x) == 1 && sk_X509_push(above, x) > 0;
    }
    ERR_clear_error();
    if (!ok) {
        sk_X509_pop_free(above, X509_free);
        above = NULL;
    }
    return above;
}

struct time {
    int64_t from_s;
    int64_t to_s;
};

static bool read_time(const X509 *x, struct time *t)
{
    return asn1time_seconds(X509_get0_notBefore(x), &t->from_s) &&
           asn1time_seconds(X509_get0_notAfter(x), &t->to_s);
}

static const char *time_fault(const X509 *x, int64_t now_s)
{
    struct time t;
    if (!read_time(x, &t)) {
        return "has dates that cannot be read";
    }
    if (now_s < t.from_s) {
        return "is not in its time: it is not good yet";
    }
    return now_s >= t.to_s ? "is not in its time: it has expired" : NULL;
}

/* Comparing halves of a pair says nothing about the secret one: it signs, and that is verified. */
static bool can_sign(EVP_PKEY *key, EVP_PKEY *public_key)
{
    static const unsigned char text[] = "countersign";
    unsigned char signature[SIGNATURE_MAX];
    size_t n = sizeof(signature);
    const EVP_MD *digest = certificate_digest(key);
    EVP_MD_CTX *m = EVP_MD_CTX_new();
    bool ok = m != NULL && EVP_DigestSignInit(m, NULL, digest, NULL, key) == 1 &&
              EVP_DigestSign(m, signature, &n, text, sizeof(text)) == 1 &&
              EVP_MD_CTX_reset(m) == 1 &&
              EVP_DigestVerifyInit(m, NULL, digest, NULL, public_key) == 1 &&
              EVP_DigestVerify(m, signature, n, text, sizeof(text)) == 1;
    EVP_MD_CTX_free(m);
    return ok;
}

static const char *key_fault(X509 *x, EVP_PKEY *key)
{
    if (key == NULL) {
        return NULL;
    }
    if (X509_check_private_key(x, key) != 1) {
        return "does not belong to this key";
    }
    return can_sign(key, X509_get0_pubkey(x)) ? NULL
                                              : "has a key that is there, but cannot sign for it";
}

/* Whether parent may stand above child; below: CAs between parent and a client. */
static const char *parent_fault(X509 *parent, X509 *child, int below, int64_t now_s)
{
    if (X509_check_issued(parent, child) != X509_V_OK ||
        X509_verify(child, X509_get0_pubkey(parent)) != 1) {
        return "is not signed by the one that is given as its issuer";
    }
    long room = X509_get_pathlen(parent);
    if (form_fault(parent) != NULL || usage_fault(ISSUER_TAKEN, parent) != NULL ||
        (room >= 0 && room < below)) {
        return "has an issuer that may have no such CA below it";
    }
    if (strength_fault(parent) != NULL || (!is_self_issued(parent) && digest_fault(parent))) {
        return "has an issuer with a weak key or signature";
    }
    return time_fault(parent, now_s) != NULL ? "has an issuer that is not in its time" : NULL;
}

static const char *span_fault(enum issuer_use use, X509 *parent, X509 *child)
{
    struct time p;
    struct time c;
    if (!read_time(parent, &p) || !read_time(child, &c)) {
        return "has dates that cannot be read";
    }
    if (c.to_s > p.to_s) {
        return "is good for longer than its issuer";
    }
    return use == ISSUER_NEW && c.from_s < p.from_s ? "is good before its issuer" : NULL;
}

static const char *chain_fault(enum issuer_use use, X509 *x, STACK_OF(X509) * above, int64_t now_s)
{
    const char *fault = NULL;
    X509 *child = x;
    int n = above != NULL ? sk_X509_num(above) : 0;
    for (int i = 0; i < n && fault == NULL; i++) {
        X509 *parent = sk_X509_value(above, i);
        fault = parent_fault(parent, child, i + 1, now_s);
        fault = fault == NULL ? span_fault(use, parent, child) : fault;
        child = parent;
    }
    if (fault == NULL && use == ISSUER_NEW && (n == 0 || X509_self_signed(child, 1) != 1)) {
        return "comes without the root that it ends at";
    }
    if (fault == NULL && is_self_issued(x) && X509_verify(x, X509_get0_pubkey(x)) != 1) {
        return "is not signed by the key that it names: it was changed";
    }
    return fault;
}

int issuer_check(enum issuer_use use, X509 *x, STACK_OF(X509) * above, EVP_PKEY *key, int64_t now_s,
                 struct err *e)
{
    const char *fault = form_fault(x);
    fault = fault == NULL ? usage_fault(use, x) : fault;
    fault = fault == NULL ? path_fault(use, x) : fault;
    fault = fault == NULL ? strength_fault(x) : fault;
    fault = fault == NULL ? digest_fault(x) : fault;
    fault = fault == NULL ? time_fault(x, now_s) : fault;
    fault = fault == NULL ? key_fault(x, key) : fault;
    fault = fault == NULL ? chain_fault(use, x, above, now_s) : fault;
    ERR_clear_error();
    return fault == NULL ? 0 : err_set(e, ERR_DENIED, "it %s", fault);
}
