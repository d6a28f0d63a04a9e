/* Owns: the life of the companion, a process of another kind that stands beside the proxy (the CA),
 * as the master sees it. It is a program started anew, so that it has nothing of the master's
 * memory, nor the master anything of its. Master only. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/logfile.h"
#include "proxy/proc/master_inner.h"

enum { REST_MS = 1000, END_MS = 3000, LOOK_MS = 10 };

static bool is_wanted(const struct master *m)
{
    return m->options->companion_wanted != NULL && m->options->companion_wanted(m->conf);
}

static void note_end(struct master *m, int status, uint64_t now_ms)
{
    LOG(m->log, m->companion.told ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "companion_ended",
        LOG_NUMBER("companion_pid", m->companion.pid),
        LOG_NUMBER("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
        LOG_NUMBER("status", WIFEXITED(status) ? WEXITSTATUS(status) : 0));
    m->companion.rest_until_ms = now_ms + (m->companion.told ? 0 : REST_MS);
    m->companion.pid = 0;
    m->companion.told = false;
}

static void collect(struct master *m, uint64_t now_ms)
{
    int status = 0;
    if (m->companion.pid > 0 && waitpid(m->companion.pid, &status, WNOHANG) == m->companion.pid) {
        note_end(m, status, now_ms);
    }
}

static void start(struct master *m, uint64_t now_ms)
{
    logfile_flush(m->error_file);
    pid_t pid = fork();
    if (pid == 0) {
        (void)execv("/proc/self/exe", (char *const *)(uintptr_t)m->options->companion);
        _exit(127);
    }
    m->companion.pid = pid > 0 ? pid : 0;
    m->companion.rest_until_ms = now_ms + REST_MS;
    LOG(m->log, pid > 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
        pid > 0 ? "companion_started" : "companion_not_started", LOG_NUMBER("companion_pid", pid));
}

void master_companion(struct master *m, uint64_t now_ms)
{
    collect(m, now_ms);
    bool wanted = m->state < MASTER_STOP && is_wanted(m);
    if (m->companion.pid > 0 && !wanted) {
        master_companion_renew(m);
    }
    if (m->companion.pid == 0 && wanted && now_ms >= m->companion.rest_until_ms) {
        start(m, now_ms);
    }
}

uint64_t master_companion_deadline(const struct master *m)
{
    bool due = m->state < MASTER_STOP && m->companion.pid == 0 && is_wanted(m);
    return due ? m->companion.rest_until_ms : UINT64_MAX;
}

void master_companion_renew(struct master *m)
{
    if (m->companion.pid > 0 && !m->companion.told) {
        m->companion.told = true;
        (void)kill(m->companion.pid, SIGTERM);
    }
}

void master_companion_end(struct master *m)
{
    master_companion_renew(m);
    uint64_t until_ms = clock_mono_ms() + END_MS;
    while (m->companion.pid > 0 && clock_mono_ms() < until_ms) {
        collect(m, clock_mono_ms());
        (void)usleep(LOOK_MS * 1000);
    }
    if (m->companion.pid > 0) {
        (void)kill(m->companion.pid, SIGKILL);
        (void)waitpid(m->companion.pid, NULL, 0);
        m->companion.pid = 0;
    }
}
