/* Owns: how a worker ends: in peace, at once, or because nobody listens to it any more. Not: when
 * it is told to (worker.c). The worker's main thread. */
#include "proxy/proc/worker_inner.h"

enum { STOP_MS = 1000 };

void worker_tell(struct worker *w, enum ipc_type type, uint64_t generation, struct str text)
{
    if (ipc_send(w->start.ipc, type, generation, text, -1) != 0) {
        LOG(w->env.log, LOG_LEVEL_ERROR, "master_deaf", LOG_NUMBER("message", type));
        worker_stop(w);
    }
}

static void on_empty(void *arg)
{
    struct worker *w = arg;
    w->empty = true;
    loop_stop(w->env.loop);
}

void worker_drain(struct worker *w)
{
    if (!w->draining) {
        w->draining = true;
        w->env.draining = true;
        server_drain(w->server, on_empty, w);
        /* The server has its own duplicates: with the last of them the address stops answering. */
        sockets_close(w->start.sockets);
    }
}

static void on_stop_timer(struct loop_timer *t)
{
    struct worker *w = LIST_ENTRY(t, struct worker, stop_timer);
    loop_stop(w->env.loop);
}

void worker_stop(struct worker *w)
{
    if (w->stopped) {
        return;
    }
    w->stopped = true;
    worker_drain(w);
    server_abort(w->server);
    loop_timer_start(w->env.loop, &w->stop_timer, STOP_MS);
}

void worker_end_init(struct worker *w)
{
    loop_timer_init(&w->stop_timer, on_stop_timer);
}
