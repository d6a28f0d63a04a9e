/* Owns: what the master makes before its first worker, and the end of it. Not: workers, reloads.
 * Master only. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "conf/load.h"
#include "proxy/proc/build.h"
#include "proxy/proc/build_parts.h"
#include "proxy/proc/findings.h"
#include "proxy/proc/harden.h"
#include "proxy/proc/master_inner.h"
#include "proxy/proc/notify.h"
#include "proxy/tls/session_store.h"

enum {
    ACCESS_BATCH_BYTES = 32768,
    WORKERS_SPARE = 2, /* how many times the workers of the start a reload may ask for */
    WORKERS_MIN = 8,
    ADDRESSES_MIN = 1024, /* entries of an admission table */
    ADDRESSES_MAX = 65536
};

unsigned master_cores(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 0 ? (unsigned)count : 1;
}

static int fail(const struct err *e)
{
    (void)fprintf(stderr, "countersign: %s\n", e->text);
    return -(int)e->code;
}

static int load(struct master *m, struct diags *diags)
{
    struct err e = {0};
    const char *path = m->options->config_path;
    m->files = files_new();
    struct runtime *r = m->files != NULL
                            ? build_runtime(path, m->files, NULL, NULL, diags, TLS_KEYS_OF_FILES)
                            : NULL;
    if (r == NULL) {
        diags_print(diags, stderr);
        (void)fprintf(stderr, "countersign: %s cannot be used\n", path);
        return -ERR_CONFIG;
    }
    m->conf = conf_ref(r->conf);
    m->deny.generation = 1;
    if (!master_deny_load(m, m->conf, &m->deny.set, &m->deny.files, diags)) {
        diags_print(diags, stderr);
        (void)fprintf(stderr, "countersign: %s cannot be used\n", path);
        build_unref(r);
        return -ERR_CONFIG;
    }
    if (files_pack(m->files, &m->packed, &e) != 0) {
        build_unref(r);
        return fail(&e);
    }
    uint32_t workers = m->conf->process.workers;
    m->wanted = workers > 0 ? workers : master_cores();
    m->workers_max = m->wanted * WORKERS_SPARE;
    m->workers_max = m->workers_max > WORKERS_MIN ? m->workers_max : WORKERS_MIN;
    m->region = metrics_region_new(m->workers_max);
    if (m->region == NULL) {
        (void)err_set(&e, ERR_NOMEM, "no memory for the numbers of %u workers", m->workers_max);
        build_unref(r);
        return fail(&e);
    }
    build_dates(r, metrics_slot(m->region, m->workers_max));
    crl_watch_fill(&m->crls, r, m->log);
    master_deny_show(m);
    build_unref(r);
    return 0;
}

/* Also while resumption is off: a reload may switch it on. Pages are taken when they are used. */
static bool keep_sessions(struct master *m)
{
    const struct conf_resumption *r = &m->conf->resumption;
    if (r->keep_max == 0 || r->secret_file.p != NULL) {
        return true;
    }
    size_t places = (r->keep_max + m->wanted - 1) / m->wanted;
    m->sessions = session_region_new(places, m->workers_max);
    return m->sessions != NULL || !r->enabled;
}

static int make_tables(struct master *m)
{
    struct err e = {0};
    uint32_t entries = m->conf->limits.connections;
    entries = entries < ADDRESSES_MIN ? ADDRESSES_MIN : entries;
    entries = entries > ADDRESSES_MAX ? ADDRESSES_MAX : entries;
    m->admit = admit_region_new(m->workers_max, entries);
    m->lockout = lockout_new(m->conf->lockout.entries);
    m->totp_memory = totp_memory_new(m->conf->totp.entries);
    if (!keep_sessions(m)) {
        (void)err_set(&e, ERR_NOMEM, "no memory for resumption.keep_max");
        return fail(&e);
    }
    if (m->lockout == NULL || m->totp_memory == NULL) {
        (void)err_set(&e, ERR_NOMEM, "no memory for lockout.entries and totp.entries");
        return fail(&e);
    }
    if (m->admit == NULL || ocsp_line_open(&m->ocsp) != 0 ||
        children_init(&m->children, m->workers_max) != 0 ||
        reload_init(&m->reload, m->workers_max) != 0) {
        (void)err_set(&e, ERR_NOMEM, "no memory for %u workers", m->workers_max);
        return fail(&e);
    }
    return 0;
}

static int open_outside(struct master *m)
{
    struct err e = {0};
    const struct conf *conf = m->conf;
    if (privdrop_find(conf->process.user.p, conf->process.group.p, &m->privdrop, &e) != 0 ||
        sockets_open_missing(&m->sockets, conf, &m->sockets, &e) != 0) {
        return fail(&e);
    }
    m->error_file = logfile_open(conf->log.error.p, 0, &e);
    if (m->error_file == NULL) {
        return fail(&e);
    }
    m->access_file = logfile_open(conf->log.access.p, ACCESS_BATCH_BYTES, &e);
    if (m->access_file == NULL) {
        return fail(&e);
    }
    logfile_set_json(m->access_file, conf->log.access_format == CONF_ACCESS_JSON);
    m->log = log_new(m->error_file, (enum log_level)conf->log.level,
                     (enum log_format)conf->log.error_format, "master");
    if (m->log == NULL) {
        (void)err_set(&e, ERR_NOMEM, "no memory for the log");
        return fail(&e);
    }
    if (conf->admin.socket.p != NULL) {
        m->control = control_server_open(conf->admin.socket.p, &e);
        if (m->control == NULL) {
            return fail(&e);
        }
    }
    return 0;
}

static int open_signals(struct master *m)
{
    static const int ours[] = {SIGHUP, SIGUSR1, SIGTERM, SIGINT, SIGQUIT, SIGCHLD};
    struct err e = {0};
    sigset_t set;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        (void)sigaddset(&set, ours[i]);
        (void)signal(ours[i], SIG_DFL); /* an inherited "ignore" would hide it */
    }
    (void)pthread_sigmask(SIG_SETMASK, &set, NULL);
    m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (m->signal_fd < 0) {
        (void)err_set_errno(&e, ERR_IO, errno, "cannot receive signals");
        return fail(&e);
    }
    return 0;
}

void master_log_insecure(const struct master *m, const struct conf *conf)
{
    if (conf->process.insecure_key_permissions) {
        LOG(m->log, LOG_LEVEL_WARNING, "insecure_setting",
            LOG_TEXT("key", STR("process.insecure_key_permissions")),
            LOG_TEXT("effect", STR("key files that others can read are accepted")));
    }
    for (size_t i = 0; i < conf->listener_count; i++) {
        const struct conf_listener *l = &conf->listeners[i];
        for (size_t j = 0; j < l->site_count; j++) {
            if (l->sites[j].client.insecure_expired_crl) {
                LOG(m->log, LOG_LEVEL_WARNING, "insecure_setting",
                    LOG_TEXT("key", STR("client.insecure_expired_crl")),
                    LOG_TEXT("listener", str_of(l->address_text.p)),
                    LOG_TEXT("effect", STR("an expired revocation list is accepted")));
            }
        }
    }
}

int master_init(struct master *m)
{
    m->started_ms = clock_mono_ms();
    m->generation = 1;
    m->last_generation = 1;
    m->watchdog_ms = notify_watchdog_ms();
    struct diags *diags = diags_new();
    if (diags == NULL) {
        return -ERR_NOMEM;
    }
    harden_process();
    /* First, so that a signal that comes early waits until it can be obeyed. */
    int rc = open_signals(m);
    if (rc == 0) {
        rc = load(m, diags);
    }
    if (rc == 0) {
        rc = make_tables(m);
    }
    if (rc == 0) {
        rc = open_outside(m);
    }
    if (rc == 0) {
        findings_log_warnings(diags, m->log);
        master_log_insecure(m, m->conf);
        harden_memory();
    }
    diags_free(diags);
    return rc;
}

void master_fini(struct master *m)
{
    if (!m->in_worker) {
        master_ocsp_end(m);
        master_companion_end(m);
    }
    ocsp_line_close(&m->ocsp);
    if (m->in_worker) {
        control_server_forget(m->control);
    } else {
        control_server_close(m->control);
        sockets_unlink(&m->sockets, NULL);
    }
    children_fini(&m->children);
    reload_fini(&m->reload);
    sockets_close(&m->sockets);
    log_free(m->log);
    logfile_close(m->error_file);
    logfile_close(m->access_file);
    admit_region_free(m->admit);
    lockout_free(m->lockout);
    totp_memory_free(m->totp_memory);
    session_region_free(m->sessions);
    metrics_region_free(m->region);
    conf_unref(m->conf);
    crl_watch_fini(&m->crls);
    files_free(m->watched);
    files_free(m->files);
    master_deny_fini(m);
    if (m->packed >= 0) {
        (void)close(m->packed);
    }
    if (m->signal_fd >= 0) {
        (void)close(m->signal_fd);
    }
}
