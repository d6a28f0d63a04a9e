/* Owns: how many certificates stay decoded, and that making them fewer does not keep the loop.
 * Leaves which of them to proxy/tls/decoded. The worker's main thread. */
#include "base/err.h"
#include "proxy/proc/worker_inner.h"
#include "proxy/tls/decoded.h"
#include "proxy/tls/site.h"

/* How many are forgotten at once, and for how long others have their turn then. As measured, one
 * takes 5 us, STEP 0.2 ms, and all 65,536 that there may be, freed at once, 0.3 s and the C library
 * 0.8 s behind that. That their places are made more or fewer (decoded.c moves them) is done in one
 * go: 4 ms of 65,536. */
enum { STEP = 32, PAUSE_MS = 5 };

static size_t wanted(const struct worker *w)
{
    const struct runtime *r = w->env.runtime;
    bool any = false;
    for (size_t i = 0; i < r->conf->listener_count; i++) {
        any = any || tls_sites_own_handshakes(r->sites[i], &r->conf->resumption);
    }
    return any ? r->conf->tuning.remember_certificates_max : 0;
}

static void on_decoded_timer(struct loop_timer *t)
{
    struct worker *w = LIST_ENTRY(t, struct worker, decoded_timer);
    if (decoded_trim(w->decoded, STEP)) {
        loop_timer_start(w->env.loop, &w->decoded_timer, PAUSE_MS);
    }
}

void worker_decoded_init(struct worker *w)
{
    loop_timer_init(&w->decoded_timer, on_decoded_timer);
}

bool worker_decoded_make(struct worker *w)
{
    w->decoded = decoded_new(wanted(w));
    return w->decoded != NULL;
}

void worker_decoded_renew(struct worker *w)
{
    if (decoded_resize(w->decoded, wanted(w)) != 0) {
        LOG(w->env.log, LOG_LEVEL_WARNING, "certificate_memory_small",
            LOG_TEXT("error", str_of(err_name(ERR_NOMEM))));
    }
    on_decoded_timer(&w->decoded_timer);
}
