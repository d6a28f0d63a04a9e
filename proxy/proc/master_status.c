/* Owns: the JSON that the control socket answers with. Master only. */
#include <inttypes.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/enc.h"
#include "proxy/proc/master_inner.h"

static const char *state_name(enum master_state state)
{
    static const char *const names[] = {"starting", "running", "not ready", "draining", "stopping"};
    return names[state];
}

static const char *child_name(enum child_state state)
{
    static const char *const names[] = {"gone",     "starting", "ready",
                                        "draining", "stopping", "killed"};
    return names[state];
}

static int add_text(struct buf *out, const char *before, struct str text)
{
    int rc = buf_append(out, str_of(before));
    return rc == 0 ? enc_json_string(out, text) : rc;
}

static int add_workers(const struct master *m, struct buf *out)
{
    const char *comma = "";
    int rc = buf_append(out, STR(",\"workers\":["));
    for (unsigned i = 0; i < m->children.n && rc == 0; i++) {
        const struct child *child = &m->children.v[i];
        if (child->state == CHILD_NONE) {
            continue;
        }
        int64_t connections = metrics_get(metrics_slot(m->region, i), METRIC_CONNECTIONS_ACTIVE);
        rc = buf_printf(out,
                        "%s{\"index\":%u,\"pid\":%ld,\"state\":\"%s\",\"uptime_s\":%" PRIu64
                        ",\"connections\":%" PRId64 "}",
                        comma, i, (long)child->pid, child_name(child->state),
                        (clock_mono_ms() - child->started_ms) / 1000, connections);
        comma = ",";
    }
    return rc == 0 ? buf_append(out, STR("]")) : rc;
}

static int add_listeners(const struct master *m, struct buf *out)
{
    int rc = buf_append(out, STR(",\"listeners\":["));
    for (size_t i = 0; i < m->sockets.n && rc == 0; i++) {
        rc = add_text(out, i > 0 ? "," : "", str_of(m->sockets.v[i].address));
    }
    return rc == 0 ? buf_append(out, STR("]")) : rc;
}

static int add_totals(const struct master *m, struct buf *out)
{
    static const struct {
        const char *name;
        enum metric metric;
    } rows[] = {
#define METRIC(name, kind, text, help) {text, METRIC_##name},
#include "proxy/observe/metrics.def"
#undef METRIC
    };
    int rc = buf_append(out, STR(",\"totals\":{"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && rc == 0; i++) {
        rc = i > 0 ? buf_append(out, STR(",")) : 0;
        rc = rc == 0 ? enc_json_string(out, str_of(rows[i].name)) : rc;
        rc = rc == 0 ? buf_printf(out, ":%" PRId64, metrics_sum(m->region, rows[i].metric)) : rc;
    }
    return rc == 0 ? buf_append(out, STR("}")) : rc;
}

static int add_reasons(const struct master *m, struct buf *out)
{
    const char *comma = "";
    int rc = buf_append(out, STR(",\"reasons\":{"));
    for (unsigned i = 0; i < REASON_COUNT && rc == 0; i++) {
        uint64_t count = metrics_reason_sum(m->region, (enum reason)i);
        if (count > 0) {
            rc = buf_printf(out, "%s\"%s\":%" PRIu64, comma, reason_token((enum reason)i), count);
            comma = ",";
        }
    }
    return rc == 0 ? buf_append(out, STR("}")) : rc;
}

int master_result_render(const struct master_result *r, struct buf *out)
{
    char when[CLOCK_RFC3339_LEN + 1];
    clock_rfc3339(r->wall_ms, when);
    int rc = buf_printf(out, "{\"result\":\"%s\",\"at\":\"%s\"", r->ok ? "ok" : "refused", when);
    if (rc == 0 && !r->ok) {
        rc = add_text(out, ",\"error\":", str_of(r->error));
    }
    return rc == 0 ? buf_append(out, STR("}")) : rc;
}

int master_status_render(const struct master *m, struct buf *out)
{
    int rc = buf_printf(out,
                        "{\"version\":\"%s\",\"pid\":%ld,\"state\":\"%s\",\"uptime_s\":%" PRIu64
                        ",\"generation\":%" PRIu64,
                        COUNTERSIGN_VERSION, (long)getpid(), state_name(m->state),
                        (clock_mono_ms() - m->started_ms) / 1000, m->generation);
    if (rc == 0) {
        rc = add_text(out, ",\"config\":", str_of(m->options->config_path));
    }
    if (rc == 0) {
        rc = add_workers(m, out);
    }
    if (rc == 0) {
        rc = add_listeners(m, out);
    }
    if (rc == 0) {
        rc = add_totals(m, out);
    }
    if (rc == 0) {
        rc = add_reasons(m, out);
    }
    if (rc == 0) {
        rc = buf_append(out, STR(",\"deny\":{"));
    }
    if (rc == 0) {
        rc = master_deny_render(m, out);
    }
    if (rc == 0) {
        rc = buf_append(out, STR("}"));
    }
    if (rc == 0 && m->result.any) {
        rc = buf_append(out, STR(",\"reload\":"));
    }
    if (rc == 0 && m->result.any) {
        rc = master_result_render(&m->result, out);
    }
    return rc == 0 ? buf_append(out, STR("}")) : rc;
}
