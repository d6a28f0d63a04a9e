/* Owns: the arithmetic of it. Any thread. */
#include "proxy/server/descriptors.h"

/* For a worker itself: its loop, logs, databases, resolving, what the master hands over; and for
 * each listener, which it holds twice, also while another configuration is prepared. */
enum { OWN = 64, OWN_A_LISTENER = 4 };

static uint64_t to_upstreams_max(const struct conf *conf)
{
    uint64_t n = 0;
    for (size_t i = 0; i < conf->upstream_count; i++) {
        const struct conf_upstream *u = &conf->upstreams[i];
        n += (uint64_t)u->server_count * u->connections_max;
    }
    return n;
}

uint64_t descriptors_for_clients(const struct conf *conf, uint64_t limit)
{
    uint64_t own = OWN + OWN_A_LISTENER * (uint64_t)conf->listener_count;
    uint64_t left = limit - (own < limit / 2 ? own : limit / 2);
    uint64_t to_upstreams = to_upstreams_max(conf);
    return to_upstreams < left / 2 ? left - to_upstreams : left - left / 2;
}
