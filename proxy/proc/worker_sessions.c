/* Owns: when kept sessions are wiped. Leaves which of them to proxy/tls/session_store. The worker's
 * main thread. */
#include "base/clock.h"
#include "proxy/proc/worker_inner.h"
#include "proxy/tls/session_store.h"

/* An idle worker that keeps none is not woken. */
static void wipe(struct worker *w)
{
    uint64_t again_ms = session_store_sweep(w->store, clock_mono_ms());
    if (again_ms > 0) {
        loop_timer_start(w->env.loop, &w->session_timer, again_ms);
    }
}

static void on_session_timer(struct loop_timer *t)
{
    wipe(LIST_ENTRY(t, struct worker, session_timer));
}

void worker_sessions_init(struct worker *w)
{
    loop_timer_init(&w->session_timer, on_session_timer);
}

void worker_wipe_sessions(struct worker *w)
{
    if (w->store != NULL && session_store_count(w->store) > 0 &&
        !loop_timer_running(&w->session_timer)) {
        wipe(w);
    }
}
