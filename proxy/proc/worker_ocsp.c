/* Owns: when a worker looks at its open connections again because of OCSP. Leaves the looking to
 * server_judge(), what is known to auth/revoke/ocsp_table. The worker's main thread. */
#include "base/clock.h"
#include "proxy/proc/ocsp_wanted.h"
#include "proxy/proc/worker_inner.h"

enum { POLL_MS = 200 };

/* Somebody was withdrawn: perhaps one who is connected. Besides, connections that ask nothing have
 * the responder asked about them now and then; else nobody would learn that they are withdrawn. */
static void on_timer(struct loop_timer *t)
{
    struct worker *w = LIST_ENTRY(t, struct worker, ocsp_timer);
    uint32_t every_ms = ocsp_wanted(w->env.runtime->conf);
    if (every_ms == 0) {
        return;
    }
    uint64_t revocations = ocsp_table_revocations(w->start.ocsp->table);
    uint64_t now_ms = clock_mono_ms();
    if (revocations != w->ocsp_revocations || now_ms >= w->ocsp_walk_at_ms) {
        w->ocsp_revocations = revocations;
        w->ocsp_walk_at_ms = now_ms + every_ms;
        server_judge(w->server, NULL, NULL);
    }
    loop_timer_start(w->env.loop, t, POLL_MS);
}

void worker_ocsp_init(struct worker *w)
{
    loop_timer_init(&w->ocsp_timer, on_timer);
    w->ocsp_revocations = ocsp_table_revocations(w->start.ocsp->table);
}

void worker_ocsp_watch(struct worker *w)
{
    loop_timer_start(w->env.loop, &w->ocsp_timer, POLL_MS);
}

void worker_ocsp_fini(struct worker *w)
{
    loop_timer_stop(&w->ocsp_timer);
}
