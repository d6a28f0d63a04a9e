/* Owns: the order in which servers are used. Not: their health (peer.c). */
#include "proxy/upstream/balance.h"

static bool has_room(const struct peer *p, const struct conf_upstream *rule)
{
    return rule->connections_max == 0 || p->active_count < rule->connections_max;
}

enum balance_result balance_pick(struct peer *peers, const struct conf_upstream *rule,
                                 uint64_t now_ms, const struct peer *not_this, size_t *cursor,
                                 struct peer **found)
{
    enum balance_result result = BALANCE_NONE;
    struct peer *best = NULL;
    for (size_t k = 0; k < rule->server_count; k++) {
        struct peer *p = &peers[(*cursor + k) % rule->server_count];
        if (p == not_this || !peer_usable(p, now_ms)) {
            continue;
        }
        result = BALANCE_FULL;
        if (!has_room(p, rule)) {
            continue;
        }
        if (best == NULL || p->active_count < best->active_count) {
            best = p;
        }
        if (rule->balance == CONF_BALANCE_ROUND_ROBIN) {
            break;
        }
    }
    if (best == NULL) {
        return result;
    }
    *cursor = ((size_t)(best - peers) + 1) % rule->server_count;
    *found = best;
    return BALANCE_FOUND;
}
