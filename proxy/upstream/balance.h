/* Which server of a group gets the next request. Pure. Private to proxy/upstream. */
#ifndef PROXY_UPSTREAM_BALANCE_H
#define PROXY_UPSTREAM_BALANCE_H

#include "proxy/upstream/peer.h"

enum balance_result {
    BALANCE_NONE = 0, /* every server is set aside, or is not_this */
    BALANCE_FULL,     /* those that are not have connections_max connections in use */
    BALANCE_FOUND
};

/* Choose among the rule->server_count peers by rule->balance one that is usable at now_ms, has room
 * for one connection more, and is not not_this (may be NULL). cursor: the group's place in the
 * round, moved when a server is found; least connections use it between equals. */
enum balance_result balance_pick(struct peer *peers, const struct conf_upstream *rule,
                                 uint64_t now_ms, const struct peer *not_this, size_t *cursor,
                                 struct peer **found);

#endif
