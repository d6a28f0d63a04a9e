/* Owns: loading a configuration while the old one runs, and what changes in the master when all
 * workers have it. Not: who has answered (reload.c). Master only. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/load.h"
#include "proxy/proc/build.h"
#include "proxy/proc/build_parts.h"
#include "proxy/proc/findings.h"
#include "proxy/proc/fixed.h"
#include "proxy/proc/master_inner.h"
#include "proxy/proc/notify.h"

enum { ANSWER_MAX = 65536 };

static void drop_next(struct master *m)
{
    struct master_next *next = &m->next;
    files_free(next->files);
    files_free(next->deny_files);
    deny_free(next->deny);
    build_unref(next->runtime);
    sockets_unlink(&next->fresh, NULL);
    sockets_close(&next->fresh);
    if (next->packed >= 0) {
        (void)close(next->packed);
    }
    *next = (struct master_next){.packed = -1};
}

static void answer_clients(struct master *m, struct str text)
{
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (m->asked[i]) {
            m->asked[i] = false;
            control_server_answer(m->control, i, text);
        }
    }
}

static void finish(struct master *m, bool ok, const char *error)
{
    struct master_result *result = &m->result;
    result->any = true;
    result->ok = ok;
    result->wall_ms = clock_wall_ms();
    (void)snprintf(result->error, sizeof(result->error), "%s", error);
    metrics_add(metrics_slot(m->region, m->workers_max),
                ok ? METRIC_RELOADS_OK_TOTAL : METRIC_RELOADS_FAILED_TOTAL, 1);
    const char *why = m->by_watch ? "files" : "asked";
    if (ok) {
        LOG(m->log, LOG_LEVEL_INFO, "reload", LOG_TEXT("result", STR("ok")),
            LOG_TEXT("cause", str_of(why)), LOG_NUMBER("generation", m->generation));
    } else {
        LOG(m->log, LOG_LEVEL_ERROR, "reload", LOG_TEXT("result", STR("refused")),
            LOG_TEXT("cause", str_of(why)), LOG_TEXT("error", str_of(error)),
            LOG_NUMBER("generation", m->generation));
    }
    struct buf text;
    buf_init(&text, ANSWER_MAX);
    int rc = master_result_render(result, &text);
    answer_clients(m, rc == 0 ? buf_str(&text) : STR("{\"error\":\"out of memory\"}"));
    buf_release(&text);
    notify_ready();
}

/* The old configuration stays. */
static void refuse(struct master *m, const char *error)
{
    finish(m, false, error);
    if (m->by_watch) {
        /* Told once: the same state of the files is not tried again. */
        files_free(m->watched);
        m->watched = m->next.files;
        m->next.files = NULL;
    }
    drop_next(m);
}

static void log_fixed(void *arg, const char *key)
{
    const struct master *m = arg;
    LOG(m->log, LOG_LEVEL_WARNING, "reload_needs_restart", LOG_TEXT("key", str_of(key)),
        LOG_TEXT("effect", STR("the old value stays until countersign is started again")));
}

static void set_workers(struct master *m, uint64_t now_ms)
{
    uint32_t workers = m->conf->process.workers;
    m->wanted = workers > 0 ? workers : master_cores();
    if (m->wanted > m->workers_max) {
        LOG(m->log, LOG_LEVEL_WARNING, "reload_needs_restart",
            LOG_TEXT("key", STR("process.workers")), LOG_NUMBER("workers", m->workers_max),
            LOG_TEXT("effect", STR("more workers than that need a new start")));
        m->wanted = m->workers_max;
    }
    for (unsigned i = m->wanted; i < m->children.n; i++) {
        master_dismiss(m, i, now_ms);
    }
}

static void adopt(struct master *m, uint64_t now_ms)
{
    struct master_next *next = &m->next;
    struct runtime *r = next->runtime;
    fixed_differences(m->conf, r->conf, log_fixed, m);
    conf_unref(m->conf);
    m->conf = conf_ref(r->conf);
    build_dates(r, metrics_slot(m->region, m->workers_max));
    crl_watch_fill(&m->crls, r, m->log);
    files_free(m->files);
    m->files = next->files;
    next->files = NULL;
    files_free(m->watched);
    m->watched = NULL;
    (void)close(m->packed);
    m->packed = next->packed;
    next->packed = -1;
    m->generation = m->reload.generation;
    /* There is room: master_reload_begin() saw to it. */
    int rc = sockets_take(&m->sockets, &next->fresh);
    if (rc != 0) {
        LOG(m->log, LOG_LEVEL_ERROR, "listeners_lost", LOG_TEXT("error", str_of(err_name(rc))));
    }
    sockets_unlink(&m->sockets, m->conf);
    sockets_keep_named(&m->sockets, m->conf);
    set_workers(m, now_ms);
    if (!m->by_watch) {
        master_companion_renew(m);
    }
    master_log_insecure(m, m->conf);
    drop_next(m);
}

static void on_deaf(void *arg, unsigned i)
{
    master_kill(arg, i);
}

/* A worker that owes an answer past the deadline is replaced. */
static void kill_late(struct master *m, uint64_t now_ms)
{
    for (unsigned i = 0; i < m->children.n; i++) {
        if (now_ms >= m->reload.deadline_ms && reload_owes(&m->reload, i)) {
            master_kill(m, i);
        }
    }
}

void master_reload_again(struct master *m, uint64_t now_ms)
{
    if (m->reload_again && m->state == MASTER_RUNNING) {
        m->reload_again = false;
        memcpy(m->asked, m->asked_again, sizeof(m->asked));
        memset(m->asked_again, 0, sizeof(m->asked_again));
        master_reload_begin(m, false, now_ms);
    }
}

void master_reload_step(struct master *m, enum reload_outcome outcome, uint64_t now_ms)
{
    if (outcome == RELOAD_AGREED) {
        if (m->next.deny != NULL) {
            /* First, so that no request meets the new configuration with the old list. */
            master_deny_adopt(m, m->next.deny, m->next.deny_files, now_ms);
            m->next.deny = NULL;
            m->next.deny_files = NULL;
        }
        outcome = reload_commit(&m->reload, &m->children, now_ms, on_deaf, m);
        adopt(m, now_ms);
    }
    if (outcome == RELOAD_FAILED) {
        kill_late(m, now_ms);
        reload_abort(&m->reload, &m->children, on_deaf, m);
        refuse(m, m->reload.error);
        master_reload_again(m, now_ms);
    } else if (outcome == RELOAD_DONE) {
        kill_late(m, now_ms);
        reload_end(&m->reload);
        finish(m, true, "");
        master_reload_again(m, now_ms);
    }
}

/* Load and check; false with the text of the first error. */
static bool load_next(struct master *m, char *error, size_t size)
{
    struct master_next *next = &m->next;
    struct err e = {0};
    struct diags *diags = diags_new();
    next->files = m->by_watch ? files_again(m->files) : files_new();
    if (diags == NULL || next->files == NULL ||
        (!m->by_watch && !build_carry_secret(m->files, next->files))) {
        (void)err_set(&e, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    } else {
        next->runtime = build_runtime(m->options->config_path, next->files, NULL, NULL, diags,
                                      TLS_KEYS_OF_FILES);
    }
    /* When files change by themselves, the deny list goes its own, shorter way. */
    if (next->runtime != NULL && !m->by_watch &&
        !master_deny_load(m, next->runtime->conf, &next->deny, &next->deny_files, diags)) {
        build_unref(next->runtime);
        next->runtime = NULL;
    }
    if (next->runtime != NULL) {
        findings_log_warnings(diags, m->log);
        int rc = sockets_open_missing(&m->sockets, next->runtime->conf, &next->fresh, &e);
        if (rc == 0) {
            rc = sockets_room(&m->sockets, next->fresh.n);
        }
        if (rc == 0) {
            rc = files_pack(next->files, &next->packed, &e);
        }
        if (rc != 0) {
            (void)err_set(&e, (enum err_code) - rc, "%s", err_name(rc));
        }
    } else if (e.code == ERR_OK) {
        findings_first_error(diags, error, size);
    }
    diags_free(diags);
    if (e.code != ERR_OK) {
        (void)snprintf(error, size, "%s", e.text);
    }
    return next->packed >= 0;
}

void master_reload_begin(struct master *m, bool by_watch, uint64_t now_ms)
{
    char error[IPC_TEXT_MAX + 1] = "";
    if (m->state != MASTER_RUNNING || m->reload.phase != RELOAD_IDLE) {
        m->reload_again = true; /* once the workers are there, or done with the last */
        return;
    }
    notify_reloading();
    m->next = (struct master_next){.packed = -1};
    m->by_watch = by_watch;
    if (!load_next(m, error, sizeof(error))) {
        refuse(m, error[0] != '\0' ? error : err_name(ERR_NOMEM));
        return;
    }
    enum reload_outcome outcome = reload_begin(&m->reload, &m->children, ++m->last_generation,
                                               m->next.packed, &m->next.fresh, now_ms);
    master_reload_step(m, outcome, now_ms);
}

void master_watch(struct master *m, uint64_t now_ms)
{
    uint32_t every_ms = m->conf->process.watch_files_ms;
    if (every_ms == 0 || m->state != MASTER_RUNNING || m->reload.phase != RELOAD_IDLE ||
        now_ms < m->watch_at_ms) {
        return;
    }
    if (files_changed(m->watched != NULL ? m->watched : m->files)) {
        master_reload_begin(m, true, now_ms);
    }
    m->watch_at_ms = clock_mono_ms() + every_ms;
}

void master_reload_give_up(struct master *m, const char *why)
{
    m->reload_again = false;
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        m->asked[i] = m->asked[i] || m->asked_again[i];
        m->asked_again[i] = false;
    }
    if (m->reload.phase == RELOAD_PREPARING) {
        reload_abort(&m->reload, &m->children, on_deaf, m);
        refuse(m, why);
    } else if (m->reload.phase == RELOAD_ADOPTING) {
        reload_end(&m->reload);
        finish(m, true, "");
    }
    answer_clients(m, STR("{\"error\":\"countersign is shutting down\"}"));
}
