/* Owns: the semantic checks of a head's fields. Not: their octets (guard.c) or who may send them.
 * Pure. */
#include "proxy/http/h1_check.h"

#include "proxy/http/hop.h"

/* A field that may stand once: how often it does, and its last value. */
struct single {
    size_t n;
    struct str value;
};

struct survey {
    struct single host;
    struct single te;
    struct single cl;
    struct single expect;
    struct single upgrade;
    size_t connection_members;
    bool has_look_alike;
};

static bool note(struct single *s, const struct field *f, struct str name)
{
    if (!str_ieq(f->name, name)) {
        return false;
    }
    s->n++;
    s->value = f->value;
    return true;
}

static size_t count_members(struct str list)
{
    size_t n = 1;
    for (size_t i = 0; i < list.n; i++) {
        n += list.p[i] == ',' ? 1 : 0;
    }
    return n;
}

static void survey_field(struct survey *s, const struct field *f)
{
    if (note(&s->host, f, STR("Host")) || note(&s->te, f, STR("Transfer-Encoding")) ||
        note(&s->cl, f, STR("Content-Length")) || note(&s->expect, f, STR("Expect")) ||
        note(&s->upgrade, f, STR("Upgrade"))) {
        return;
    }
    if (str_ieq(f->name, STR("Connection"))) {
        s->connection_members += count_members(f->value);
    } else if (field_alike(f->name, STR("Content-Length")) ||
               field_alike(f->name, STR("Transfer-Encoding"))) {
        s->has_look_alike = true;
    }
}

static enum reason survey_fields(struct survey *s, const struct fields *fields)
{
    *s = (struct survey){0};
    for (size_t i = 0; i < fields->n; i++) {
        survey_field(s, &fields->v[i]);
    }
    if (s->has_look_alike) {
        return REASON_HTTP_FIELD_NAME;
    }
    return s->connection_members > H1_CHECK_CONNECTION_MAX ? REASON_HTTP_FIELD_VALUE : REASON_OK;
}

/* 1*DIGIT without superfluous zeros. The number of digits is looked at before they are added up. */
static enum reason read_length(struct str value, uint64_t max, uint64_t *length)
{
    enum { DIGITS_MAX = 19 };
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9') {
            return REASON_HTTP_CONTENT_LENGTH;
        }
    }
    if (value.n == 0 || (value.n > 1 && value.p[0] == '0')) {
        return REASON_HTTP_CONTENT_LENGTH;
    }
    if (value.n > DIGITS_MAX || !str_to_u64(value, length) || *length > max ||
        *length > INT64_MAX) {
        return REASON_HTTP_BODY_TOO_LARGE;
    }
    return REASON_OK;
}

static enum reason read_framing(const struct survey *s, unsigned minor, uint64_t max,
                                enum http_framing *framing, uint64_t *length)
{
    *framing = HTTP_FRAMING_NONE;
    *length = 0;
    if (s->te.n > 0 && s->cl.n > 0) {
        return REASON_HTTP_LENGTH_AND_CHUNKED;
    }
    if (s->te.n > 0) {
        if (s->te.n > 1 || minor == 0 || !str_ieq(s->te.value, STR("chunked"))) {
            return REASON_HTTP_TRANSFER_ENCODING;
        }
        *framing = HTTP_FRAMING_CHUNKED;
    } else if (s->cl.n > 0) {
        enum reason r =
            s->cl.n > 1 ? REASON_HTTP_CONTENT_LENGTH : read_length(s->cl.value, max, length);
        if (r != REASON_OK) {
            return r;
        }
        *framing = HTTP_FRAMING_LENGTH;
    }
    return REASON_OK;
}

static bool keeps_alive(unsigned minor, const struct fields *fields)
{
    if (hop_connection_has(fields, STR("close"))) {
        return false;
    }
    return minor > 0 || hop_connection_has(fields, STR("keep-alive"));
}

static uint64_t port_number(struct str port, bool is_https)
{
    uint64_t number = 0;
    if (!str_to_u64(port, &number)) {
        number = is_https ? 443 : 80;
    }
    return number;
}

static enum reason check_host(struct http_request *q, const struct target *t,
                              const struct single *host)
{
    struct str port = STR_NONE;
    if (host->n > 1) {
        return REASON_HTTP_HOST_REPEATED;
    }
    if (host->n == 0 && q->minor > 0) {
        return REASON_HTTP_HOST_MISSING;
    }
    q->authority = host->value;
    if (host->n > 0 && !http_authority_parse(host->value, &q->host, &port)) {
        return REASON_HTTP_HOST_INVALID;
    }
    if (t->authority.n == 0) {
        return REASON_OK;
    }
    struct str target_host;
    struct str target_port;
    q->authority = t->authority;
    if (!http_authority_parse(t->authority, &target_host, &target_port)) {
        return REASON_HTTP_TARGET;
    }
    if (host->n > 0 && (!str_ieq(q->host, target_host) ||
                        port_number(port, t->is_https) != port_number(target_port, t->is_https))) {
        return REASON_HTTP_HOST_NOT_TARGET;
    }
    q->host = target_host;
    return REASON_OK;
}

/* An expectation of HTTP/1.0 is not answered, nor one of a request without body (RFC 9110
 * 10.1.1). */
static enum reason check_expect(struct http_request *q, const struct single *expect)
{
    bool has_body = q->framing == HTTP_FRAMING_CHUNKED || q->length > 0;
    if (expect->n == 0) {
        return REASON_OK;
    }
    if (expect->n > 1 || !str_ieq(expect->value, STR("100-continue"))) {
        return REASON_HTTP_EXPECTATION;
    }
    q->expect_continue = q->minor > 0 && has_body;
    return REASON_OK;
}

enum reason h1_check_request(struct http_request *q, const struct target *t, uint64_t body_max)
{
    struct survey s;
    enum reason r = survey_fields(&s, &q->fields);
    if (r == REASON_OK) {
        r = check_host(q, t, &s.host);
    }
    if (r == REASON_OK) {
        r = read_framing(&s, q->minor, body_max, &q->framing, &q->length);
    }
    if (r != REASON_OK) {
        return r;
    }
    if (s.upgrade.n > 0 && hop_connection_has(&q->fields, STR("upgrade"))) {
        return REASON_HTTP_UPGRADE;
    }
    q->keep_alive = keeps_alive(q->minor, &q->fields);
    return check_expect(q, &s.expect);
}

bool h1_check_is_bodiless(unsigned status, enum http_method request_method)
{
    return request_method == HTTP_METHOD_HEAD || status < 200 || status == 204 || status == 304;
}

/* An interim answer that announces a body is refused: what follows may be that body or the next
 * head. After a 204 that does so the connection is not used again. */
static enum reason settle_bodiless(struct http_response *s)
{
    bool announces = s->framing == HTTP_FRAMING_CHUNKED || s->length > 0;
    if (s->status < 200 && announces) {
        return s->length > 0 ? REASON_HTTP_CONTENT_LENGTH : REASON_HTTP_TRANSFER_ENCODING;
    }
    if (s->status < 200 || s->status == 204) {
        s->keep_alive = s->keep_alive && !announces;
        s->framing = HTTP_FRAMING_NONE;
        s->length = 0;
    }
    return REASON_OK;
}

enum reason h1_check_response(struct http_response *s, enum http_method request_method,
                              uint64_t body_max)
{
    struct survey found;
    bool is_bodiless = h1_check_is_bodiless(s->status, request_method);
    enum reason r = survey_fields(&found, &s->fields);
    if (r == REASON_OK) {
        r = read_framing(&found, s->minor, is_bodiless ? INT64_MAX : body_max, &s->framing,
                         &s->length);
    }
    if (r != REASON_OK) {
        return r;
    }
    if (s->status == 101) {
        return REASON_HTTP_UPGRADE;
    }
    s->keep_alive = keeps_alive(s->minor, &s->fields);
    if (is_bodiless) {
        return settle_bodiless(s);
    }
    if (s->framing == HTTP_FRAMING_NONE) {
        s->framing = HTTP_FRAMING_CLOSE;
        s->keep_alive = false;
    }
    return REASON_OK;
}

static bool is_no_trailer(struct str name, void *arg)
{
    static const char *const prefixes[] = {"Content-",     "If-",     "Proxy-",
                                           "X-Forwarded-", "X-Real-", "Access-Control-"};
    static const char *const names[] = {
        "Host",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "Connection",
        "Keep-Alive",
        "Upgrade",
        "Expect",
        "Range",
        "Max-Forwards",
        "Cache-Control",
        "Pragma",
        "Authorization",
        "Cookie",
        "Set-Cookie",
        "WWW-Authenticate",
        "Authentication-Info",
        "Forwarded",
        "Via",
        "Location",
        "Vary",
        "Age",
        "Date",
        "Expires",
        "Retry-After",
    };
    (void)arg;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (field_begins_alike(name, str_of(prefixes[i]))) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (field_alike(name, str_of(names[i]))) {
            return true;
        }
    }
    return false;
}

void h1_check_trailers(struct fields *trailers)
{
    fields_remove_if(trailers, is_no_trailer, NULL);
}
