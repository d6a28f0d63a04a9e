/* CRLs as sets of serial numbers. */
#ifndef AUTH_REVOKE_CRL_H
#define AUTH_REVOKE_CRL_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/err.h"
#include "base/str.h"

struct crl_set;

/* An empty set; NULL without memory. */
struct crl_set *crl_set_new(void);

/* Free it; NULL is fine. */
void crl_set_free(struct crl_set *s);

/* From now on keep each CRL that is added whole, besides what is asked of it. */
void crl_set_keep_der(struct crl_set *s);

/* Add every CRL in text (PEM, one or many, or DER). Each must be signed by one of the CAs with the
 * issuer's name, whose key usage allows it; refused are unknown critical extensions, indirect and
 * delta CRLs, what is BER but no DER, those for a part of the certificates only
 * (issuingDistributionPoint), and those without nextUpdate. Two CRLs of one issuer and key: the one
 * with the later thisUpdate counts. On an error, what stood before it in text may have been added.
 * Returns 0, or -ERR_MALFORMED, -ERR_DENIED (not signed by any of cas), -ERR_UNSUPPORTED,
 * -ERR_NOMEM with e. */
int crl_set_add(struct crl_set *s, struct str text, STACK_OF(X509) * cas, struct err *e)
    __attribute__((warn_unused_result));

enum crl_answer { CRL_UNKNOWN_ISSUER = 0, CRL_EARLY, CRL_EXPIRED, CRL_REVOKED, CRL_GOOD };

/* Is cert withdrawn at wall_ms? An expired CRL still says CRL_REVOKED for what it lists; one counts
 * as expired from its nextUpdate and grace_ms on, and as early before its thisUpdate. Where the
 * authority key identifier of cert and the CA's own key identifier both exist, only a CRL by that
 * key tells CRL_GOOD, CRL_EARLY or CRL_EXPIRED. Entries with the reasons certificateHold and
 * removeFromCRL count as revoked. *until_ms (may be NULL) gets the first millisecond for which
 * CRL_GOOD no longer holds; 0 with any other answer. Cost does not grow with the number of entries
 * beyond a look-up. */
enum crl_answer crl_set_ask(const struct crl_set *s, X509 *cert, int64_t wall_ms, uint32_t grace_ms,
                            int64_t *until_ms);

/* True if no CRL was added. */
bool crl_set_empty(const struct crl_set *s);

/* Earliest nextUpdate in seconds since 1970; INT64_MAX if none. */
int64_t crl_set_expiry_s(const struct crl_set *s);

/* One CRL of a set, for reports. */
struct crl_info {
    const X509_NAME *issuer;         /* borrowed from the set */
    const unsigned char *key_digest; /* SHA-256 of the key that signed; likewise, 32 octets */
    int64_t this_s;
    int64_t next_s;
    size_t count;   /* of entries */
    struct str der; /* the CRL itself, likewise; empty if it was not kept */
};

/* The i-th CRL in out; false if there are fewer. */
bool crl_set_at(const struct crl_set *s, size_t i, struct crl_info *out)
    __attribute__((warn_unused_result));

#endif
