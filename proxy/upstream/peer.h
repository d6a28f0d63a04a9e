/* One server of a group: its connections counted, its health. Private to proxy/upstream. */
#ifndef PROXY_UPSTREAM_PEER_H
#define PROXY_UPSTREAM_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "conf/model.h"

struct peer {
    const struct conf_server *conf; /* borrowed */
    struct list idle;               /* connections kept for reuse, the last used first */
    size_t idle_count;
    size_t active_count;     /* connecting or in use */
    uint32_t failures;       /* in a row */
    bool aside;              /* until a request succeeds on it again */
    bool trying;             /* aside, and one request is trying it */
    uint64_t aside_until_ms; /* of the loop's clock */
};

/* Prepare p for the server conf (borrowed). */
void peer_init(struct peer *p, const struct conf_server *conf);

/* True if a request may go to p at now_ms: it is not set aside, or its time aside is over and no
 * other request is trying it. */
bool peer_usable(const struct peer *p, uint64_t now_ms);

/* A request goes to p. Returns true if it is the one that tries a server set aside: then one of
 * the three calls below must follow. */
bool peer_begin(struct peer *p);

/* A request failed by p's doing: rule->fail_max of them in a row (0: any number) set p aside for
 * rule->fail_ms. Returns true if p was set aside just now, or again. */
bool peer_failed(struct peer *p, const struct conf_upstream *rule, uint64_t now_ms);

/* A request was answered: p is well. */
void peer_succeeded(struct peer *p);

/* The request that tried p ended without telling whether p is well: the next one tries. */
void peer_untried(struct peer *p);

#endif
