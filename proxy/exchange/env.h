/* What the parts of one worker share: its loop, its tools, the runtime in force. */
#ifndef PROXY_EXCHANGE_ENV_H
#define PROXY_EXCHANGE_ENV_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/headers/plan.h"
#include "auth/lockout.h"
#include "auth/pwcache.h"
#include "auth/pwcheck.h"
#include "auth/sign/signer.h"
#include "auth/totp.h"
#include "auth/users.h"
#include "base/job.h"
#include "base/log.h"
#include "base/spares.h"
#include "conf/model.h"
#include "proxy/exchange/route.h"
#include "proxy/net/loop.h"
#include "proxy/observe/access.h"
#include "proxy/observe/metrics.h"
#include "proxy/observe/sightings.h"
#include "proxy/upstream/upstream.h"

struct tls_sites;
struct deny;

/* One configuration made ready to run in a worker. Immutable but for the reference count;
 * connections and exchanges hold references. */
struct runtime {
    unsigned refs;
    uint64_t generation;            /* grows with every reload */
    struct conf *conf;              /* a reference */
    struct users *users;            /* a reference */
    struct plan *plan;              /* owned; what upstreams are told */
    struct signer *signer;          /* owned; what signs for upstreams */
    struct route_table *routes;     /* owned */
    struct upstream_set *upstreams; /* owned */
    struct tls_sites **sites;       /* owned array, one reference a listener of conf */
};

/* One reference more; returns r. */
struct runtime *runtime_ref(struct runtime *r);

/* One reference less; the last frees everything, the sites by sites_unref (whose folder this one
 * does not know). NULL is fine. */
void runtime_unref(struct runtime *r, void (*sites_unref)(struct tls_sites *s));

/* One worker. Everything is borrowed by those who get the env. */
struct env {
    struct loop *loop;
    struct metrics_region *region;
    struct metrics *metrics;
    struct log *log;
    struct access_log *access;
    struct pwcache *pwcache;
    struct pwcheck *pwcheck;
    struct job_pool *lookups;        /* of users in a database; one thread */
    struct lockout *lockout;         /* shared by all workers */
    struct totp_memory *totp_memory; /* the same */
    struct sightings *sightings;     /* tells the CA of certificates in use; NULL: nobody */
    struct runtime *runtime;         /* the one in force */
    const struct deny *deny;         /* what is withdrawn now; NULL: nothing */
    unsigned worker;                 /* index from 0 */
    bool draining;                   /* answers say Connection: close */
    struct spares exchanges;         /* of exchange_new(); exchange_drop_spares() */
    struct spares readers;           /* of requests; h1_server_drop_spares() */
    uint64_t next_id;                /* for request ids */
    unsigned char id_seed[8];
};

#endif
