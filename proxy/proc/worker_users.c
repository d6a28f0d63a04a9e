/* Owns: how users in a database are looked up for a worker, and when it looks for changes. Leaves
 * the looking to auth/users. The worker's main thread. */
#include "proxy/proc/worker_inner.h"

enum { STORE_POLL_MS = 200 };

static void on_store_state(void *arg, const char *error)
{
    struct worker *w = arg;
    if (error != NULL) {
        LOG(w->env.log, LOG_LEVEL_ERROR, "user_store_failed", LOG_TEXT("error", str_of(error)));
    } else {
        LOG(w->env.log, LOG_LEVEL_INFO, "user_store_answers",
            LOG_TEXT("store", str_of(w->env.runtime->conf->users.store.p)));
    }
}

static void on_looked(void *arg, enum users_found found, int64_t us)
{
    static const enum metric outcomes[] = {[USERS_FAILED] = METRIC_USER_LOOKUPS_FAILED_TOTAL,
                                           [USERS_NONE] = METRIC_USER_LOOKUPS_UNKNOWN_TOTAL,
                                           [USERS_FOUND] = METRIC_USER_LOOKUPS_FOUND_TOTAL};
    struct worker *w = arg;
    if (us < 0) {
        metrics_add(w->env.metrics, METRIC_USER_LOOKUPS_REMEMBERED_TOTAL, 1);
    } else if (found < USERS_WAIT) {
        metrics_add(w->env.metrics, outcomes[found], 1);
        metrics_time(w->env.metrics, METRIC_TIME_USER_LOOKUP, (uint64_t)us);
    }
}

static void on_store_timer(struct loop_timer *t)
{
    struct worker *w = LIST_ENTRY(t, struct worker, store_timer);
    if (users_poll(w->env.runtime->users)) {
        loop_timer_start(w->env.loop, t, STORE_POLL_MS);
    }
}

void worker_users_init(struct worker *w)
{
    loop_timer_init(&w->store_timer, on_store_timer);
}

void worker_attach_users(struct worker *w, struct runtime *r)
{
    const struct users_ear ear = {.state = on_store_state, .looked = on_looked, .arg = w};
    users_attach(r->users, w->env.lookups, &ear);
}

void worker_watch_store(struct worker *w)
{
    loop_timer_start(w->env.loop, &w->store_timer, 0);
}
