/* Owns: the master's loop: signals, the control socket, its workers' messages, the time. Not:
 * processes (master_workers.c), configurations (master_reload.c), the start (master_start.c).
 * One thread, no event library, no client's octet. */
#include "proxy/proc/master.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "auth/pairing.h"
#include "base/clock.h"
#include "base/mem.h"
#include "proxy/proc/master_inner.h"
#include "proxy/proc/notify.h"

enum { ANSWER_MAX = 256 * 1024, LISTENERS_TEXT_MAX = 1024, LOCKOUTS_MAX = 500 };

static void stop(struct master *m, uint64_t now_ms)
{
    if (m->state == MASTER_STOP) {
        return;
    }
    m->state = MASTER_STOP;
    notify_stopping();
    master_reload_give_up(m, "countersign is shutting down");
    sockets_unlink(&m->sockets, NULL);
    sockets_close(&m->sockets);
    for (unsigned i = 0; i < m->children.n; i++) {
        struct child *child = &m->children.v[i];
        master_tell(m, i, IPC_STOP, -1);
        if (child->state != CHILD_NONE && child->state != CHILD_KILLED) {
            child->state = CHILD_STOPPING;
            child->deadline_ms = now_ms + MASTER_STOP_MS;
        }
    }
}

static void end(struct master *m, uint64_t now_ms)
{
    if (m->state >= MASTER_DELAY) {
        m->forced = true;
        LOG(m->log, LOG_LEVEL_WARNING, "stop", LOG_TEXT("how", STR("at once")));
        stop(m, now_ms);
        return;
    }
    m->state = MASTER_DELAY;
    m->state_until_ms = now_ms + m->conf->process.drain_delay_ms;
    LOG(m->log, LOG_LEVEL_INFO, "drain", LOG_NUMBER("delay_ms", m->conf->process.drain_delay_ms),
        LOG_NUMBER("timeout_ms", m->conf->process.shutdown_timeout_ms));
    notify_stopping();
    master_reload_give_up(m, "countersign is shutting down");
    master_tell_all(m, IPC_NOT_READY, -1);
}

static void advance(struct master *m, uint64_t now_ms)
{
    if (m->state == MASTER_STARTING && m->failed_start) {
        stop(m, now_ms);
    }
    if (m->state == MASTER_DELAY && now_ms >= m->state_until_ms) {
        m->state = MASTER_DRAIN;
        sockets_unlink(&m->sockets, NULL);
        sockets_close(&m->sockets);
        for (unsigned i = 0; i < m->children.n; i++) {
            master_dismiss(m, i, now_ms);
        }
    }
    master_push_leaving(m, now_ms);
}

static void log_start(const struct master *m)
{
    char text[LISTENERS_TEXT_MAX];
    size_t n = 0;
    for (size_t i = 0; i < m->sockets.n; i++) {
        struct str address = str_of(m->sockets.v[i].address);
        if (n + address.n + 1 > sizeof(text)) {
            break;
        }
        if (n > 0) {
            text[n++] = ' ';
        }
        memcpy(text + n, address.p, address.n);
        n += address.n;
    }
    LOG(m->log, LOG_LEVEL_INFO, "start", LOG_TEXT("version", STR(COUNTERSIGN_VERSION)),
        LOG_NUMBER("pid", getpid()), LOG_NUMBER("workers", m->wanted),
        LOG_TEXT("listeners", ((struct str){text, n})),
        LOG_TEXT("configuration", str_of(m->options->config_path)));
}

static void note_ready(struct master *m)
{
    if (m->state != MASTER_STARTING || m->failed_start ||
        children_ready(&m->children) < m->wanted) {
        return;
    }
    m->state = MASTER_RUNNING;
    m->watch_at_ms = clock_mono_ms() + m->conf->process.watch_files_ms;
    log_start(m);
    notify_ready();
    if (m->options->on_ready != NULL) {
        m->options->on_ready(m->options->arg);
    }
    master_reload_again(m, clock_mono_ms());
}

static void reopen(struct master *m, struct logfile *f, enum ipc_type type)
{
    struct err e = {0};
    if (logfile_reopen(f, &e) != 0) {
        LOG(m->log, LOG_LEVEL_ERROR, "log_not_reopened", LOG_TEXT("error", str_of(e.text)));
        return;
    }
    if (logfile_descriptor(f) >= 0) {
        master_tell_all(m, type, logfile_descriptor(f));
    }
}

static void on_signal(struct master *m, int signal, uint64_t now_ms)
{
    switch (signal) {
    case SIGHUP:
        if (m->state < MASTER_DELAY) {
            master_reload_begin(m, false, now_ms);
        }
        break;
    case SIGUSR1:
        reopen(m, m->error_file, IPC_ERROR_LOG);
        reopen(m, m->access_file, IPC_ACCESS_LOG);
        master_ocsp_end(m); /* the next one has the new file */
        log_event(m->log, LOG_LEVEL_INFO, "logs_reopened", NULL, 0);
        break;
    case SIGTERM:
    case SIGINT:
        end(m, now_ms);
        break;
    case SIGQUIT:
        m->forced = true;
        stop(m, now_ms);
        break;
    default: /* SIGCHLD: every turn looks for ended workers */
        break;
    }
}

static void read_signals(struct master *m, uint64_t now_ms)
{
    struct signalfd_siginfo info;
    while (read(m->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        on_signal(m, (int)info.ssi_signo, now_ms);
    }
}

static void answer_status(struct master *m, unsigned client)
{
    struct buf text;
    buf_init(&text, ANSWER_MAX);
    int rc = master_status_render(m, &text);
    control_server_answer(m->control, client,
                          rc == 0 ? buf_str(&text) : STR("{\"error\":\"out of memory\"}"));
    buf_release(&text);
}

static void answer_lockouts(struct master *m, unsigned client)
{
    struct buf text;
    buf_init(&text, ANSWER_MAX);
    int rc = buf_append(&text, STR("{\"lockouts\":"));
    if (rc == 0) {
        rc = lockout_render(m->lockout, &m->conf->lockout, clock_mono_ms(), LOCKOUTS_MAX, &text);
    }
    if (rc == 0) {
        rc = buf_append(&text, STR("}"));
    }
    control_server_answer(m->control, client,
                          rc == 0 ? buf_str(&text) : STR("{\"error\":\"out of memory\"}"));
    buf_release(&text);
}

static void answer_unlock(struct master *m, unsigned client, struct str user)
{
    char normal[PAIRING_NAME_MAX];
    char text[64];
    size_t length = 0;
    if (!pairing_normalise(user, &m->conf->identity, normal, &length)) {
        control_server_answer(m->control, client,
                              STR("{\"error\":\"no user can have that name\"}"));
        return;
    }
    unsigned n = lockout_unlock(m->lockout, (struct str){normal, length});
    LOG(m->log, LOG_LEVEL_INFO, "unlocked", LOG_TEXT("user", user), LOG_NUMBER("counts", n));
    (void)snprintf(text, sizeof(text), "{\"unlocked\":%u}", n);
    control_server_answer(m->control, client, str_of(text));
}

static void on_command(void *arg, unsigned client, struct str command, struct str user)
{
    struct master *m = arg;
    if (str_eq(command, STR("lockouts"))) {
        answer_lockouts(m, client);
    } else if (str_eq(command, STR("unlock")) && user.p != NULL) {
        answer_unlock(m, client, user);
    } else if (str_eq(command, STR("status"))) {
        answer_status(m, client);
    } else if (str_eq(command, STR("deny"))) {
        master_deny_asked(m, client);
    } else if (!str_eq(command, STR("reload"))) {
        control_server_answer(m->control, client, STR("{\"error\":\"no such command\"}"));
    } else if (m->state >= MASTER_DELAY) {
        control_server_answer(m->control, client,
                              STR("{\"error\":\"countersign is shutting down\"}"));
    } else {
        bool later = m->state != MASTER_RUNNING || m->reload.phase != RELOAD_IDLE;
        (later ? m->asked_again : m->asked)[client] = true;
        master_reload_begin(m, false, clock_mono_ms());
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Milliseconds until something is due; -1: only events count. */
static int wait_ms(const struct master *m, uint64_t now_ms)
{
    uint64_t at = UINT64_MAX;
    if (m->state < MASTER_DELAY && m->reload.phase != RELOAD_PREPARING) {
        at = children_deadline(&m->children, m->wanted);
    } else {
        at = children_deadline(&m->children, 0);
    }
    if (m->reload.phase != RELOAD_IDLE) {
        at = earlier(at, m->reload.deadline_ms);
    }
    if (m->state == MASTER_DELAY) {
        at = earlier(at, m->state_until_ms);
    }
    if (m->state == MASTER_RUNNING && m->reload.phase == RELOAD_IDLE &&
        m->conf->process.watch_files_ms > 0) {
        at = earlier(at, m->watch_at_ms);
    }
    if (m->state == MASTER_RUNNING) {
        int64_t left_ms = crl_watch_wait_ms(&m->crls, clock_wall_ms());
        at = earlier(at, left_ms == INT64_MAX ? UINT64_MAX : now_ms + (uint64_t)left_ms);
    }
    at = earlier(at, master_deny_due(m));
    at = earlier(at, master_ocsp_deadline(m));
    at = earlier(at, master_companion_deadline(m));
    if (m->watchdog_ms > 0) {
        at = earlier(at, m->watchdog_at_ms);
    }
    if (at == UINT64_MAX) {
        return -1;
    }
    uint64_t wait = at > now_ms ? at - now_ms : 0;
    return wait > 60000 ? 60000 : (int)wait;
}

static void tick(struct master *m)
{
    uint64_t now_ms = clock_mono_ms();
    master_reap(m, now_ms);
    note_ready(m);
    master_reload_step(m, reload_tick(&m->reload, now_ms), now_ms);
    master_watch(m, now_ms);
    if (m->state == MASTER_RUNNING) {
        crl_watch_tick(&m->crls, clock_wall_ms(), m->log);
    }
    master_deny_tick(m, now_ms);
    master_companion(m, now_ms);
    advance(m, now_ms);
    if (m->watchdog_ms > 0 && now_ms >= m->watchdog_at_ms) {
        notify_watchdog();
        m->watchdog_at_ms = now_ms + m->watchdog_ms;
    }
}

/* Wait and do what has come. */
static void turn(struct master *m, struct pollfd *polls)
{
    polls[0] = (struct pollfd){.fd = m->signal_fd, .events = POLLIN};
    nfds_t n = 1 + control_server_polls(m->control, polls + 1);
    for (unsigned i = 0; i < m->children.n; i++) {
        if (m->children.v[i].fd >= 0) {
            polls[n++] = (struct pollfd){.fd = m->children.v[i].fd, .events = POLLIN};
        }
    }
    int ready = poll(polls, n, wait_ms(m, clock_mono_ms()));
    if (ready > 0) {
        read_signals(m, clock_mono_ms());
        control_server_turn(m->control, m->log, on_command, m);
        for (unsigned i = 0; i < m->children.n; i++) {
            master_hear(m, i);
        }
    }
    tick(m);
}

/* Returns the exit status: of the master, or of a worker when this has become one. */
static int run(struct master *m)
{
    struct pollfd *polls =
        mem_calloc(1 + CONTROL_POLLS_MAX + (size_t)m->children.n, sizeof(*polls));
    int status = -1;
    if (polls == NULL) {
        return 1;
    }
    m->watchdog_at_ms = clock_mono_ms() + m->watchdog_ms;
    while (m->state < MASTER_DELAY || children_alive(&m->children) > 0) {
        status = master_fill(m, clock_mono_ms());
        if (status < 0) {
            status = master_ocsp(m, clock_mono_ms());
        }
        if (status >= 0) {
            break;
        }
        turn(m, polls);
    }
    mem_free(polls);
    if (status >= 0) {
        return status;
    }
    status = m->forced || m->failed_start ? 1 : 0;
    LOG(m->log, LOG_LEVEL_INFO, "stopped", LOG_NUMBER("status", status));
    return status;
}

int master_run(const struct master_options *o)
{
    struct master m = {.options = o, .signal_fd = -1, .packed = -1, .next = {.packed = -1}};
    int status = master_init(&m) == 0 ? run(&m) : 1;
    master_fini(&m);
    return status;
}
