/* Owns: how the runtime in force is served: its listeners, and what its sites share. The worker's
 * main thread. */
#include "proxy/admin/admin.h"
#include "proxy/proc/worker_inner.h"
#include "proxy/tls/site.h"

int worker_serve(struct worker *w, struct err *e)
{
    const struct conf *conf = w->env.runtime->conf;
    char text[ADDR_TEXT_MAX];
    int rc = 0;
    for (size_t i = 0; i < conf->listener_count && rc == 0; i++) {
        struct str address = addr_text(&conf->listeners[i].address, text);
        int fd = sockets_find(&w->start.sockets[0], address);
        rc = fd >= 0 ? server_listen(w->server, address, fd, i, e)
                     : err_set(e, ERR_INTERNAL, "no socket for %s", text);
    }
    if (rc == 0 && conf->admin.address_text.p != NULL) {
        struct str address = addr_text(&conf->admin.address, text);
        int fd = sockets_find(&w->start.sockets[0], address);
        rc = fd >= 0 ? server_listen_local(w->server, address, fd, admin_answer, &w->env, e)
                     : err_set(e, ERR_INTERNAL, "no socket for %s", text);
    }
    return rc;
}

void worker_attach_tls(struct worker *w, struct runtime *r)
{
    for (size_t i = 0; i < r->conf->listener_count; i++) {
        tls_sites_use_cache(r->sites[i], w->certcache);
        tls_sites_use_decoded(r->sites[i], w->decoded);
        /* A secret that other hosts have, too, is for tickets that they can open. */
        if (r->conf->resumption.secret_file.p == NULL) {
            tls_sites_use_store(r->sites[i], w->store);
        }
    }
}
