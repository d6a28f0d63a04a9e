/* Owns: the reference count of a runtime, and its end. Not: its making (proxy/proc). On the loop's
 * thread. */
#include "base/mem.h"
#include "conf/load.h"
#include "proxy/exchange/env.h"

struct runtime *runtime_ref(struct runtime *r)
{
    r->refs++;
    return r;
}

void runtime_unref(struct runtime *r, void (*sites_unref)(struct tls_sites *s))
{
    if (r == NULL || --r->refs > 0) {
        return;
    }
    if (r->upstreams != NULL) {
        upstream_set_close(r->upstreams);
    }
    plan_free(r->plan);
    signer_free(r->signer);
    route_table_free(r->routes);
    users_unref(r->users);
    for (size_t i = 0; r->sites != NULL && r->conf != NULL && i < r->conf->listener_count; i++) {
        if (r->sites[i] != NULL) {
            sites_unref(r->sites[i]);
        }
    }
    mem_free(r->sites);
    conf_unref(r->conf);
    mem_free(r);
}
