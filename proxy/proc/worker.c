/* Owns: the life of a worker from fork to exit, and what the master tells it. Not: the two steps
 * of a reload (worker_reload.c), how it serves (worker_serve.c) and ends (worker_end.c), nor
 * connections. The worker's main thread. */
#include "proxy/proc/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/mem_pool.h"
#include "proxy/proc/build.h"
#include "proxy/proc/harden.h"
#include "proxy/proc/last_words.h"
#include "proxy/proc/worker_inner.h"
#include "proxy/tls/decoded.h"
#include "proxy/tls/session_store.h"

static void adopt_log(struct logfile *f, struct ipc_message *m)
{
    if (m->fd >= 0) {
        logfile_adopt(f, m->fd);
        m->fd = -1;
    }
}

static void on_judged(void *arg, size_t ended)
{
    struct worker *w = arg;
    char text[24];
    int n = snprintf(text, sizeof(text), "%zu", ended);
    worker_tell(w, IPC_DENIED, w->deny_generation, (struct str){text, (size_t)n});
}

/* In force for every request from here on; then for the connections that are open. One that cannot
 * be used would let in who is withdrawn: the worker ends, and the one that replaces it has it. */
static void take_deny(struct worker *w, const struct ipc_message *m)
{
    struct err e = {0};
    struct deny *fresh = deny_open(m->fd, &e);
    if (fresh == NULL) {
        LOG(w->env.log, LOG_LEVEL_ERROR, "deny_list_lost", LOG_TEXT("error", str_of(e.text)));
        worker_stop(w);
        return;
    }
    deny_free(w->deny);
    w->deny = fresh;
    w->env.deny = fresh;
    w->deny_generation = m->generation;
    server_judge(w->server, on_judged, w);
}

static void obey(struct worker *w, struct ipc_message *m)
{
    switch (m->type) {
    case IPC_LISTENER:
        worker_take_listener(w, m);
        break;
    case IPC_PREPARE:
        worker_prepare(w, m);
        break;
    case IPC_COMMIT:
        worker_commit(w);
        break;
    case IPC_ABORT:
        worker_abort(w);
        break;
    case IPC_DENY:
        take_deny(w, m);
        break;
    case IPC_NOT_READY:
        w->env.draining = true;
        break;
    case IPC_DRAIN:
        worker_drain(w);
        break;
    case IPC_STOP:
        worker_stop(w);
        break;
    case IPC_ERROR_LOG:
        adopt_log(w->start.error_file, m);
        break;
    case IPC_ACCESS_LOG:
        adopt_log(w->start.access_file, m);
        break;
    case IPC_NONE:
    case IPC_READY:
    case IPC_FAILED:
    case IPC_PREPARED:
    case IPC_REFUSED:
    case IPC_ADOPTED:
    case IPC_DENIED:
    case IPC_TYPE_COUNT:
        break;
    }
}

static void on_ipc(void *arg)
{
    struct worker *w = arg;
    struct ipc_message m;
    int rc;
    while ((rc = ipc_receive(w->start.ipc, &m)) > 0) {
        obey(w, &m);
        if (m.fd >= 0) {
            (void)close(m.fd);
        }
    }
    if (rc < 0) {
        /* Without a master there is nobody to reload, to drain, or to free the addresses. */
        loop_watch_close(w->ipc_watch);
        w->ipc_watch = NULL;
        worker_stop(w);
    }
}

/* Called by pool threads. */
static void wake_passwords(void *arg)
{
    loop_wake(arg);
}

/* Bring a metric up to a number that is kept elsewhere. */
static void count_up(struct worker *w, enum metric metric, uint64_t *known, uint64_t now)
{
    if (now != *known) {
        metrics_add(w->env.metrics, metric, (int64_t)(now - *known));
        *known = now;
    }
}

static void on_passwords(void *arg)
{
    struct worker *w = arg;
    pwcheck_collect(w->env.pwcheck);
    count_up(w, METRIC_PASSWORD_CHECKS_TOTAL, &w->passwords_computed,
             pwcheck_computed(w->env.pwcheck));
}

/* Called by the pool's thread. */
static void wake_lookups(void *arg)
{
    loop_wake(arg);
}

static void on_lookups(void *arg)
{
    struct worker *w = arg;
    job_collect(w->env.lookups);
}

/* A reader that does not keep up is tried again after the same time. */
static void gather_lines(struct worker *w)
{
    uint32_t delay_ms = w->env.runtime->conf->log.access_delay_ms;
    struct logfile *f = w->start.access_file;
    if (delay_ms == 0) {
        logfile_flush(f);
    } else if (logfile_is_waiting(f) && !loop_timer_running(&w->log_timer)) {
        loop_timer_start(w->env.loop, &w->log_timer, delay_ms);
    }
}

static void on_log_timer(struct loop_timer *t)
{
    const struct worker *w = LIST_ENTRY(t, struct worker, log_timer);
    logfile_flush(w->start.access_file);
}

/* Write the access lines of this turn, or of some time, in one go. */
static void on_before_wait(void *arg)
{
    struct worker *w = arg;
    gather_lines(w);
    losses_tell(&w->losses, w->start.access_file, "access", w->env.log, clock_mono_ms());
    count_up(w, METRIC_LOG_LINES_LOST_TOTAL, &w->lines_lost,
             logfile_lost(w->start.access_file) + logfile_lost(w->start.error_file));
    count_up(w, METRIC_PASSWORD_REMEMBERED_TOTAL, &w->passwords_remembered,
             pwcache_answers(w->env.pwcache));
    worker_wipe_passwords(w);
    count_up(w, METRIC_PASSWORDS_KEPT, &w->passwords_kept, pwcache_count(w->env.pwcache));
    struct certcache_counts chains = certcache_counts(w->certcache);
    count_up(w, METRIC_CHAINS_REMEMBERED_TOTAL, &w->chains_remembered, chains.hits);
    count_up(w, METRIC_CHAINS_VERIFIED_TOTAL, &w->chains_verified, chains.misses);
    count_up(w, METRIC_CHAINS_KEPT, &w->chains_kept, chains.used);
    struct decoded_counts decoded = decoded_counts(w->decoded);
    count_up(w, METRIC_CERTIFICATES_REMEMBERED_TOTAL, &w->certificates_remembered, decoded.hits);
    count_up(w, METRIC_CERTIFICATES_DECODED_TOTAL, &w->certificates_decoded, decoded.added);
    count_up(w, METRIC_CERTIFICATES_KEPT, &w->certificates_kept, decoded.used);
    worker_wipe_sessions(w);
    count_up(w, METRIC_SESSIONS_KEPT, &w->sessions_kept,
             w->store != NULL ? session_store_count(w->store) : 0);
}

static void default_signals(void)
{
    /* Signals to the whole group (a terminal's Ctrl-C, a service manager's TERM) are for the
     * master, which then tells its workers. */
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGQUIT, SIGPIPE};
    sigset_t none;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        (void)signal(ignored[i], SIG_IGN);
    }
    (void)signal(SIGCHLD, SIG_DFL);
    (void)sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static int become_worker(const struct worker_start *start, struct err *e)
{
    default_signals();
    int rc = privdrop_now(start->privdrop, e);
    if (rc != 0) {
        return rc;
    }
    harden_memory();
    /* After the change of user, which would clear it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != start->master) {
        return err_set(e, ERR_CLOSED, "the master is gone");
    }
    return 0;
}

static int make_env(struct worker *w, struct err *e)
{
    struct env *env = &w->env;
    *env = (struct env){.region = w->start.region,
                        .metrics = metrics_slot(w->start.region, w->start.index),
                        .lockout = w->start.lockout,
                        .totp_memory = w->start.totp_memory,
                        .deny = w->deny,
                        .worker = w->start.index};
    if (getrandom(env->id_seed, sizeof(env->id_seed), 0) != (ssize_t)sizeof(env->id_seed)) {
        return err_set_errno(e, ERR_IO, errno, "no random numbers");
    }
    env->loop = loop_new();
    if (env->loop == NULL) {
        return err_set(e, ERR_NOMEM, "cannot make an event loop");
    }
    worker_end_init(w);
    worker_users_init(w);
    worker_passwords_init(w);
    worker_sessions_init(w);
    worker_decoded_init(w);
    loop_timer_init(&w->log_timer, on_log_timer);
    worker_ocsp_init(w);
    return 0;
}

static int make_tools(struct worker *w, struct err *e)
{
    struct env *env = &w->env;
    const struct conf *conf = env->runtime->conf;
    env->log = log_new(w->start.error_file, (enum log_level)conf->log.level,
                       (enum log_format)conf->log.error_format, w->role);
    env->access = access_new(w->start.access_file, conf->log.access_format);
    env->pwcache = pwcache_new(conf->users.remember_max, conf->users.remember_ms);
    w->certcache = certcache_new(conf->tuning.remember_chains_max, conf->tuning.remember_chains_ms);
    bool decodes = worker_decoded_make(w);
    w->store =
        w->start.sessions != NULL ? session_store_open(w->start.sessions, w->start.index) : NULL;
    w->password_waker = loop_waker_open(env->loop, on_passwords, w);
    if (w->password_waker != NULL) {
        env->pwcheck = pwcheck_new(conf->users.hash_threads, conf->users.hash_queue_max,
                                   wake_passwords, w->password_waker);
    }
    w->lookup_waker = loop_waker_open(env->loop, on_lookups, w);
    if (w->lookup_waker != NULL) {
        env->lookups =
            job_pool_new(1, conf->users.lookup_queue_max, 0, wake_lookups, w->lookup_waker);
    }
    w->admit = admit_open(w->start.admit, w->start.index);
    w->server = server_new(env, w->admit);
    w->ipc_watch = loop_watch_open(env->loop, w->start.ipc, on_ipc, w);
    if (env->log == NULL || env->access == NULL || env->pwcache == NULL || env->pwcheck == NULL ||
        env->lookups == NULL || w->certcache == NULL || !decodes ||
        (w->store == NULL && w->start.sessions != NULL) || w->admit == NULL || w->server == NULL ||
        w->ipc_watch == NULL) {
        return err_set(e, ERR_NOMEM, "no memory or threads for a worker");
    }
    worker_attach_users(w, env->runtime);
    worker_attach_tls(w, env->runtime);
    worker_set_sightings(w);
    worker_watch_store(w);
    worker_ocsp_watch(w);
    return 0;
}

static int start_worker(struct worker *w, char *error)
{
    struct err e = {0};
    error[0] = '\0';
    int rc = become_worker(&w->start, &e);
    if (rc == 0) {
        rc = make_env(w, &e);
    }
    if (rc == 0) {
        w->env.runtime = worker_build(&w->start, w->start.packed, &w->env, error);
        rc = w->env.runtime != NULL ? 0 : -ERR_CONFIG;
    }
    (void)close(w->start.packed);
    if (rc == 0) {
        w->env.runtime->generation = w->start.generation;
        rc = make_tools(w, &e);
    }
    if (rc == 0) {
        rc = worker_serve(w, &e);
    }
    if (rc != 0 && error[0] == '\0') {
        (void)snprintf(error, IPC_TEXT_MAX + 1, "%s", e.text[0] != '\0' ? e.text : err_name(rc));
    }
    return rc;
}

static void release(struct worker *w)
{
    struct env *env = &w->env;
    loop_before_wait(env->loop, NULL, NULL);
    loop_timer_stop(&w->stop_timer);
    loop_timer_stop(&w->log_timer);
    loop_timer_stop(&w->store_timer);
    loop_timer_stop(&w->password_timer);
    loop_timer_stop(&w->session_timer);
    loop_timer_stop(&w->decoded_timer);
    worker_ocsp_fini(w);
    worker_reload_fini(w);
    server_free(w->server);
    admit_free(w->admit);
    build_unref(env->runtime);
    job_pool_free(env->lookups);
    pwcheck_free(env->pwcheck);
    pwcache_free(env->pwcache);
    certcache_free(w->certcache);
    decoded_free(w->decoded);
    session_store_close(w->store);
    loop_waker_close(w->lookup_waker);
    loop_waker_close(w->password_waker);
    loop_watch_close(w->ipc_watch);
    loop_run(env->loop); /* what was closed above tells its owner, who then frees it */
    loop_free(env->loop);
    sightings_free(env->sightings);
    access_free(env->access);
    log_free(env->log);
    deny_free(w->deny);
}

int worker_run(const struct worker_start *start)
{
    struct worker w = {
        .start = *start, .deny = start->deny, .deny_generation = start->deny_generation};
    char error[IPC_TEXT_MAX + 1];
    w.desk.table = start->ocsp->table;
    w.desk.send = ocsp_line_send;
    w.desk.arg = start->ocsp;
    w.start.desk = &w.desk;
    (void)snprintf(w.role, sizeof(w.role), "worker %u", start->index);
    if (start_worker(&w, error) != 0) {
        /* If the master does not hear it, it sees the exit status. */
        int rc = ipc_send(start->ipc, IPC_FAILED, start->generation, str_of(error), -1);
        logfile_close(start->access_file);
        logfile_close(start->error_file);
        /* Half of a worker is not taken apart: what it holds goes with the process. */
        _exit(rc == 0 ? 1 : 2);
    }
    last_words_of(start->access_file);
    mem_pool_use(w.env.runtime->conf->tuning.keep_memory);
    loop_before_wait(w.env.loop, on_before_wait, &w);
    worker_tell(&w, IPC_READY, start->generation, STR_NONE);
    on_ipc(&w); /* a deny list that came meanwhile, before anyone is let in */
    loop_run(w.env.loop);
    if (w.empty) {
        release(&w);
    }
    mem_pool_use(false);
    logfile_close(start->access_file);
    logfile_close(start->error_file);
    return w.stopped || !w.empty ? 1 : 0;
}
