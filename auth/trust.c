/* Owns: the verdict on a client's chain. Leaves reading bundles to trust_load.c, CRLs to
 * revoke/crl. Loop thread. */
#include "auth/trust.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "auth/certcache.h"
#include "auth/chain.h"
#include "auth/openssl_lists.h"
#include "auth/revoke/asn1time.h"
#include "auth/revoke/deny.h"
#include "auth/revoke/ocsp_desk.h"
#include "auth/trust_set.h"
#include "base/err.h"
#include "base/mem.h"

#define SECURITY_LEVEL 2 /* of SSL_CTX_set_security_level(3): 112 bits, no SHA-1 */

struct trust *trust_ref(struct trust *t)
{
    t->refs++;
    return t;
}

void trust_unref(struct trust *t)
{
    if (t == NULL || --t->refs > 0) {
        return;
    }
    X509_STORE_free(t->store);
    sk_X509_pop_free(t->anchors, X509_free);
    sk_X509_pop_free(t->helpers, X509_free);
    sk_X509_NAME_pop_free(t->names, X509_NAME_free);
    crl_set_free(t->crls);
    mem_free(t->responder);
    mem_free(t);
}

const char *trust_name_text(const X509_NAME *name, char *out, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    out[0] = '\0';
    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        long n = BIO_get_mem_data(bio, &p);
        (void)snprintf(out, size, "%.*s", n < 200 ? (int)n : 200, p != NULL ? p : "");
    }
    BIO_free(bio);
    return out;
}

const unsigned char *trust_id(const struct trust *t)
{
    return t->id;
}

STACK_OF(X509_NAME) * trust_ca_names(const struct trust *t)
{
    return t->names;
}

X509_STORE *trust_store(const struct trust *t)
{
    return t->store;
}

int64_t trust_crl_expiry_s(const struct trust *t)
{
    return crl_set_expiry_s(t->crls);
}

bool trust_crl_at(const struct trust *t, size_t i, struct trust_crl *out)
{
    struct crl_info crl;
    if (!crl_set_at(t->crls, i, &crl)) {
        return false;
    }
    *out = (struct trust_crl){.this_s = crl.this_s, .next_s = crl.next_s, .entries = crl.count};
    memcpy(out->key_digest, crl.key_digest, sizeof(out->key_digest));
    (void)trust_name_text(crl.issuer, out->issuer, sizeof(out->issuer));
    return true;
}

int64_t trust_ca_expiry_s(const struct trust *t)
{
    return t->ca_expiry_s;
}

static const struct {
    int error;
    enum reason reason;
} reasons[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, REASON_CLIENT_CERT_EXPIRED},
    {X509_V_ERR_CERT_NOT_YET_VALID, REASON_CLIENT_CERT_NOT_YET_VALID},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, REASON_CLIENT_CERT_UNKNOWN_CA},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, REASON_CLIENT_CERT_UNKNOWN_CA},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, REASON_CLIENT_CERT_UNKNOWN_CA},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, REASON_CLIENT_CERT_UNKNOWN_CA},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, REASON_CLIENT_CERT_UNKNOWN_CA},
    {X509_V_ERR_CERT_UNTRUSTED, REASON_CLIENT_CERT_UNKNOWN_CA},
    {X509_V_ERR_CERT_REJECTED, REASON_CLIENT_CERT_UNKNOWN_CA},
    {X509_V_ERR_SUBJECT_ISSUER_MISMATCH, REASON_CLIENT_CERT_UNKNOWN_CA},
    {X509_V_ERR_AKID_SKID_MISMATCH, REASON_CLIENT_CERT_UNKNOWN_CA},
    {X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH, REASON_CLIENT_CERT_UNKNOWN_CA},
    {X509_V_ERR_INVALID_PURPOSE, REASON_CLIENT_CERT_PURPOSE},
    {X509_V_ERR_CERT_CHAIN_TOO_LONG, REASON_CLIENT_CERT_CHAIN_TOO_LONG},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, REASON_CLIENT_CERT_CHAIN_TOO_LONG},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, REASON_CLIENT_CERT_BAD_SIGNATURE},
    {X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, REASON_CLIENT_CERT_BAD_SIGNATURE},
    {X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH, REASON_CLIENT_CERT_BAD_SIGNATURE},
    {X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY, REASON_CLIENT_CERT_BAD_SIGNATURE},
    {X509_V_ERR_EE_KEY_TOO_SMALL, REASON_CLIENT_CERT_WEAK_KEY},
    {X509_V_ERR_CA_KEY_TOO_SMALL, REASON_CLIENT_CERT_WEAK_KEY},
    {X509_V_ERR_CA_MD_TOO_WEAK, REASON_CLIENT_CERT_WEAK_KEY},
    {X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, REASON_CLIENT_CERT_WEAK_KEY},
    {X509_V_ERR_CERT_REVOKED, REASON_CLIENT_CERT_REVOKED},
    {X509_V_ERR_CRL_HAS_EXPIRED, REASON_CRL_EXPIRED},
    {X509_V_ERR_CRL_NOT_YET_VALID, REASON_CRL_NOT_YET_VALID},
    {X509_V_ERR_UNABLE_TO_GET_CRL, REASON_CRL_MISSING},
    {X509_V_ERR_OCSP_VERIFY_NEEDED, REASON_OCSP_PENDING},
    {X509_V_ERR_OCSP_CERT_UNKNOWN, REASON_OCSP_UNKNOWN},
    {X509_V_ERR_OUT_OF_MEM, REASON_OUT_OF_MEMORY},
};

static enum reason reason_of(int error)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].error == error) {
            return reasons[i].reason;
        }
    }
    return REASON_CLIENT_CERT_INVALID;
}

/* What the peer sent and the bundle's helpers, borrowed; NULL without memory. */
static STACK_OF(X509) * untrusted_of(const struct trust *t, STACK_OF(X509) * chain)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    if (all == NULL || (chain != NULL && X509_add_certs(all, chain, X509_ADD_FLAG_DEFAULT) != 1) ||
        X509_add_certs(all, t->helpers, X509_ADD_FLAG_DEFAULT) != 1) {
        sk_X509_free(all);
        return NULL;
    }
    return all;
}

/* A certificate is good up to and with the second that notAfter names (RFC 5280 4.1.2.5); the
 * library ends it one second early. What lists say is told behind all else, as without them. */
static int on_verify(int ok, X509_STORE_CTX *ctx)
{
    if (ok != 1 && openssl_lists_note(ctx)) {
        return 1;
    }
    if (ok == 1 || X509_STORE_CTX_get_error(ctx) != X509_V_ERR_CERT_HAS_EXPIRED) {
        return ok;
    }
    X509 *x = X509_STORE_CTX_get_current_cert(ctx);
    time_t now = X509_VERIFY_PARAM_get_time(X509_STORE_CTX_get0_param(ctx));
    return x != NULL && ASN1_TIME_cmp_time_t(X509_get0_notAfter(x), now) == 0 ? 1 : 0;
}

static void set_policy(const struct trust *t, X509_STORE_CTX *ctx, int64_t wall_ms)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    unsigned long flags = X509_V_FLAG_X509_STRICT | X509_V_FLAG_TRUSTED_FIRST;
    flags |= t->partial ? X509_V_FLAG_PARTIAL_CHAIN : 0;
    (void)X509_VERIFY_PARAM_set_flags(param, flags);
    (void)X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT);
    (void)X509_VERIFY_PARAM_set_trust(param, X509_TRUST_SSL_CLIENT);
    X509_VERIFY_PARAM_set_depth(param, t->depth_max);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_time(param, (time_t)(wall_ms / 1000));
    X509_STORE_CTX_set_verify_cb(ctx, on_verify);
}

static void ends_at(struct trust_term *term, int64_t until_ms, enum reason then)
{
    if (until_ms < term->until_ms) {
        *term = (struct trust_term){until_ms, then};
    }
}

/* A chain ends with its first certificate. */
static void end_with_dates(STACK_OF(X509) * built, struct trust_term *term)
{
    for (int i = 0; i < sk_X509_num(built); i++) {
        int64_t last_s = 0;
        bool known = asn1time_seconds(X509_get0_notAfter(sk_X509_value(built, i)), &last_s);
        ends_at(term, known ? (last_s + 1) * 1000 : 0, REASON_CLIENT_CERT_EXPIRED);
    }
}

/* The CRLs' word on one certificate. */
static int ask_crl(const struct trust *t, X509 *x, int64_t wall_ms, struct trust_term *term)
{
    int64_t until_ms = 0;
    switch (crl_set_ask(t->crls, x, wall_ms, t->crl_grace_ms, &until_ms)) {
    case CRL_GOOD:
        ends_at(term, t->insecure_expired_crl ? INT64_MAX : until_ms, REASON_CRL_EXPIRED);
        return X509_V_OK;
    case CRL_REVOKED:
        return X509_V_ERR_CERT_REVOKED;
    case CRL_EARLY:
        return t->insecure_expired_crl ? X509_V_OK : X509_V_ERR_CRL_NOT_YET_VALID;
    case CRL_EXPIRED:
        return t->insecure_expired_crl ? X509_V_OK : X509_V_ERR_CRL_HAS_EXPIRED;
    case CRL_UNKNOWN_ISSUER:
    default:
        return X509_V_ERR_UNABLE_TO_GET_CRL;
    }
}

/* How many certificates of a chain the CRLs are asked about: the leaf and every intermediate; the
 * anchor answers for itself. */
static int asked_about(const struct trust *t, int chain)
{
    int all = t->crl_wanted ? chain - 1 : 0;
    return all > 1 && t->crl_leaf_only ? 1 : all;
}

static int ask_crls(const struct trust *t, STACK_OF(X509) * built, int64_t wall_ms,
                    const struct openssl_lists *others, struct trust_term *term)
{
    int n = asked_about(t, sk_X509_num(built));
    int error = X509_V_OK;
    for (int i = 0; error == X509_V_OK && i < n; i++) {
        error = ask_crl(t, sk_X509_value(built, i), wall_ms, term);
    }
    return error != X509_V_OK ? error : openssl_lists_said(others, n);
}

/* The deny list's word on the whole chain. */
static int ask_deny(const struct trust_question *q, STACK_OF(X509) * built)
{
    struct deny_chain own = {0};
    struct deny_chain *keys = q->keys != NULL ? q->keys : &own;
    keys->n = 0;
    for (int i = 0; i < sk_X509_num(built); i++) {
        int rc = deny_chain_add(keys, sk_X509_value(built, i));
        if (rc != 0) {
            return rc == -ERR_FULL ? X509_V_ERR_CERT_CHAIN_TOO_LONG : X509_V_ERR_OUT_OF_MEM;
        }
    }
    return deny_chain(q->deny, keys) == DENY_NOT_LISTED ? X509_V_OK : X509_V_ERR_CERT_REVOKED;
}

/* The responder's word on the leaf, as far as it is known; issuer may be NULL. */
static int ask_ocsp(const struct trust *t, X509 *leaf, X509 *issuer, int64_t wall_ms)
{
    if (t->ocsp.mode == CONF_OCSP_OFF) {
        return X509_V_OK;
    }
    enum ocsp_status known = OCSP_STATUS_NONE;
    if (t->desk != NULL) {
        known = ocsp_desk_ask(t->desk, leaf, issuer, &t->ocsp, wall_ms);
    }
    bool soft = t->ocsp.mode == CONF_OCSP_SOFT;
    switch (known) {
    case OCSP_STATUS_GOOD:
        return X509_V_OK;
    case OCSP_STATUS_REVOKED:
        return X509_V_ERR_CERT_REVOKED;
    case OCSP_STATUS_UNKNOWN:
        return soft ? X509_V_OK : X509_V_ERR_OCSP_CERT_UNKNOWN;
    case OCSP_STATUS_NONE:
    case OCSP_STATUS_FAILED:
    default:
        return soft ? X509_V_OK : X509_V_ERR_OCSP_VERIFY_NEEDED;
    }
}

void trust_use_ocsp(struct trust *t, struct ocsp_desk *desk)
{
    t->desk = desk;
}

void trust_use_cache(struct trust *t, struct certcache *cache)
{
    t->cache = cache;
}

static int verify(const struct trust *t, const struct trust_question *q, STACK_OF(X509) * untrusted,
                  struct trust_term *term, STACK_OF(X509) * *kept)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    struct openssl_lists lists = {.error = X509_V_OK};
    if (ctx == NULL || X509_STORE_CTX_init(ctx, t->store, q->leaf, untrusted) != 1 ||
        (t->crl_openssl && !openssl_lists_begin(ctx, t->crl_leaf_only, &lists))) {
        X509_STORE_CTX_free(ctx);
        return X509_V_ERR_OUT_OF_MEM;
    }
    set_policy(t, ctx, q->wall_ms);
    int error = X509_V_OK;
    if (X509_verify_cert(ctx) != 1) {
        error = X509_STORE_CTX_get_error(ctx);
        /* A failure without an error is still a failure. */
        error = error != X509_V_OK ? error : X509_V_ERR_UNSPECIFIED;
    } else {
        STACK_OF(X509) *built = X509_STORE_CTX_get0_chain(ctx);
        error = chain_lint(built);
        end_with_dates(built, term);
        error = error == X509_V_OK ? ask_deny(q, built) : error;
        error = error == X509_V_OK ? ask_crls(t, built, q->wall_ms, &lists, term) : error;
        if (error == X509_V_OK && sk_X509_num(built) > 1) {
            /* An anchor that is a client's own certificate answers for itself. */
            error = ask_ocsp(t, q->leaf, sk_X509_value(built, 1), q->wall_ms);
        }
        if (error == X509_V_OK && kept != NULL) {
            *kept = X509_STORE_CTX_get1_chain(ctx);
        }
    }
    X509_STORE_CTX_free(ctx);
    return error;
}

static int judge(const struct trust *t, const struct trust_question *q, struct trust_term *term,
                 STACK_OF(X509) * *kept)
{
    if (q->chain != NULL && sk_X509_num(q->chain) > TRUST_PRESENTED_MAX) {
        return X509_V_ERR_CERT_CHAIN_TOO_LONG;
    }
    STACK_OF(X509) *untrusted = untrusted_of(t, q->chain);
    if (untrusted == NULL) {
        return X509_V_ERR_OUT_OF_MEM;
    }
    int error = verify(t, q, untrusted, term, kept);
    sk_X509_free(untrusted);
    return error;
}

/* X509_V_OK if now_s lies within the dates of x; its last second counts. */
static int check_dates(X509 *x, int64_t now_s)
{
    int64_t from = 0;
    int64_t to = 0;
    if (!asn1time_seconds(X509_get0_notBefore(x), &from) ||
        !asn1time_seconds(X509_get0_notAfter(x), &to)) {
        return X509_V_ERR_UNSPECIFIED;
    }
    if (now_s < from) {
        return X509_V_ERR_CERT_NOT_YET_VALID;
    }
    return now_s > to ? X509_V_ERR_CERT_HAS_EXPIRED : X509_V_OK;
}

static X509 *issuer_in(STACK_OF(X509) * certs, X509 *leaf)
{
    for (int i = 0; i < sk_X509_num(certs); i++) {
        X509 *x = sk_X509_value(certs, i);
        if (X509_cmp(x, leaf) != 0 && X509_check_issued(x, leaf) == X509_V_OK) {
            return x;
        }
    }
    return NULL;
}

/* By name and key identifier: leaf was verified before. NULL: not at hand. */
static X509 *issuer_of(const struct trust *t, X509 *leaf, STACK_OF(X509) * chain)
{
    X509 *issuer = issuer_in(t->anchors, leaf);
    issuer = issuer != NULL ? issuer : issuer_in(t->helpers, leaf);
    return issuer != NULL ? issuer : issuer_in(chain, leaf);
}

enum reason trust_ask_again(const struct trust *t, X509 *leaf, STACK_OF(X509) * chain,
                            int64_t wall_ms)
{
    struct trust_term unused = {.until_ms = INT64_MAX};
    int error = check_dates(leaf, wall_ms / 1000);
    if (error == X509_V_OK && t->crl_wanted) {
        error = ask_crl(t, leaf, wall_ms, &unused);
    }
    if (error == X509_V_OK) {
        X509 *issuer = t->ocsp.mode != CONF_OCSP_OFF ? issuer_of(t, leaf, chain) : NULL;
        error = ask_ocsp(t, leaf, issuer, wall_ms);
    }
    ERR_clear_error();
    return error == X509_V_OK ? REASON_OK : reason_of(error);
}

/* True with *term (and q's keys) if key is a chain that was found good, and nobody has said
 * anything against it since. Else it is judged anew: that gives the reason, too. */
static bool is_remembered(const struct trust *t, const struct trust_question *q,
                          const unsigned char *key, struct trust_term *term)
{
    struct certcache_verdict known;
    if (!certcache_find(t->cache, key, q->wall_ms, &known) ||
        deny_chain(q->deny, &known.chain) != DENY_NOT_LISTED ||
        trust_ask_again(t, q->leaf, q->chain, q->wall_ms) != REASON_OK) {
        return false;
    }
    *term = known.term;
    if (q->keys != NULL) {
        *q->keys = known.chain;
    }
    return true;
}

/* judge(), or what is remembered of it. */
static int judge_or_remember(const struct trust *t, const struct trust_question *q,
                             struct trust_term *term)
{
    unsigned char key[CERTCACHE_KEY];
    if (t->cache == NULL || !certcache_key(t->cache, t->id, q->leaf, q->chain, key)) {
        return judge(t, q, term, NULL);
    }
    if (is_remembered(t, q, key, term)) {
        return X509_V_OK;
    }
    struct certcache_verdict found = {.chain = {.n = 0}};
    struct trust_question noting = *q;
    noting.keys = &found.chain;
    int error = judge(t, &noting, term, NULL);
    if (q->keys != NULL) {
        *q->keys = found.chain;
    }
    if (error == X509_V_OK) {
        found.term = *term;
        certcache_put(t->cache, key, q->wall_ms, &found);
    }
    return error;
}

enum reason trust_judge_all(const struct trust *t, const struct trust_question *q,
                            struct trust_term *term, int *x509_error)
{
    struct trust_term found = {.until_ms = INT64_MAX};
    int error = judge_or_remember(t, q, &found);
    ERR_clear_error();
    if (term != NULL) {
        *term = error == X509_V_OK ? found : (struct trust_term){0};
    }
    if (x509_error != NULL) {
        *x509_error = error;
    }
    return error == X509_V_OK ? REASON_OK : reason_of(error);
}

STACK_OF(X509) *
    trust_chain(const struct trust *t, X509 *leaf, STACK_OF(X509) * chain, int64_t wall_ms)
{
    STACK_OF(X509) *built = NULL;
    struct trust_term term = {.until_ms = INT64_MAX};
    const struct trust_question q = {.leaf = leaf, .chain = chain, .wall_ms = wall_ms};
    (void)judge(t, &q, &term, &built);
    ERR_clear_error();
    return built;
}

enum reason trust_judge(const struct trust *t, X509 *leaf, STACK_OF(X509) * chain, int64_t wall_ms,
                        struct trust_term *term, int *x509_error)
{
    const struct trust_question q = {.leaf = leaf, .chain = chain, .wall_ms = wall_ms};
    return trust_judge_all(t, &q, term, x509_error);
}
