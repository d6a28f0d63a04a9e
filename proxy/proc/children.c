/* Owns: the book of the master's workers. Not: starting, ending or talking to them. Master only. */
#include "proxy/proc/children.h"

#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

int children_init(struct children *c, unsigned n)
{
    c->v = mem_calloc(n, sizeof(*c->v));
    c->n = c->v != NULL ? n : 0;
    for (unsigned i = 0; i < c->n; i++) {
        c->v[i].fd = -1;
    }
    return c->v != NULL ? 0 : -ERR_NOMEM;
}

void children_fini(struct children *c)
{
    for (unsigned i = 0; i < c->n; i++) {
        children_remove(c, i);
    }
    mem_free(c->v);
    c->v = NULL;
    c->n = 0;
}

void children_add(struct children *c, unsigned i, pid_t pid, int fd, uint64_t now_ms)
{
    struct child *child = &c->v[i];
    child->state = CHILD_STARTING;
    child->pid = pid;
    child->fd = fd;
    child->started_ms = now_ms;
    child->deadline_ms = 0;
}

void children_remove(struct children *c, unsigned i)
{
    struct child *child = &c->v[i];
    if (child->fd >= 0) {
        (void)close(child->fd);
    }
    child->fd = -1;
    child->pid = 0;
    child->state = CHILD_NONE;
}

bool children_died(struct children *c, unsigned i, uint64_t now_ms)
{
    struct child *child = &c->v[i];
    uint64_t *oldest = &child->deaths[child->death_count % CHILDREN_DEATHS_MAX];
    bool often = child->death_count >= CHILDREN_DEATHS_MAX && now_ms - *oldest < CHILDREN_WINDOW_MS;
    *oldest = now_ms;
    child->death_count++;
    child->rest_until_ms = often ? now_ms + CHILDREN_REST_MS : 0;
    return often;
}

unsigned children_alive(const struct children *c)
{
    unsigned count = 0;
    for (unsigned i = 0; i < c->n; i++) {
        count += c->v[i].state != CHILD_NONE;
    }
    return count;
}

unsigned children_ready(const struct children *c)
{
    unsigned count = 0;
    for (unsigned i = 0; i < c->n; i++) {
        count += c->v[i].state == CHILD_READY;
    }
    return count;
}

uint64_t children_deadline(const struct children *c, unsigned wanted)
{
    uint64_t first = UINT64_MAX;
    for (unsigned i = 0; i < c->n; i++) {
        const struct child *child = &c->v[i];
        uint64_t at = UINT64_MAX;
        if (child->state == CHILD_DRAINING || child->state == CHILD_STOPPING) {
            at = child->deadline_ms;
        } else if (child->state == CHILD_NONE && i < wanted) {
            at = child->rest_until_ms;
        }
        first = at < first ? at : first;
    }
    return first;
}
