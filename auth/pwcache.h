/* Proven credentials, remembered as long as they are used: a keyed digest of user, stored hash,
 * password and certificate. The key is random and per process; the password itself is never kept.
 *
 * Whether a password matches a hash depends on the two alone, and both are in the digest: hashing
 * once more could tell nothing new, however long ago it was. What ends an entry is for the digest's
 * own sake, so that it does not stay in memory where nobody needs it. */
#ifndef AUTH_PWCACHE_H
#define AUTH_PWCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define PWCACHE_DIGEST 32

struct pwcache;

/* At most entries_max entries, each good until ttl_ms after its last use. Either 0: nothing is
 * remembered, the digest still works. NULL without memory. */
struct pwcache *pwcache_new(size_t entries_max, uint32_t ttl_ms);

/* Wipe and free; NULL is fine. */
void pwcache_free(struct pwcache *c);

/* Forget everything, and adopt new bounds. Returns 0 or -ERR_NOMEM (then empty and off). */
int pwcache_reset(struct pwcache *c, size_t entries_max, uint32_t ttl_ms);

/* HMAC-SHA256 over the four (each with its length); cert_digest may be NULL (no certificate).
 * Returns 0 or -ERR_CRYPTO: then nobody is known. */
int pwcache_digest(struct pwcache *c, struct str user, struct str hash, struct str password,
                   const unsigned char *cert_digest, unsigned char out[PWCACHE_DIGEST])
    __attribute__((warn_unused_result));

/* True if digest was put in less than ttl ago; that is no use of it. A clock that went back finds
 * nothing. All 256 bits are compared. */
bool pwcache_known(struct pwcache *c, const unsigned char digest[PWCACHE_DIGEST], uint64_t mono_ms);

/* Count an answer for which nothing was hashed, as its digest was known; and how many there were
 * since the start: for metrics. */
void pwcache_answered(struct pwcache *c);
uint64_t pwcache_answers(const struct pwcache *c);

/* How many digests it holds, those that are over but not wiped yet included. */
size_t pwcache_count(const struct pwcache *c);

/* Remember digest, or that it was used again; the one not used for longest goes when the table is
 * full. Some of those that are over are wiped on the way. */
void pwcache_put(struct pwcache *c, const unsigned char digest[PWCACHE_DIGEST], uint64_t mono_ms);

/* Wipe those that are over, at most PWCACHE_SWEPT of them. Returns in how many ms to do so again:
 * when the next one is over, but not before a second has gone, or soon if there are more; 0: none
 * is left. */
#define PWCACHE_SWEPT 512
uint64_t pwcache_sweep(struct pwcache *c, uint64_t mono_ms);

#endif
