/* Owns: starting workers, hearing them, noting their end. Not: talking to them (master_tell.c), nor
 * when (master.c). Master only, but for the way of a fork into worker_run(). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "proxy/proc/master_inner.h"
#include "proxy/proc/worker.h"

static int become_worker(struct master *m, unsigned i, int ipc, pid_t master)
{
    master_leave(m);
    m->ocsp_pid = 0;
    struct worker_start start = {
        .index = i,
        .master = master,
        .ipc = ipc,
        .packed = m->packed,
        .generation = m->generation,
        .deny = m->deny.set,
        .deny_generation = m->deny.generation,
        .config_path = m->options->config_path,
        .sockets = &m->sockets,
        .region = m->region,
        .admit = m->admit,
        .lockout = m->lockout,
        .totp_memory = m->totp_memory,
        .sessions = m->sessions,
        .error_file = m->error_file,
        .access_file = m->access_file,
        .privdrop = &m->privdrop,
        .ocsp = &m->ocsp,
    };
    m->packed = -1;
    m->deny.set = NULL;
    m->error_file = NULL;
    m->access_file = NULL;
    int status = worker_run(&start);
    (void)close(ipc);
    return status;
}

/* Returns -1 in the master, the exit status in the worker. */
static int start_worker(struct master *m, unsigned i, uint64_t now_ms)
{
    int pair[2];
    pid_t master = getpid();
    struct child *child = &m->children.v[i];
    child->rest_until_ms = now_ms + CHILDREN_REST_MS; /* if it cannot be started */
    if (ipc_pair(pair) != 0) {
        LOG(m->log, LOG_LEVEL_ERROR, "worker_not_started",
            LOG_TEXT("error", STR("no socket pair")));
        return -1;
    }
    /* What waits would be written twice. */
    logfile_flush(m->error_file);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(pair[0]);
        return become_worker(m, i, pair[1], master);
    }
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        LOG(m->log, LOG_LEVEL_ERROR, "worker_not_started",
            LOG_TEXT("error", STR("no further process")));
        return -1;
    }
    child->rest_until_ms = 0;
    children_add(&m->children, i, pid, pair[0], now_ms);
    child->deny_generation = m->deny.generation;
    return -1;
}

int master_fill(struct master *m, uint64_t now_ms)
{
    /* While others prepare, a new worker would start with the old configuration and miss the new.
     */
    if (m->state >= MASTER_DELAY || m->reload.phase == RELOAD_PREPARING) {
        return -1;
    }
    for (unsigned i = 0; i < m->wanted; i++) {
        const struct child *child = &m->children.v[i];
        if (child->state == CHILD_NONE && child->rest_until_ms <= now_ms) {
            int status = start_worker(m, i, now_ms);
            if (status >= 0) {
                return status;
            }
        }
    }
    return -1;
}

void master_push_leaving(struct master *m, uint64_t now_ms)
{
    for (unsigned i = 0; i < m->children.n; i++) {
        struct child *child = &m->children.v[i];
        bool leaving = child->state == CHILD_DRAINING || child->state == CHILD_STOPPING;
        if (!leaving || now_ms < child->deadline_ms) {
            continue;
        }
        m->forced = m->forced || m->state >= MASTER_DELAY;
        if (child->state == CHILD_STOPPING) {
            master_kill(m, i);
            continue;
        }
        LOG(m->log, LOG_LEVEL_WARNING, "worker_not_drained", LOG_NUMBER("worker", i));
        child->state = CHILD_STOPPING;
        child->deadline_ms = now_ms + MASTER_STOP_MS;
        master_tell(m, i, IPC_STOP, -1);
    }
}

static void fail_start(struct master *m, unsigned i, struct str why)
{
    if (!m->failed_start) {
        (void)fprintf(stderr, "countersign: worker %u did not start: %.*s\n", i, STR_ARG(why));
    }
    m->failed_start = true;
}

static void note_end(struct master *m, unsigned i, int status, uint64_t now_ms)
{
    const struct child *child = &m->children.v[i];
    bool leaving = child->state == CHILD_DRAINING || child->state == CHILD_STOPPING ||
                   m->state >= MASTER_DELAY;
    if (leaving) {
        m->forced = m->forced || (m->state >= MASTER_DELAY && status != 0);
        LOG(m->log, LOG_LEVEL_INFO, "worker_left", LOG_NUMBER("worker", i),
            LOG_NUMBER("worker_pid", child->pid));
        return;
    }
    LOG(m->log, LOG_LEVEL_ERROR, "worker_died", LOG_NUMBER("worker", i),
        LOG_NUMBER("worker_pid", child->pid),
        LOG_NUMBER("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
        LOG_NUMBER("status", WIFEXITED(status) ? WEXITSTATUS(status) : 0));
    if (m->state == MASTER_STARTING) {
        fail_start(m, i, STR("it ended at once"));
        return;
    }
    metrics_add(metrics_slot(m->region, m->workers_max), METRIC_WORKER_RESTARTS_TOTAL, 1);
    if (children_died(&m->children, i, now_ms)) {
        LOG(m->log, LOG_LEVEL_ERROR, "worker_rests", LOG_NUMBER("worker", i),
            LOG_NUMBER("rest_ms", CHILDREN_REST_MS),
            LOG_TEXT("why", STR("it died more than 10 times in 10 s")));
    }
}

void master_reap(struct master *m, uint64_t now_ms)
{
    for (unsigned i = 0; i < m->children.n; i++) {
        int status;
        const struct child *child = &m->children.v[i];
        if (child->state == CHILD_NONE || waitpid(child->pid, &status, WNOHANG) != child->pid) {
            continue;
        }
        master_hear(m, i); /* its last words */
        note_end(m, i, status, now_ms);
        children_remove(&m->children, i);
        metrics_clear_gauges(m->region, i);
        admit_clear(m->admit, i);
        master_reload_step(m, reload_lost(&m->reload, i), now_ms);
    }
}

static void on_message(struct master *m, unsigned i, const struct ipc_message *message)
{
    struct child *child = &m->children.v[i];
    switch (message->type) {
    case IPC_READY:
        if (child->state == CHILD_STARTING) {
            child->state = CHILD_READY;
            LOG(m->log, LOG_LEVEL_INFO, "worker_ready", LOG_NUMBER("worker", i),
                LOG_NUMBER("worker_pid", child->pid));
        }
        break;
    case IPC_FAILED:
        LOG(m->log, LOG_LEVEL_ERROR, "worker_failed", LOG_NUMBER("worker", i),
            LOG_TEXT("error", ((struct str){message->text, message->n})));
        if (m->state == MASTER_STARTING) {
            fail_start(m, i, (struct str){message->text, message->n});
        }
        break;
    case IPC_PREPARED:
    case IPC_REFUSED:
    case IPC_ADOPTED:
        master_reload_step(m, reload_heard(&m->reload, i, message), clock_mono_ms());
        break;
    case IPC_DENIED:
        master_deny_heard(m, i, message);
        break;
    case IPC_NONE:
    case IPC_LISTENER:
    case IPC_PREPARE:
    case IPC_COMMIT:
    case IPC_ABORT:
    case IPC_DENY:
    case IPC_NOT_READY:
    case IPC_DRAIN:
    case IPC_STOP:
    case IPC_ERROR_LOG:
    case IPC_ACCESS_LOG:
    case IPC_TYPE_COUNT:
        break;
    }
}

void master_hear(struct master *m, unsigned i)
{
    struct child *child = &m->children.v[i];
    struct ipc_message message;
    int rc = 0;
    while (child->fd >= 0 && (rc = ipc_receive(child->fd, &message)) > 0) {
        if (message.fd >= 0) {
            (void)close(message.fd);
        }
        on_message(m, i, &message);
    }
    if (child->fd >= 0 && rc < 0) {
        /* It is ending, or not in its right mind. */
        (void)close(child->fd);
        child->fd = -1;
        if (rc != -ERR_CLOSED) {
            master_kill(m, i);
        }
    }
}
