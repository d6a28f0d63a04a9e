/* Which revocation lists are about to end, told in the log before and when they do. Master only. */
#ifndef PROXY_PROC_CRL_WATCH_H
#define PROXY_PROC_CRL_WATCH_H

#include "auth/trust.h"
#include "base/log.h"
#include "proxy/exchange/env.h"

/* How far a list has come. */
enum crl_stage { CRL_FRESH = 0, CRL_SOON, CRL_OVER };

struct crl_watched {
    struct trust_crl crl;
    enum crl_stage told; /* what the log has been told */
};

/* Cleared: nothing to watch. */
struct crl_watch {
    struct crl_watched *v; /* owned */
    size_t n;
};

/* Watch the lists of r from now on, each once; one that was watched before is not told again. Tells
 * "crl_older" where a list takes the place of a later one of the same key. */
void crl_watch_fill(struct crl_watch *w, const struct runtime *r, struct log *log);

/* The same for one set of anchors; for crl_watch_fill() and tests. */
void crl_watch_add(struct crl_watch *w, const struct trust *t);

/* What crl_watch_fill() tells when fresh follows old. */
void crl_watch_compare(const struct crl_watch *old, const struct crl_watch *fresh, struct log *log);

void crl_watch_fini(struct crl_watch *w);

/* Milliseconds from wall_ms until there is something to tell; 0 if there is, INT64_MAX if never. */
int64_t crl_watch_wait_ms(const struct crl_watch *w, int64_t wall_ms);

/* Tell what is to be told: "crl_expires_soon" when a quarter of a list's time is left, but not
 * before its last day, and "crl_expired". */
void crl_watch_tick(struct crl_watch *w, int64_t wall_ms, struct log *log);

#endif
