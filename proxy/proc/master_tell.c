/* Owns: what the master tells its workers, and how it lets them go or ends them. Master only. */
#include <signal.h>

#include "proxy/proc/master_inner.h"

void master_kill(struct master *m, unsigned i)
{
    struct child *child = &m->children.v[i];
    if (child->state != CHILD_NONE && child->state != CHILD_KILLED) {
        LOG(m->log, LOG_LEVEL_WARNING, "worker_killed", LOG_NUMBER("worker", i),
            LOG_NUMBER("worker_pid", child->pid));
        child->state = CHILD_KILLED;
        (void)kill(child->pid, SIGKILL);
    }
}

void master_tell(struct master *m, unsigned i, enum ipc_type type, int fd)
{
    const struct child *child = &m->children.v[i];
    if (child->state == CHILD_NONE || child->state == CHILD_KILLED || child->fd < 0) {
        return;
    }
    int rc = ipc_send(child->fd, type, 0, STR_NONE, fd);
    /* One that has closed its end is about to be collected. */
    if (rc != 0 && rc != -ERR_CLOSED) {
        master_kill(m, i);
    }
}

void master_tell_all(struct master *m, enum ipc_type type, int fd)
{
    for (unsigned i = 0; i < m->children.n; i++) {
        master_tell(m, i, type, fd);
    }
}

void master_dismiss(struct master *m, unsigned i, uint64_t now_ms)
{
    struct child *child = &m->children.v[i];
    if (child->state == CHILD_STARTING || child->state == CHILD_READY) {
        master_tell(m, i, IPC_DRAIN, -1);
        if (child->state != CHILD_KILLED) {
            child->state = CHILD_DRAINING;
            child->deadline_ms = now_ms + m->conf->process.shutdown_timeout_ms;
        }
    }
}
