/* Owns: nothing. Master and workers. */
#include "proxy/proc/ocsp_wanted.h"

static uint32_t shorter(uint32_t every_ms, const struct conf_client *c)
{
    if (c->mode == CONF_CLIENT_OFF || c->ocsp.mode == CONF_OCSP_OFF) {
        return every_ms;
    }
    return every_ms == 0 || c->ocsp.keep_min_ms < every_ms ? c->ocsp.keep_min_ms : every_ms;
}

uint32_t ocsp_wanted(const struct conf *conf)
{
    uint32_t every_ms = 0;
    for (size_t i = 0; i < conf->listener_count; i++) {
        const struct conf_listener *l = &conf->listeners[i];
        for (size_t j = 0; j < l->site_count; j++) {
            every_ms = shorter(every_ms, &l->sites[j].client);
        }
    }
    return every_ms;
}
