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
/* Room for such a line while it is made, as if each octet were escaped. */
#define LINE_ROOM_BYTES (LINE_MAX_BYTES * ENC_ESCAPE_MAX)
/* Memory that a line may leave behind for the next one. */
#define LINE_KEEP_BYTES ((size_t)16 * 1024)
/* Room for everything in a line but its texts: keys, quotes, numbers, dates. */
#define LINE_FRAME_BYTES ((size_t)2048)

struct access_log {
    struct logfile *file; /* borrowed */
    enum conf_access_format format;
    struct buf line;
};

/* A line being made: the room was measured before, so nothing is asked for on the way. */
struct line {
    char *at;
    bool json;
};

/* A key as it stands behind the field before it, in both forms. */
struct key {
    struct str json;
    struct str logfmt;
};

#define KEY(name)                                                                                  \
    (&(const struct key){.json = {",\"" name "\":", sizeof(name) + 3},                             \
                         .logfmt = {" " name "=", sizeof(name) + 1}})

struct access_log *access_new(struct logfile *file, enum conf_access_format format)
{
    struct access_log *a = mem_calloc(1, sizeof(*a));
    if (a == NULL) {
        return NULL;
    }
    a->file = file;
    a->format = format;
    buf_init(&a->line, LINE_ROOM_BYTES);
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
    if (text.n > 0) {
        memcpy(l->at, text.p, text.n);
    }
    l->at += text.n;
}

static void put_key(struct line *l, const struct key *key)
{
    put(l, l->json ? key->json : key->logfmt);
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

static void put_log_text(struct line *l, struct str text)
{
    l->at = enc_log_put(l->at, text);
}

static void put_quoted(struct line *l, struct str text)
{
    put(l, STR("\""));
    put_log_text(l, text);
    put(l, STR("\""));
}

static void put_value(struct line *l, struct str text)
{
    if (l->json) {
        put(l, STR("\""));
        l->at = enc_json_put(l->at, text);
        put(l, STR("\""));
    } else if (is_bare(text)) {
        put(l, text);
    } else {
        put_quoted(l, text);
    }
}

/* Leaves an empty text out. */
static void put_text(struct line *l, const struct key *key, struct str text)
{
    if (text.n > 0) {
        put_key(l, key);
        put_value(l, text);
    }
}

static void put_digits(struct line *l, uint64_t n)
{
    l->at += enc_decimal(n, l->at);
}

static void put_number(struct line *l, const struct key *key, uint64_t n)
{
    put_key(l, key);
    put_digits(l, n);
}

/* What the gate said of the client: nothing when it was not asked, or could not tell, and in a
 * handshake that failed for other reasons than the client's certificate. */
static struct str auth_result(const struct access_record *r)
{
    if (r->reason >= REASON_CLIENT_CERT_MISSING && r->reason <= REASON_PASSWORD_QUEUE_FULL) {
        return STR("denied");
    }
    if (r->reason == REASON_GROUP_MISSING) {
        return STR("denied");
    }
    return r->allowed ? STR("allowed") : STR_NONE;
}

static void put_request(struct line *l, const struct access_record *r)
{
    put_text(l, KEY("http.request.method"), r->method);
    put_text(l, KEY("server.address"), r->host);
    put_text(l, KEY("url.path"), r->target);
    if (r->method.n > 0) {
        put_text(l, KEY("network.protocol.version"), r->minor == 0 ? STR("1.0") : STR("1.1"));
    }
    if (r->status != 0) {
        put_number(l, KEY("http.response.status_code"), r->status);
    }
    put_number(l, KEY("http.request.body.size"), r->received_octets);
    put_number(l, KEY("http.response.body.size"), r->sent_octets);
    put_number(l, KEY("duration_us"), r->duration_us);
}

static void put_auth(struct line *l, const struct access_record *r)
{
    put_text(l, KEY("user"), r->user);
    put_text(l, KEY("auth.result"), auth_result(r));
    put_text(l, KEY("auth.step"), r->step);
    put_text(l, KEY("auth.reason"), str_of(reason_token(r->reason)));
    if (r->would != REASON_OK && r->would != REASON_INTERNAL) {
        put_text(l, KEY("auth.would_refuse"), str_of(reason_token(r->would)));
    }
}

static void put_tls(struct line *l, const struct access_record *r)
{
    put_text(l, KEY("tls.protocol.version"), r->tls_version);
    put_text(l, KEY("tls.cipher"), r->tls_cipher);
    put_text(l, KEY("server.name"), r->tls_name);
    if (r->tls_resumed) {
        put_key(l, KEY("tls.resumed"));
        put(l, STR("true"));
    }
    put_text(l, KEY("tls.client.serial"), r->client_serial);
    put_text(l, KEY("tls.client.hash.sha256"), r->client_fingerprint);
}

static void put_fields(struct line *l, const struct access_record *r)
{
    char time_text[CLOCK_RFC3339_LEN + 1];
    clock_rfc3339(r->wall_ms, time_text);
    put(l, l->json ? STR("{\"time\":") : STR("time="));
    put_value(l, str_of(time_text));
    put_text(l, KEY("request.id"), r->request_id);
    put_text(l, KEY("client.address"), r->client);
    put_text(l, KEY("listener"), r->listener);
    put_request(l, r);
    put_auth(l, r);
    put_tls(l, r);
    put_text(l, KEY("upstream.address"), r->upstream);
    if (r->upstream_us != 0) {
        put_number(l, KEY("upstream.duration_us"), r->upstream_us);
    }
    put_text(l, KEY("user_agent.original"), r->user_agent);
    put_text(l, KEY("http.request.header.referer"), r->referer);
    put_text(l, KEY("traceparent"), r->traceparent);
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
    while (more) {
        more = str_cut(text, ' ', &part, &text);
        put_log_text(l, part);
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
        put_log_text(l, r->method);
        put(l, STR(" "));
        put_log_text(l, r->target);
        put(l, r->minor == 0 ? STR(" HTTP/1.0") : STR(" HTTP/1.1"));
    }
    (void)snprintf(head, sizeof(head), "\" %03u %" PRIu64 " ", r->status, r->sent_octets);
    put(l, str_of(head));
    put_quoted(l, r->referer.n > 0 ? r->referer : STR("-"));
    put(l, STR(" "));
    put_quoted(l, r->user_agent.n > 0 ? r->user_agent : STR("-"));
}

/* Octets that r's line takes at most. */
static size_t room_for(const struct access_record *r)
{
    const struct str texts[] = {r->request_id,    r->client,      r->listener,
                                r->user,          r->method,      r->target,
                                r->host,          r->step,        r->upstream,
                                r->tls_version,   r->tls_cipher,  r->tls_name,
                                r->client_serial, r->user_agent,  r->client_fingerprint,
                                r->referer,       r->traceparent, str_of(reason_token(r->reason))};
    size_t n = 0;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        n += texts[i].n;
    }
    return n * ENC_ESCAPE_MAX + LINE_FRAME_BYTES;
}

static int make_line(struct access_log *a, const struct access_record *r)
{
    size_t room = room_for(r);
    buf_clear(&a->line);
    char *start = buf_reserve(&a->line, room);
    if (start == NULL) {
        return -ERR_NOMEM;
    }
    struct line l = {.at = start, .json = a->format == CONF_ACCESS_JSON};
    if (a->format == CONF_ACCESS_COMBINED) {
        put_combined(&l, r);
    } else {
        put_fields(&l, r);
    }
    buf_commit(&a->line, (size_t)(l.at - start));
    return buf_len(&a->line) <= LINE_MAX_BYTES ? 0 : -ERR_TOO_LARGE;
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
