/* The servers of one group and their connections: who gets which, who waits, what is kept. Private
 * to proxy/upstream. */
#ifndef PROXY_UPSTREAM_POOL_H
#define PROXY_UPSTREAM_POOL_H

#include "proxy/observe/metrics.h"
#include "proxy/upstream/h1_client.h"
#include "proxy/upstream/peer.h"

struct pool {
    struct h1_client_env env;
    struct metrics *metrics; /* borrowed; may be NULL */
    struct peer *peers;      /* owned */
    size_t peer_count;
    size_t cursor;       /* of balance_pick() */
    struct list waiting; /* of tickets */
    size_t waiting_count;
    size_t client_count;   /* connections whose memory is not gone yet */
    struct loop_task task; /* serve those who wait */
    bool closing;
    void (*on_empty)(void *arg); /* client_count went to 0; the last thing that comes */
    void *arg;
};

enum pool_answer { POOL_REFUSED = 0, POOL_GRANTED, POOL_QUEUED };

/* A request for a connection. */
struct pool_ticket {
    /* Set by who asks */
    const struct h1_client_ops *ops; /* for the connection */
    void *self;
    const struct peer *not_this; /* a server that has just failed; then there is no waiting */
    bool fresh;                  /* a kept connection will not do */
    /* Told once after POOL_QUEUED, never inside a call. */
    void (*on_answer)(struct pool_ticket *t, enum pool_answer answer);
    /* The answer */
    struct h1_client *client;
    bool kept;       /* client was idle; otherwise it connects */
    bool trying;     /* this request tries a server that was set aside */
    enum reason why; /* of POOL_REFUSED */
    /* The pool's */
    struct pool *pool;
    struct list link;
    struct loop_timer timer;
};

/* Prepare p for rule and limits (borrowed). Returns 0 or -ERR_NOMEM. */
int pool_init(struct pool *p, struct loop *loop, const struct conf_upstream *rule,
              const struct conf_limits *limits, struct metrics *metrics)
    __attribute__((warn_unused_result));

/* Free what p owns; every connection is gone, nobody waits. */
void pool_fini(struct pool *p);

/* Close what is idle, keep nothing from now on. */
void pool_close(struct pool *p);

/* Prepare t; what it asks for is set by the caller. */
void pool_ticket_init(struct pool_ticket *t, struct pool *p);

/* Ask for a connection. POOL_GRANTED and POOL_REFUSED are told at once. */
enum pool_answer pool_ask(struct pool_ticket *t);

/* No longer wanted: leave the queue, if t is in it. */
void pool_withdraw(struct pool_ticket *t);

#endif
