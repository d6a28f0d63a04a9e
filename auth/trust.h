/* A set of trust anchors and CRLs, and the one function that judges a client's chain by them. */
#ifndef AUTH_TRUST_H
#define AUTH_TRUST_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "auth/trust_term.h"
#include "base/reason.h"
#include "conf/diag.h"
#include "conf/files.h"
#include "conf/model.h"

/* Certificates that a client may send: a chain of more is not looked at. */
#define TRUST_PRESENTED_MAX 10

struct trust;
struct deny;
struct deny_chain;

/* Load policy's CA bundles and CRLs through files. CRLs are verified against the CAs once, by who
 * reads them from disk, and become a set of serials that the files then hold for everyone else:
 * none of them goes into an X509_STORE, unless own_lists is false: then they do as well, and a
 * certificate of a chain that is verified has to be good by both. Errors (no certificate in a
 * bundle, unreadable, not a CA, CRL by nobody here) and warnings (expired anchor or CRL) go to
 * diags at the key's place; key is the dotted path of the client section for messages.
 * Returns NULL on an error. */
struct trust *trust_load(const struct conf_client *policy, bool own_lists, struct files *files,
                         struct diags *diags, const char *key);

/* One reference more; returns t. Not atomic. */
struct trust *trust_ref(struct trust *t);

/* One reference less; the last frees. NULL is fine. */
void trust_unref(struct trust *t);

/* SHA-256 over anchors, CRLs and policy: two with the same id judge alike. 32 octets, borrowed. */
const unsigned char *trust_id(const struct trust *t);

/* The anchors' subject names for a CertificateRequest; borrowed. */
STACK_OF(X509_NAME) * trust_ca_names(const struct trust *t);

/* The anchors, among which OpenSSL may look for issuers of other certificates; borrowed. */
X509_STORE *trust_store(const struct trust *t);

/* Judge leaf with the untrusted chain that the peer sent (may be NULL, may hold the leaf) at
 * wall_ms: signatures, validity, depth, basic constraints, X509_STRICT, purpose clientAuth, and the
 * CRLs: where policy names any CRL, the leaf and (unless crl_scope is leaf) intermediates must each
 * be covered by a CRL of their issuer that has not expired, or not for longer than crl_grace.
 * Returns REASON_OK or why not; *term (may be NULL) gets when the first certificate of the chain
 * that was built, or CRL that was asked, ends, cleared if not REASON_OK; *x509_error (may be NULL)
 * gets the X509_V_ERR_ code that fits, for the TLS alert. */
enum reason trust_judge(const struct trust *t, X509 *leaf, STACK_OF(X509) * chain, int64_t wall_ms,
                        struct trust_term *term, int *x509_error);

/* The same question with all that bears on the answer. */
struct trust_question {
    X509 *leaf;
    STACK_OF(X509) * chain;
    int64_t wall_ms;
    const struct deny *deny; /* NULL: nothing is withdrawn but by CRLs */
    struct deny_chain *keys; /* NULL, or gets the keys of the chain that was built */
};

/* As trust_judge(); besides, no certificate of the chain, the anchor included, may be in deny:
 * then REASON_CLIENT_CERT_REVOKED. The deny list is asked before the CRLs. A chain that was found
 * good before, and is remembered, is not built and verified again; deny list, CRLs, OCSP and the
 * leaf's dates are asked nevertheless. */
enum reason trust_judge_all(const struct trust *t, const struct trust_question *q,
                            struct trust_term *term, int *x509_error);

/* Look again at leaf, of which a t with the same trust_id() has said REASON_OK for a term that is
 * not over (the caller's to see to): its own dates, and the CRLs' word on it. The rest of the chain
 * is not needed: nothing but the time could change that part of the verdict. No signature is
 * verified. Returns REASON_OK or why not. */
enum reason trust_ask_again(const struct trust *t, X509 *leaf, STACK_OF(X509) * chain,
                            int64_t wall_ms);

/* The chain by which trust_judge() would find leaf good: leaf first, the anchor last. It judges
 * anew, at the same cost. The caller frees it with its certificates; NULL if leaf is not good. */
STACK_OF(X509) *
    trust_chain(const struct trust *t, X509 *leaf, STACK_OF(X509) * chain, int64_t wall_ms);

/* Seconds since 1970 when the first CRL expires; INT64_MAX without CRLs. For metrics. */
int64_t trust_crl_expiry_s(const struct trust *t);

#define TRUST_ISSUER_MAX 160

/* One CRL, for reports. */
struct trust_crl {
    char issuer[TRUST_ISSUER_MAX]; /* as text (RFC 2253), cut to size */
    unsigned char key_digest[32];  /* of the key that signed it */
    int64_t this_s;                /* seconds since 1970 */
    int64_t next_s;
    size_t entries;
};

/* The i-th CRL in out; false if there are fewer. */
bool trust_crl_at(const struct trust *t, size_t i, struct trust_crl *out);

struct ocsp_desk;

/* Ask desk (borrowed) where the policy wants OCSP. Without one nothing is known: hard refuses. To
 * be called before t judges. */
void trust_use_ocsp(struct trust *t, struct ocsp_desk *desk);

struct certcache;

/* Remember good chains in cache (borrowed). To be called before t judges. */
void trust_use_cache(struct trust *t, struct certcache *cache);

/* Seconds since 1970 when the first anchor expires. For metrics. */
int64_t trust_ca_expiry_s(const struct trust *t);

#endif
