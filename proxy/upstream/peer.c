/* Owns: when a server is set aside and when it is tried again. Not: connections (pool.c). On the
 * loop's thread. */
#include "proxy/upstream/peer.h"

void peer_init(struct peer *p, const struct conf_server *conf)
{
    *p = (struct peer){.conf = conf};
    list_init(&p->idle);
}

bool peer_usable(const struct peer *p, uint64_t now_ms)
{
    return !p->aside || (!p->trying && now_ms >= p->aside_until_ms);
}

bool peer_begin(struct peer *p)
{
    p->trying = p->aside;
    return p->trying;
}

bool peer_failed(struct peer *p, const struct conf_upstream *rule, uint64_t now_ms)
{
    if (p->failures < UINT32_MAX) {
        p->failures++;
    }
    bool aside_now = p->aside && !p->trying;
    if (aside_now || rule->fail_max == 0 || (!p->aside && p->failures < rule->fail_max)) {
        return false; /* aside already: requests begun before do not make it longer */
    }
    p->aside = true;
    p->trying = false;
    p->aside_until_ms = now_ms + rule->fail_ms;
    return true;
}

void peer_succeeded(struct peer *p)
{
    p->failures = 0;
    p->aside = false;
    p->trying = false;
}

void peer_untried(struct peer *p)
{
    p->trying = false;
}
