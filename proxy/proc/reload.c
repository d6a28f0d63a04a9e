/* Owns: who has answered in a reload, and what follows from it. Not: the configuration, nor the
 * workers. Master only. */
#include "proxy/proc/reload.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

int reload_init(struct reload *r, unsigned n)
{
    *r = (struct reload){.n = n};
    r->answers = mem_calloc(n, sizeof(*r->answers));
    return r->answers != NULL ? 0 : -ERR_NOMEM;
}

void reload_fini(struct reload *r)
{
    mem_free(r->answers);
    r->answers = NULL;
}

static enum reload_outcome fail(struct reload *r, unsigned i, const char *what, struct str text)
{
    (void)snprintf(r->error, sizeof(r->error), "worker %u %s%s%.*s", i, what,
                   text.n > 0 ? ": " : "", STR_ARG(text));
    return RELOAD_FAILED;
}

static int ask(const struct child *child, uint64_t generation, int packed,
               const struct sockets *fresh)
{
    int rc = 0;
    for (size_t i = 0; i < fresh->n && rc == 0; i++) {
        rc = ipc_send(child->fd, IPC_LISTENER, generation, str_of(fresh->v[i].address),
                      fresh->v[i].fd);
    }
    return rc == 0 ? ipc_send(child->fd, IPC_PREPARE, generation, STR_NONE, packed) : rc;
}

/* True if no worker owes an answer. */
static bool all_answered(const struct reload *r)
{
    for (unsigned i = 0; i < r->n; i++) {
        if (reload_owes(r, i)) {
            return false;
        }
    }
    return true;
}

static enum reload_outcome outcome(const struct reload *r)
{
    if (!all_answered(r)) {
        return RELOAD_WAITING;
    }
    return r->phase == RELOAD_ADOPTING ? RELOAD_DONE : RELOAD_AGREED;
}

enum reload_outcome reload_begin(struct reload *r, const struct children *c, uint64_t generation,
                                 int packed, const struct sockets *fresh, uint64_t now_ms)
{
    r->phase = RELOAD_PREPARING;
    r->generation = generation;
    r->deadline_ms = now_ms + RELOAD_TIMEOUT_MS;
    r->error[0] = '\0';
    memset(r->answers, 0, r->n * sizeof(*r->answers));
    for (unsigned i = 0; i < c->n; i++) {
        const struct child *child = &c->v[i];
        if (child->state != CHILD_READY && child->state != CHILD_STARTING) {
            continue;
        }
        r->answers[i] = RELOAD_ASKED;
        if (ask(child, generation, packed, fresh) != 0) {
            return fail(r, i, "does not take messages", STR_NONE);
        }
    }
    return outcome(r);
}

enum reload_outcome reload_heard(struct reload *r, unsigned i, const struct ipc_message *m)
{
    if (m->generation != r->generation || !reload_owes(r, i)) {
        return RELOAD_WAITING;
    }
    if (r->phase == RELOAD_ADOPTING) {
        if (m->type != IPC_ADOPTED) {
            return RELOAD_WAITING;
        }
        r->answers[i] = RELOAD_NOT_ASKED;
        return outcome(r);
    }
    r->answers[i] = RELOAD_PREPARED;
    if (m->type != IPC_PREPARED) {
        return fail(r, i, "refused", (struct str){m->text, m->n});
    }
    return outcome(r);
}

enum reload_outcome reload_lost(struct reload *r, unsigned i)
{
    if (r->phase == RELOAD_IDLE || r->answers[i] == RELOAD_NOT_ASKED) {
        return RELOAD_WAITING;
    }
    r->answers[i] = RELOAD_NOT_ASKED;
    if (r->phase == RELOAD_ADOPTING) {
        return outcome(r); /* the one that replaces it starts with the new configuration */
    }
    return fail(r, i, "died while it prepared the new configuration", STR_NONE);
}

enum reload_outcome reload_tick(struct reload *r, uint64_t now_ms)
{
    if (r->phase == RELOAD_IDLE || now_ms < r->deadline_ms) {
        return RELOAD_WAITING;
    }
    if (r->phase == RELOAD_ADOPTING) {
        return RELOAD_DONE;
    }
    for (unsigned i = 0; i < r->n; i++) {
        if (reload_owes(r, i)) {
            return fail(r, i, "did not answer in time", STR_NONE);
        }
    }
    return RELOAD_AGREED;
}

bool reload_owes(const struct reload *r, unsigned i)
{
    return (r->phase == RELOAD_PREPARING && r->answers[i] == RELOAD_ASKED) ||
           (r->phase == RELOAD_ADOPTING && r->answers[i] == RELOAD_TOLD);
}

enum reload_outcome reload_commit(struct reload *r, const struct children *c, uint64_t now_ms,
                                  void (*deaf)(void *arg, unsigned i), void *arg)
{
    r->phase = RELOAD_ADOPTING;
    r->deadline_ms = now_ms + RELOAD_TIMEOUT_MS;
    for (unsigned i = 0; i < c->n; i++) {
        if (r->answers[i] != RELOAD_PREPARED) {
            continue;
        }
        r->answers[i] = RELOAD_TOLD;
        if (ipc_send(c->v[i].fd, IPC_COMMIT, r->generation, STR_NONE, -1) != 0) {
            deaf(arg, i);
        }
    }
    return outcome(r);
}

void reload_abort(struct reload *r, const struct children *c, void (*deaf)(void *arg, unsigned i),
                  void *arg)
{
    r->phase = RELOAD_IDLE;
    for (unsigned i = 0; i < c->n; i++) {
        if (r->answers[i] == RELOAD_NOT_ASKED || c->v[i].fd < 0) {
            continue;
        }
        if (ipc_send(c->v[i].fd, IPC_ABORT, r->generation, STR_NONE, -1) != 0) {
            deaf(arg, i);
        }
    }
}

void reload_end(struct reload *r)
{
    r->phase = RELOAD_IDLE;
}
