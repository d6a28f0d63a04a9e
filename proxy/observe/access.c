/* Owns: the forms of the access log's lines. Not: the file (base/logfile.h), nor what is told
 * (proxy/exchange, proxy/server). One thread a log. */
#include "proxy/observe/access.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/enc.h"
#include "base/err.h"
#include "base/mem.h"

/* Above the longest target and heads that a configuration may allow, each octet escaped. */
#define LINE_MAX_BYTES ((size_t)1024 * 1024)
/* Memory that a line may leave behind for the next one. */
#define LINE_KEEP_BYTES ((size_t)16 * 1024)

struct access_log {
    struct logfile *file; /* borrowed */
    enum conf_access_format format;
    struct buf line;
};

/* A line being made: fields in order, the first failure stays. */
struct line {
    struct buf *out;
    bool json;
    bool any; /* a field stands already */
    int rc;
};

struct access_log *access_new(struct logfile *file, enum conf_access_format format)
{
    struct access_log *a = mem_calloc(1, sizeof(*a));
    if (a == NULL) {
        return NULL;
    }
    a->file = file;
    a->format = format;
    buf_init(&a->line, LINE_MAX_BYTES);
    return a;
}

void access_free(struct access_log *a)
{
    if (a != NULL) {
        buf_release(&a->line);
        mem_free(a);
    }
}

static void put(struct line *l, struct str text)
{
    if (l->rc == 0) {
        l->rc = buf_append(l->out, text);
    }
}

static void put_key(struct line *l, const char *key)
{
    if (l->any) {
        put(l, l->json ? STR(",") : STR(" "));
    }
    l->any = true;
    put(l, l->json ? STR("\"") : STR(""));
    put(l, str_of(key));
    put(l, l->json ? STR("\":") : STR("="));
}

/* True if text can stand in logfmt without quotes. */
static bool is_bare(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=') {
            return false;
        }
    }
    return text.n > 0;
}

static void put_quoted(struct line *l, struct str text)
{
    put(l, STR("\""));
    if (l->rc == 0) {
        l->rc = enc_log_text(l->out, text);
    }
    put(l, STR("\""));
}

/* Leaves an empty text out. */
static void put_text(struct line *l, const char *key, struct str text)
{
    if (text.n == 0) {
        return;
    }
    put_key(l, key);
    if (l->json) {
        l->rc = l->rc == 0 ? enc_json_string(l->out, text) : l->rc;
    } else if (is_bare(text)) {
        put(l, text);
    } else {
        put_quoted(l, text);
    }
}

static void put_number(struct line *l, const char *key, uint64_t n)
{
    put_key(l, key);
    if (l->rc == 0) {
        l->rc = buf_printf(l->out, "%" PRIu64, n);
    }
}

/* What the gate said of the client: nothing when it was not asked. */
static struct str auth_result(const struct access_record *r)
{
    if (r->reason >= REASON_CLIENT_CERT_MISSING && r->reason <= REASON_PASSWORD_QUEUE_FULL) {
        return STR("denied");
    }
    if (r->reason == REASON_GROUP_MISSING) {
        return STR("denied");
    }
    return r->step.n > 0 ? STR("allowed") : STR_NONE;
}

static void put_request(struct line *l, const struct access_record *r)
{
    put_text(l, "http.request.method", r->method);
    put_text(l, "server.address", r->host);
    put_text(l, "url.path", r->target);
    if (r->method.n > 0) {
        put_text(l, "network.protocol.version", r->minor == 0 ? STR("1.0") : STR("1.1"));
    }
    if (r->status != 0) {
        put_number(l, "http.response.status_code", r->status);
    }
    put_number(l, "http.request.body.size", r->received_octets);
    put_number(l, "http.response.body.size", r->sent_octets);
    put_number(l, "duration_us", r->duration_us);
}

static void put_auth(struct line *l, const struct access_record *r)
{
    put_text(l, "user", r->user);
    put_text(l, "auth.result", auth_result(r));
    put_text(l, "auth.step", r->step);
    put_text(l, "auth.reason", str_of(reason_token(r->reason)));
    if (r->would != REASON_OK && r->would != REASON_INTERNAL) {
        put_text(l, "auth.would_refuse", str_of(reason_token(r->would)));
    }
}

static void put_tls(struct line *l, const struct access_record *r)
{
    put_text(l, "tls.protocol.version", r->tls_version);
    put_text(l, "tls.cipher", r->tls_cipher);
    put_text(l, "server.name", r->tls_name);
    if (r->tls_resumed) {
        put_key(l, "tls.resumed");
        put(l, STR("true"));
    }
    put_text(l, "tls.client.serial", r->client_serial);
    put_text(l, "tls.client.hash.sha256", r->client_fingerprint);
}

static void put_fields(struct line *l, const struct access_record *r)
{
    char time_text[CLOCK_RFC3339_LEN + 1];
    clock_rfc3339(r->wall_ms, time_text);
    put(l, l->json ? STR("{") : STR(""));
    put_text(l, "time", str_of(time_text));
    put_text(l, "request.id", r->request_id);
    put_text(l, "client.address", r->client);
    put_text(l, "listener", r->listener);
    put_request(l, r);
    put_auth(l, r);
    put_tls(l, r);
    put_text(l, "upstream.address", r->upstream);
    if (r->upstream_us != 0) {
        put_number(l, "upstream.duration_us", r->upstream_us);
    }
    put_text(l, "user_agent.original", r->user_agent);
    put_text(l, "http.request.header.referer", r->referer);
    put_text(l, "traceparent", r->traceparent);
    put(l, l->json ? STR("}") : STR(""));
}

/* A user name stands without quotes: its blanks are escaped too, so that it stays one word. */
static void put_word(struct line *l, struct str text)
{
    struct str part;
    bool more = true;
    if (text.n == 0) {
        put(l, STR("-"));
    }
    while (more && l->rc == 0) {
        more = str_cut(text, ' ', &part, &text);
        l->rc = enc_log_text(l->out, part);
        put(l, more ? STR("\\x20") : STR(""));
    }
}

/* nginx's "combined". The month's name is fixed whatever the locale. */
static void put_combined(struct line *l, const struct access_record *r)
{
    char date[CLOCK_HTTP_DATE_LEN + 1]; /* "Sat, 21 Nov 2026 18:16:54 GMT" */
    char head[64];
    clock_http_date(r->wall_ms, date);
    put_word(l, r->client);
    put(l, STR(" - "));
    put_word(l, r->user);
    (void)snprintf(head, sizeof(head), " [%.2s/%.3s/%.4s:%.8s +0000] \"", date + 5, date + 8,
                   date + 12, date + 17);
    put(l, str_of(head));
    if (r->method.n > 0) {
        l->rc = l->rc == 0 ? enc_log_text(l->out, r->method) : l->rc;
        put(l, STR(" "));
        l->rc = l->rc == 0 ? enc_log_text(l->out, r->target) : l->rc;
        put(l, r->minor == 0 ? STR(" HTTP/1.0") : STR(" HTTP/1.1"));
    }
    (void)snprintf(head, sizeof(head), "\" %03u %" PRIu64 " ", r->status, r->sent_octets);
    put(l, str_of(head));
    put_quoted(l, r->referer.n > 0 ? r->referer : STR("-"));
    put(l, STR(" "));
    put_quoted(l, r->user_agent.n > 0 ? r->user_agent : STR("-"));
}

static int make_line(struct access_log *a, const struct access_record *r)
{
    struct line l = {.out = &a->line, .json = a->format == CONF_ACCESS_JSON};
    buf_clear(&a->line);
    if (a->format == CONF_ACCESS_COMBINED) {
        put_combined(&l, r);
    } else {
        put_fields(&l, r);
    }
    return l.rc;
}

void access_write(struct access_log *a, const struct access_record *r)
{
    if (a == NULL) {
        return;
    }
    int rc = make_line(a, r);
    if (rc != 0) {
        /* No room for all that the client sent: what happened must still be told. */
        struct access_record less = *r;
        less.target = STR_NONE;
        less.host = STR_NONE;
        less.user_agent = STR_NONE;
        less.referer = STR_NONE;
        less.traceparent = STR_NONE;
        rc = make_line(a, &less);
    }
    if (rc == 0) {
        logfile_line(a->file, buf_str(&a->line));
    }
    if (a->line.size > LINE_KEEP_BYTES) {
        buf_release(&a->line);
    }
}
