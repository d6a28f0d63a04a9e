/* Owns: when remembered passwords are wiped. Leaves which of them to auth/pwcache. The worker's
 * main thread. */
#include "base/clock.h"
#include "proxy/proc/worker_inner.h"

/* An idle worker that remembers none is not woken. */
static void wipe(struct worker *w)
{
    uint64_t again_ms = pwcache_sweep(w->env.pwcache, clock_mono_ms());
    if (again_ms > 0) {
        loop_timer_start(w->env.loop, &w->password_timer, again_ms);
    }
}

static void on_password_timer(struct loop_timer *t)
{
    wipe(LIST_ENTRY(t, struct worker, password_timer));
}

void worker_passwords_init(struct worker *w)
{
    loop_timer_init(&w->password_timer, on_password_timer);
}

void worker_wipe_passwords(struct worker *w)
{
    if (pwcache_count(w->env.pwcache) > 0 && !loop_timer_running(&w->password_timer)) {
        wipe(w);
    }
}

void worker_wipe_passwords_anew(struct worker *w)
{
    loop_timer_stop(&w->password_timer);
}
