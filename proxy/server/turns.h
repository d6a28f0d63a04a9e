/* Whose handshake goes on in which turn of the loop: a bounded number of steps each, so that the
 * requests of open connections are served between them. One a worker. Private to proxy/server. */
#ifndef PROXY_SERVER_TURNS_H
#define PROXY_SERVER_TURNS_H

#include "proxy/net/loop.h"

/* So many requests served in a turn make room for one step more: about the same time. Without this,
 * many busy clients would leave those who connect only the least. */
#define TURNS_REQUESTS 8

/* Who waits for its turn. */
struct turns_place {
    struct list link;
    void (*step)(struct turns_place *p);
};

struct turns {
    struct loop *loop;
    struct list waiting;
    struct loop_task task;
    unsigned max;    /* steps a turn; at least 1 */
    unsigned served; /* requests since the last turn that did steps */
};

/* Prepare t; nobody waits. */
void turns_init(struct turns *t, struct loop *loop);

/* Prepare p, which does not wait. */
void turns_place_init(struct turns_place *p, void (*step)(struct turns_place *p));

/* Call p->step(p) at the end of this turn or of a later one, first come, first served, with at most
 * max steps a turn (as of the last call). Waiting already: nothing. */
void turns_wait(struct turns *t, struct turns_place *p, unsigned max);

/* True from turns_wait() until the step begins. */
bool turns_is_waiting(const struct turns_place *p);

/* Wait no longer. Idempotent. */
void turns_leave(struct turns_place *p);

/* A request was served. */
void turns_served(struct turns *t);

/* Nobody waits any more: t is about to go. */
void turns_fini(struct turns *t);

#endif
