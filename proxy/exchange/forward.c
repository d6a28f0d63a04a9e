/* Owns: the order and the lists of what is removed from a head and what is added. Not: which names
 * are reserved (auth/headers/strip), what hop-by-hop means (proxy/http/hop), or how identity is
 * told (auth/headers/own). Pure but for the head's arena. */
#include "proxy/exchange/forward.h"

#include <string.h>

#include "auth/headers/strip.h"
#include "auth/sign/message.h"
#include "base/clock.h"
#include "base/err.h"
#include "proxy/http/hop.h"

/* Framing, routing and per-hop fields that the writer or we make ourselves, in every spelling that
 * is alike. */
static bool is_made_by_us(struct str name)
{
    return field_alike(name, STR("connection")) || field_alike(name, STR("content-length")) ||
           field_alike(name, STR("expect")) || field_alike(name, STR("host")) ||
           field_alike(name, STR("http2-settings")) || field_alike(name, STR("keep-alive")) ||
           field_alike(name, STR("proxy-authorization")) ||
           field_alike(name, STR("proxy-connection")) || field_alike(name, STR("te")) ||
           field_alike(name, STR("trailer")) || field_alike(name, STR("transfer-encoding")) ||
           field_alike(name, STR("upgrade")) || field_alike(name, STR("x-request-id"));
}

/* What besides has no place behind a body (RFC 9110 6.5.1). */
static const char *const never_trailers[] = {
    "authorization",      "cache-control", "content-encoding", "content-range",
    "content-type",       "cookie",        "max-forwards",     "set-cookie",
    "proxy-authenticate", "via",           "www-authenticate",
};

static bool is_never_trailer(struct str name)
{
    for (size_t i = 0; i < sizeof(never_trailers) / sizeof(never_trailers[0]); i++) {
        if (field_alike(name, str_of(never_trailers[i]))) {
            return true;
        }
    }
    return false;
}

static bool drop_from_request(struct str name, void *arg)
{
    const struct forward_facts *facts = arg;
    if (field_alike(name, STR("authorization"))) {
        return !facts->keep_authorization;
    }
    return is_made_by_us(name);
}

static bool drop_from_response(struct str name, void *arg)
{
    (void)arg;
    return field_alike(name, STR("content-length")) || field_alike(name, STR("x-request-id"));
}

static bool drop_from_trailers(struct str name, void *arg)
{
    const struct conf_headers *names = arg;
    return is_made_by_us(name) || is_never_trailer(name) || strip_is_reserved(name, names);
}

static bool drop_code(struct str name, void *arg)
{
    const struct str *code_name = arg;
    return code_name->n > 0 && field_alike(name, *code_name);
}

void forward_drop_code(struct str code_name, struct fields *fields)
{
    fields_remove_if(fields, drop_code, &code_name);
}

static size_t put(char *out, size_t at, struct str s)
{
    memcpy(out + at, s.p, s.n);
    return at + s.n;
}

/* All values of the fields called name as one list, then own behind them; own alone if there are
 * none. In the arena; p is NULL without memory. */
static struct str join(const struct fields *fields, struct str name, struct str own)
{
    const struct str comma = STR(", ");
    size_t size = own.n;
    for (size_t i = 0; i < fields->n; i++) {
        if (str_ieq(fields->v[i].name, name) && fields->v[i].value.n > 0) {
            size += fields->v[i].value.n + comma.n;
        }
    }
    char *p = arena_alloc(fields->arena, size + 1);
    if (p == NULL) {
        return STR_NONE;
    }
    size_t at = 0;
    for (size_t i = 0; i < fields->n; i++) {
        struct str value = fields->v[i].value;
        if (str_ieq(fields->v[i].name, name) && value.n > 0) {
            at = put(p, put(p, at, value), comma);
        }
    }
    return (struct str){p, put(p, at, own)};
}

/* A Forwarded value: a token as it is, everything else quoted (RFC 7239 4). The octets of hosts and
 * addresses need no escapes within the quotes. */
static struct str forwarded_value(struct arena *a, struct str value)
{
    return http_is_token(value) ? value : arena_printf(a, "\"%.*s\"", STR_ARG(value));
}

static struct str forwarded_for(const struct forward_facts *facts, struct arena *a)
{
    if (facts->client_kind != ADDR_INET) {
        return STR("unknown");
    }
    if (str_chr(facts->client_text, ':') != STR_NPOS) {
        return arena_printf(a, "\"[%.*s]\"", STR_ARG(facts->client_text));
    }
    return facts->client_text;
}

static struct str forwarded_element(const struct forward_facts *facts,
                                    const struct http_request *head)
{
    struct arena *a = head->fields.arena;
    struct str from = forwarded_for(facts, a);
    struct str host = forwarded_value(a, head->authority);
    const char *proto = facts->secure ? "https" : "http";
    if (from.p == NULL || host.p == NULL) {
        return STR_NONE;
    }
    if (head->authority.n == 0) {
        return arena_printf(a, "for=%.*s;proto=%s", STR_ARG(from), proto);
    }
    return arena_printf(a, "for=%.*s;host=%.*s;proto=%s", STR_ARG(from), STR_ARG(host), proto);
}

/* What is made from the client's own fields, before those go. */
struct onward {
    struct str x_forwarded_for;
    struct str forwarded;
};

static int read_onward(const struct forward_facts *facts, const struct http_request *head,
                       struct onward *out)
{
    static const struct fields nothing = {0};
    struct fields none = nothing;
    none.arena = head->fields.arena;
    const struct fields *from = facts->client_trusted ? &head->fields : &none;
    struct str client = facts->client_kind == ADDR_INET ? facts->client_text : STR("unknown");
    *out = (struct onward){0};
    if (facts->names->x_forwarded) {
        out->x_forwarded_for = join(from, STR("X-Forwarded-For"), client);
        if (out->x_forwarded_for.p == NULL) {
            return -ERR_NOMEM;
        }
    }
    if (facts->names->forwarded) {
        struct str own = forwarded_element(facts, head);
        out->forwarded = own.p != NULL ? join(from, STR("Forwarded"), own) : STR_NONE;
        if (out->forwarded.p == NULL) {
            return -ERR_NOMEM;
        }
    }
    return 0;
}

/* Add a field, or nothing for an empty value. */
static int add_if_any(struct fields *fields, struct str name, struct str value)
{
    return value.n > 0 ? fields_add(fields, name, value) : 0;
}

static int add_via(const struct conf_headers *names, unsigned minor, struct fields *fields)
{
    if (!names->via) {
        return 0;
    }
    const char *by = names->via_name.p != NULL && names->via_name.p[0] != '\0' ? names->via_name.p
                                                                               : "countersign";
    const struct str name = str_of(by);
    const struct str version = minor == 0 ? STR("1.0 ") : STR("1.1 ");
    char *p = arena_alloc(fields->arena, version.n + name.n);
    if (p == NULL) {
        return -ERR_NOMEM;
    }
    struct str value = {p, put(p, put(p, 0, version), name)};
    return fields_add(fields, STR("Via"), value);
}

static int add_x_forwarded(const struct forward_facts *facts, const struct onward *onward,
                           struct http_request *head)
{
    struct fields *fields = &head->fields;
    if (!facts->names->x_forwarded) {
        return 0;
    }
    int r = fields_add(fields, STR("X-Forwarded-For"), onward->x_forwarded_for);
    if (r == 0) {
        r = fields_add(fields, STR("X-Forwarded-Proto"),
                       facts->secure ? STR("https") : STR("http"));
    }
    return r == 0 ? add_if_any(fields, STR("X-Forwarded-Host"), head->authority) : r;
}

static void count_token(const struct forward_facts *facts, int r)
{
    bool reused = facts->slot != NULL && facts->slot->reused;
    enum metric outcome = METRIC_TOKENS_SIGNED_TOTAL;
    if (r != 0) {
        outcome = METRIC_TOKENS_FAILED_TOTAL;
    } else if (reused) {
        outcome = METRIC_TOKENS_REUSED_TOTAL;
    }
    metrics_add(facts->metrics, outcome, 1);
}

/* Nobody gets no token. */
static int add_token(const struct forward_facts *facts, struct http_request *head)
{
    const struct signer *s = facts->signer;
    if (s == NULL || s->token == NULL || facts->own.user.n == 0 ||
        s->token_conf->header.p[0] == '\0') {
        return 0;
    }
    const struct token_facts of = {.user = facts->own.user,
                                   .digest = facts->digest,
                                   .method = http_method_text(head->method),
                                   .authority = head->authority,
                                   .path = head->path,
                                   .request_id = facts->request_id,
                                   .wall_ms = facts->wall_ms};
    struct str token;
    int r = token_get(s->token_conf, s->token, facts->slot, &of, head->fields.arena, &token);
    count_token(facts, r);
    return r == 0 ? fields_add(&head->fields, str_of(s->token_conf->header.p), token) : r;
}

/* Sign what add_identity() added as fields own[0] to own[1]. */
static int add_signature(const struct forward_facts *facts, const size_t own[2],
                         struct http_request *head)
{
    const struct signer *s = facts->signer;
    if (s == NULL || s->signature == NULL) {
        return 0;
    }
    const struct message m = {.method = http_method_text(head->method),
                              .scheme = facts->secure ? STR("https") : STR("http"),
                              .authority = head->authority,
                              .target = head->target,
                              .fields = &head->fields};
    int r = message_sign(s->signature_conf, s->signature, &m, own, facts->wall_ms, &head->fields);
    metrics_add(facts->metrics,
                r == 0 ? METRIC_SIGNATURES_OK_TOTAL : METRIC_SIGNATURES_FAILED_TOTAL, 1);
    return r;
}

/* Add the fields that tell who asks, within their limit. */
static int add_identity(const struct forward_facts *facts, struct http_request *head)
{
    struct fields *fields = &head->fields;
    size_t first = fields->n;
    size_t size = 0;
    int r = own_fields_add(facts->names, &facts->own, fields);
    if (r == 0) {
        r = told_add(facts->told, facts->own.user, facts->groups, facts->group_count, fields);
    }
    r = r == 0 ? add_token(facts, head) : r;
    for (size_t i = first; i < fields->n; i++) {
        size += fields->v[i].name.n + fields->v[i].value.n;
    }
    bool large = facts->names->generated_bytes > 0 && size > facts->names->generated_bytes;
    return r == 0 && large ? -ERR_TOO_LARGE : r;
}

int forward_request(const struct forward_facts *facts, struct http_request *head)
{
    struct fields *fields = &head->fields;
    struct onward onward;
    int r = read_onward(facts, head, &onward);
    if (r != 0) {
        return r;
    }
    struct forward_facts of = *facts;
    hop_strip(fields);
    forward_drop_code(facts->code_name, fields);
    (void)strip_inbound(fields, facts->names);
    fields_remove_if(fields, drop_from_request, &of);
    size_t own[2] = {fields->n, 0};
    r = add_identity(facts, head);
    own[1] = fields->n;
    if (r == 0) {
        r = add_x_forwarded(facts, &onward, head);
    }
    if (r == 0) {
        r = add_if_any(fields, STR("Forwarded"), onward.forwarded);
    }
    if (r == 0) {
        r = add_if_any(fields, STR("X-Request-Id"), facts->request_id);
    }
    if (r == 0) {
        r = add_via(facts->names, head->minor, fields);
    }
    return r == 0 ? add_signature(facts, own, head) : r;
}

static bool names_client_cert(struct str vary)
{
    struct str rest = vary;
    struct str member;
    bool more = true;
    while (more) {
        more = str_cut(rest, ',', &member, &rest);
        member = str_trim(member);
        if (str_ieq(member, STR("Client-Cert")) || str_ieq(member, STR("Client-Cert-Chain"))) {
            return true;
        }
    }
    return false;
}

/* No cache behind us sees Client-Cert: for them such an answer fits no other request. */
static void widen_vary(struct fields *fields)
{
    for (size_t i = 0; i < fields->n; i++) {
        if (str_ieq(fields->v[i].name, STR("Vary")) && names_client_cert(fields->v[i].value)) {
            fields->v[i].value = STR("*");
        }
    }
}

int forward_response(const struct conf_headers *names, struct str request_id, int64_t wall_ms,
                     struct http_response *head)
{
    struct fields *fields = &head->fields;
    unsigned minor = head->minor;
    hop_strip(fields);
    fields_remove_if(fields, drop_from_response, NULL);
    widen_vary(fields);
    if (head->status < 200) {
        return 0;
    }
    if (fields_find(fields, STR("Date")) == NULL) {
        char *date = arena_alloc(fields->arena, CLOCK_HTTP_DATE_LEN + 1);
        if (date == NULL) {
            return -ERR_NOMEM;
        }
        clock_http_date(wall_ms, date);
        int r = fields_add(fields, STR("Date"), (struct str){date, CLOCK_HTTP_DATE_LEN});
        if (r != 0) {
            return r;
        }
    }
    int r = add_if_any(fields, STR("X-Request-Id"), request_id);
    return r == 0 ? add_via(names, minor, fields) : r;
}

void forward_trailers(const struct conf_headers *names, struct fields *trailers)
{
    struct conf_headers of = *names;
    hop_strip(trailers);
    fields_remove_if(trailers, drop_from_trailers, &of);
}
