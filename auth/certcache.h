/* Chains of certificates that were found good, remembered so that their signatures need not be
 * verified again. Only good ones: a refusal is never remembered.
 *
 * What an entry is found by is a digest over every octet of every certificate that was presented,
 * in order, and over all that they were judged by (trust_id()). It ends with the first certificate
 * or revocation list that its verdict rests on, after a while at the latest, and with every reload.
 * A clock that went back finds nothing. What changes without a reload (deny list, OCSP) is not
 * remembered, but what is needed to ask about it is. One worker's, no lock. */
#ifndef AUTH_CERTCACHE_H
#define AUTH_CERTCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "auth/revoke/deny.h"
#include "auth/trust_term.h"

#define CERTCACHE_KEY 32

/* The longest chain that is remembered, the anchor included, and the largest certificate. */
#define CERTCACHE_CHAIN_MAX 4
#define CERTCACHE_DER_MAX   8192

struct certcache;

/* What a verdict was. */
struct certcache_verdict {
    struct trust_term term;
    struct deny_chain chain; /* of what was built, the leaf first */
};

struct certcache_counts {
    uint64_t hits;
    uint64_t misses;
    size_t used; /* entries now */
};

/* At most entries_max entries, each good for ttl_ms at most. Either 0: nothing is remembered. NULL
 * without memory. */
struct certcache *certcache_new(size_t entries_max, uint32_t ttl_ms);

/* Free it; NULL is fine. */
void certcache_free(struct certcache *c);

/* Forget everything, and adopt new bounds. Returns 0 or -ERR_NOMEM (then it remembers nothing). */
int certcache_reset(struct certcache *c, size_t entries_max, uint32_t ttl_ms);

/* The key of leaf with the chain that was presented (may be NULL, may begin with leaf itself) by
 * what is named by judged_by (32 octets). False: this one is not to be remembered. */
bool certcache_key(struct certcache *c, const unsigned char judged_by[32], X509 *leaf,
                   STACK_OF(X509) * chain, unsigned char key[CERTCACHE_KEY])
    __attribute__((warn_unused_result));

/* True with *v if key was found good, and that holds at wall_ms. */
bool certcache_find(struct certcache *c, const unsigned char key[CERTCACHE_KEY], int64_t wall_ms,
                    struct certcache_verdict *v) __attribute__((warn_unused_result));

/* Remember that key was found good at wall_ms. The entry that was not found for longest makes room.
 * Longer chains than CERTCACHE_CHAIN_MAX, and terms that are over, are not kept. */
void certcache_put(struct certcache *c, const unsigned char key[CERTCACHE_KEY], int64_t wall_ms,
                   const struct certcache_verdict *v);

/* For metrics. */
struct certcache_counts certcache_counts(const struct certcache *c);

#endif
