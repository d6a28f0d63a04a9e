/* Owns: the traces that an exchange leaves: one access record, its metrics, a line in the error log
 * for what deserves one. Never a password or an Authorization value. On the loop's thread. */
#include "proxy/exchange/record.h"

#include "base/clock.h"

void record_begin(struct exchange *x)
{
    x->note.wall_ms = clock_wall_ms();
    x->note.begin_us = clock_mono_us();
    x->counted = true;
    metrics_add(x->env->metrics, METRIC_REQUESTS_ACTIVE, 1);
}

static struct str value_of(const struct fields *fields, struct str name)
{
    const struct field *f = fields_find(fields, name);
    return f != NULL ? f->value : STR_NONE;
}

void record_head(struct exchange *x, const struct http_request *head)
{
    x->note.user_agent = value_of(&head->fields, STR("User-Agent"));
    x->note.referer = value_of(&head->fields, STR("Referer"));
    x->note.traceparent = value_of(&head->fields, STR("traceparent"));
}

void record_server(struct exchange *x)
{
    if (x->call != NULL && x->note.server.n == 0) {
        x->note.server = arena_dup(&x->arena, upstream_call_server(x->call));
    }
}

static void write_access(const struct exchange *x, uint64_t duration_us)
{
    struct access_record r = {
        .wall_ms = x->note.wall_ms,
        .request_id = x->request_id,
        .client = x->peer->client_text,
        .listener = x->peer->listener_text,
        .user = x->user,
        .status = x->status,
        .reason = x->outcome,
        .step = str_of(x->step),
        .allowed = x->allowed,
        .would = x->would,
        .received_octets = x->received,
        .sent_octets = x->sent,
        .duration_us = duration_us,
        .upstream = x->note.server,
        .tls_version = x->peer->tls_version,
        .tls_cipher = x->peer->tls_cipher,
        .tls_name = x->peer->tls_name,
        .tls_resumed = x->peer->tls_resumed,
        .user_agent = x->note.user_agent,
        .referer = x->note.referer,
        .traceparent = x->note.traceparent,
    };
    if (x->head != NULL) {
        r.method = http_method_text(x->head->method);
        r.target = x->head->target;
        r.host = x->head->host;
        r.minor = x->head->minor;
    }
    if (x->peer->gate.identity != NULL) {
        r.client_serial = x->peer->gate.identity->serial;
        r.client_fingerprint = str_of(x->peer->gate.identity->fingerprint);
    }
    if (x->note.answer_us != 0) {
        r.upstream_us = x->note.answer_us - x->note.sent_us;
    }
    access_write(x->env->access, &r);
}

/* The client's own everyday mistakes are in the access log; here they would only drown the rest. */
static void write_error(const struct exchange *x)
{
    bool everyday = reason_class(x->outcome) == REASON_CLASS_PEER;
    enum log_level level = everyday ? LOG_LEVEL_DEBUG : log_level_of(x->outcome);
    if (!log_wants(x->env->log, level)) {
        return;
    }
    const struct identity *id = x->peer->gate.identity;
    LOG(x->env->log, level, "refused", LOG_TEXT("reason", str_of(reason_token(x->outcome))),
        LOG_TEXT("step", str_of(x->step)), LOG_NUMBER("status", x->status),
        LOG_TEXT("client", x->peer->client_text),
        LOG_TEXT("certificate_user", id != NULL ? id->user : STR_NONE),
        LOG_TEXT("certificate_serial", id != NULL ? id->serial : STR_NONE),
        LOG_TEXT("user", x->user), LOG_TEXT("password_user", x->password_user),
        LOG_TEXT("host", x->head != NULL ? x->head->host : STR_NONE),
        LOG_TEXT("path", x->head != NULL ? x->head->path : STR_NONE),
        LOG_TEXT("upstream", x->note.server), LOG_TEXT("request_id", x->request_id));
}

void record_would_refuse(const struct exchange *x)
{
    const struct identity *id = x->peer->gate.identity;
    metrics_would_refuse(x->env->metrics, x->would);
    LOG(x->env->log, LOG_LEVEL_WARNING, "would_refuse",
        LOG_TEXT("reason", str_of(reason_token(x->would))), LOG_TEXT("step", str_of(x->step)),
        LOG_TEXT("client", x->peer->client_text),
        LOG_TEXT("certificate_user", id != NULL ? id->user : STR_NONE), LOG_TEXT("user", x->user),
        LOG_TEXT("password_user", x->password_user), LOG_TEXT("host", x->head->host),
        LOG_TEXT("path", x->head->path), LOG_TEXT("request_id", x->request_id));
}

void record_write(struct exchange *x)
{
    struct metrics *m = x->env->metrics;
    uint64_t duration_us = clock_mono_us() - x->note.begin_us;
    if (x->counted) {
        metrics_add(m, METRIC_REQUESTS_ACTIVE, -1);
        x->counted = false;
    }
    if (x->peer->local != NULL) {
        return; /* probes and scrapes of our own would drown the clients' requests */
    }
    metrics_add(m, METRIC_REQUEST_OCTETS_TOTAL, (int64_t)x->received);
    metrics_add(m, METRIC_RESPONSE_OCTETS_TOTAL, (int64_t)x->sent);
    metrics_time(m, METRIC_TIME_REQUEST, duration_us);
    if (x->note.answer_us != 0) {
        metrics_time(m, METRIC_TIME_UPSTREAM, x->note.answer_us - x->note.sent_us);
    }
    if (x->status != 0) {
        metrics_status(m, x->status);
    }
    if (x->outcome != REASON_OK) {
        metrics_reason(m, x->outcome);
        write_error(x);
    }
    write_access(x, duration_us);
}
