/* Owns: the life of the OCSP helper, as the master sees it. Not: what it does. Master only, but for
 * the way of a fork into ocsp_helper_run(). */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/logfile.h"
#include "proxy/proc/master_inner.h"
#include "proxy/proc/ocsp_wanted.h"
#include "proxy/tls/session_store.h"

enum { REST_MS = 1000 };

static bool is_wanted(const struct master *m)
{
    return ocsp_wanted(m->conf) > 0;
}

static void collect(struct master *m, uint64_t now_ms)
{
    int status = 0;
    if (m->ocsp_pid > 0 && waitpid(m->ocsp_pid, &status, WNOHANG) == m->ocsp_pid) {
        LOG(m->log, LOG_LEVEL_ERROR, "ocsp_helper_died", LOG_NUMBER("ocsp_pid", m->ocsp_pid),
            LOG_NUMBER("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
            LOG_NUMBER("status", WIFEXITED(status) ? WEXITSTATUS(status) : 0));
        m->ocsp_pid = 0;
        m->ocsp_rest_until_ms = now_ms + REST_MS;
    }
}

int master_ocsp(struct master *m, uint64_t now_ms)
{
    collect(m, now_ms);
    if (m->ocsp_pid > 0 && (m->state >= MASTER_STOP || !is_wanted(m))) {
        master_ocsp_end(m);
    }
    if (m->ocsp_pid > 0 || m->state >= MASTER_STOP || !is_wanted(m) ||
        now_ms < m->ocsp_rest_until_ms) {
        return -1;
    }
    pid_t master = getpid();
    logfile_flush(m->error_file);
    pid_t pid = fork();
    if (pid == 0) {
        master_leave(m);
        sockets_close(&m->sockets);
        session_region_free(m->sessions); /* it holds secrets, of which the helper has none */
        m->sessions = NULL;
        (void)close(m->packed);
        m->packed = -1;
        const struct ocsp_helper_start start = {
            .line = &m->ocsp,
            .privdrop = &m->privdrop,
            .master = master,
            .log = m->log,
            .metrics = metrics_slot(m->region, m->workers_max),
        };
        return ocsp_helper_run(&start);
    }
    m->ocsp_rest_until_ms = now_ms + REST_MS;
    m->ocsp_pid = pid > 0 ? pid : 0;
    LOG(m->log, pid > 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
        pid > 0 ? "ocsp_helper_started" : "ocsp_helper_not_started", LOG_NUMBER("ocsp_pid", pid));
    return -1;
}

uint64_t master_ocsp_deadline(const struct master *m)
{
    bool due = m->state < MASTER_STOP && m->ocsp_pid == 0 && is_wanted(m);
    return due ? m->ocsp_rest_until_ms : UINT64_MAX;
}

void master_ocsp_end(struct master *m)
{
    if (m->ocsp_pid > 0) {
        (void)kill(m->ocsp_pid, SIGKILL);
        (void)waitpid(m->ocsp_pid, NULL, 0);
        m->ocsp_pid = 0;
    }
}
