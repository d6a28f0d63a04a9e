/* Owns: the deny list in the master: reading it when its files have changed or somebody asks,
 * handing it to the workers, and who has it. It needs no reload: nothing else is read again. Not:
 * what it holds (auth/revoke/deny). Master only. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auth/withdrawal.h"
#include "base/clock.h"
#include "base/enc.h"
#include "proxy/proc/findings.h"
#include "proxy/proc/master_inner.h"

enum { WATCH_MS = 200, TELL_MS = 2000, RETRY_MS = 10000, ANSWER_MAX = 65536 };

static size_t entries_of(const struct deny *d)
{
    return deny_count(d, DENY_SERIAL) + deny_count(d, DENY_FINGERPRINT) + deny_count(d, DENY_USER);
}

bool master_deny_load(const struct master *m, const struct conf *conf, struct deny **set,
                      struct files **files, struct diags *diags)
{
    const struct deny *base = m->deny.set;
    *set = NULL;
    *files = files_new();
    if (*files == NULL) {
        diag_add(diags, DIAG_ERROR, (struct conf_pos){0}, "revocation.deny", NULL, "out of memory");
        return false;
    }
    *set = withdrawal_load(conf, base, *files, diags);
    return *set != NULL;
}

/* ---- Who has it ---- */

static bool is_told(const struct child *child)
{
    return child->state != CHILD_NONE && child->state != CHILD_KILLED && child->fd >= 0;
}

static void count_workers(const struct master *m, unsigned *have, unsigned *all)
{
    *have = 0;
    *all = 0;
    for (unsigned i = 0; i < m->children.n; i++) {
        const struct child *child = &m->children.v[i];
        if (is_told(child)) {
            ++*all;
            *have += child->deny_generation >= m->deny.generation ? 1 : 0;
        }
    }
}

int master_deny_render(const struct master *m, struct buf *out)
{
    unsigned have = 0;
    unsigned all = 0;
    count_workers(m, &have, &all);
    int rc = buf_printf(out,
                        "\"generation\":%" PRIu64 ",\"entries\":%zu,\"in_force\":%u,\"workers\":%u"
                        ",\"ended\":%" PRIu64,
                        m->deny.generation, entries_of(m->deny.set), have, all, m->deny.ended);
    if (rc == 0 && m->deny.error[0] != '\0') {
        rc = buf_append(out, STR(",\"error\":"));
        rc = rc == 0 ? enc_json_string(out, str_of(m->deny.error)) : rc;
    }
    return rc;
}

static void answer(struct master *m, unsigned client)
{
    struct buf text;
    buf_init(&text, ANSWER_MAX);
    int rc = buf_append(&text, m->deny.error[0] == '\0' ? STR("{\"result\":\"ok\",")
                                                        : STR("{\"result\":\"refused\","));
    rc = rc == 0 ? master_deny_render(m, &text) : rc;
    rc = rc == 0 ? buf_append(&text, STR("}")) : rc;
    control_server_answer(m->control, client,
                          rc == 0 ? buf_str(&text) : STR("{\"error\":\"out of memory\"}"));
    buf_release(&text);
}

static void answer_all(struct master *m)
{
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (m->deny.asked[i]) {
            m->deny.asked[i] = false;
            answer(m, i);
        }
    }
}

/* All have it, or they were given time enough. */
static void settle(struct master *m, uint64_t now_ms)
{
    unsigned have = 0;
    unsigned all = 0;
    if (m->deny.deadline_ms == 0) {
        return;
    }
    count_workers(m, &have, &all);
    if (have < all && now_ms < m->deny.deadline_ms) {
        return;
    }
    m->deny.deadline_ms = 0;
    LOG(m->log, have < all ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "deny_list",
        LOG_TEXT("result", STR("ok")), LOG_NUMBER("generation", m->deny.generation),
        LOG_NUMBER("entries", entries_of(m->deny.set)), LOG_NUMBER("in_force", have),
        LOG_NUMBER("workers", all), LOG_NUMBER("connections_ended", m->deny.ended));
    answer_all(m);
}

void master_deny_heard(struct master *m, unsigned i, const struct ipc_message *message)
{
    uint64_t ended = 0;
    m->children.v[i].deny_generation = message->generation;
    if (message->generation == m->deny.generation &&
        str_to_u64((struct str){message->text, message->n}, &ended)) {
        m->deny.ended += ended;
    }
    settle(m, clock_mono_ms());
}

/* ---- Changing it ---- */

void master_deny_show(const struct master *m)
{
    struct metrics *metrics = metrics_slot(m->region, m->workers_max);
    metrics_add(metrics, METRIC_DENY_ENTRIES,
                (int64_t)entries_of(m->deny.set) - metrics_get(metrics, METRIC_DENY_ENTRIES));
}

void master_deny_adopt(struct master *m, struct deny *set, struct files *files, uint64_t now_ms)
{
    struct master_deny *d = &m->deny;
    deny_free(d->set);
    files_free(d->files);
    files_free(d->refused);
    d->set = set;
    d->files = files;
    d->refused = NULL;
    d->error[0] = '\0';
    d->generation++;
    d->ended = 0;
    d->deadline_ms = now_ms + TELL_MS;
    master_deny_show(m);
    for (unsigned i = 0; i < m->children.n; i++) {
        const struct child *child = &m->children.v[i];
        if (!is_told(child)) {
            continue;
        }
        int rc = ipc_send(child->fd, IPC_DENY, d->generation, STR_NONE, deny_descriptor(set));
        /* One that has closed its end is about to be collected. */
        if (rc != 0 && rc != -ERR_CLOSED) {
            master_kill(m, i);
        }
    }
}

/* The last good list stays, and the same state of the files is not tried again for a while. */
static void refuse(struct master *m, struct files *files, const struct diags *diags)
{
    struct master_deny *d = &m->deny;
    files_free(d->refused);
    d->refused = files;
    d->retry_at_ms = clock_mono_ms() + RETRY_MS;
    if (diags != NULL) {
        findings_first_error(diags, d->error, sizeof(d->error));
    } else {
        (void)snprintf(d->error, sizeof(d->error), "%s", err_name(ERR_NOMEM));
    }
    metrics_add(metrics_slot(m->region, m->workers_max), METRIC_DENY_REFUSED_TOTAL, 1);
    LOG(m->log, LOG_LEVEL_ERROR, "deny_list", LOG_TEXT("result", STR("refused")),
        LOG_TEXT("error", str_of(d->error)), LOG_NUMBER("generation", d->generation),
        LOG_TEXT("effect", STR("the last good list stays in force")));
    answer_all(m);
}

/* A long list takes its time: what follows counts from its end. */
static void read_again(struct master *m)
{
    struct deny *set = NULL;
    struct files *files = NULL;
    struct diags *diags = diags_new();
    if (diags != NULL && master_deny_load(m, m->conf, &set, &files, diags)) {
        master_deny_adopt(m, set, files, clock_mono_ms());
        settle(m, clock_mono_ms());
    } else {
        refuse(m, files, diags);
    }
    diags_free(diags);
}

void master_deny_asked(struct master *m, unsigned client)
{
    if (m->conf->revocation.deny.n == 0) {
        control_server_answer(
            m->control, client,
            STR("{\"error\":\"the configuration in force names no revocation.deny\"}"));
        return;
    }
    m->deny.asked[client] = true;
    if (m->deny.refused != NULL || files_changed(m->deny.files)) {
        read_again(m);
    } else if (m->deny.deadline_ms == 0) {
        answer_all(m); /* it was seen already, and every worker was given time */
    }
}

static uint32_t watch_every(const struct master *m)
{
    uint32_t every_ms = m->conf->process.watch_files_ms;
    every_ms = every_ms < WATCH_MS ? every_ms : WATCH_MS;
    return m->conf->revocation.deny.n > 0 ? every_ms : 0;
}

void master_deny_tick(struct master *m, uint64_t now_ms)
{
    struct master_deny *d = &m->deny;
    uint32_t every_ms = watch_every(m);
    if (every_ms > 0 && now_ms >= d->watch_at_ms) {
        /* A file that could not be opened is not seen to change. */
        bool again = d->refused != NULL && now_ms >= d->retry_at_ms;
        if (again || files_changed(d->refused != NULL ? d->refused : d->files)) {
            read_again(m);
        }
        d->watch_at_ms = clock_mono_ms() + every_ms;
    }
    settle(m, now_ms);
}

uint64_t master_deny_due(const struct master *m)
{
    uint64_t at = watch_every(m) > 0 ? m->deny.watch_at_ms : UINT64_MAX;
    return m->deny.deadline_ms != 0 && m->deny.deadline_ms < at ? m->deny.deadline_ms : at;
}

void master_deny_forget(struct master *m)
{
    files_free(m->deny.files);
    files_free(m->deny.refused);
    m->deny.files = NULL;
    m->deny.refused = NULL;
}

void master_deny_fini(struct master *m)
{
    master_deny_forget(m);
    deny_free(m->deny.set);
    m->deny.set = NULL;
}
