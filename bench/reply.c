/* Owns: what is a well-formed answer and where it ends. One thread. */
#include "bench/reply.h"

#include <string.h>

#include "base/str.h"

/* As deep as the states are alike: everything up to S_BODY is the head. */
enum state {
    S_VERSION = 0,
    S_STATUS,
    S_REASON,
    S_REASON_LF,
    S_LINE,
    S_NAME,
    S_VALUE,
    S_VALUE_LF,
    S_END_LF,
    S_LENGTH_BODY,
    S_CLOSE_BODY,
    S_CHUNK_SIZE,
    S_CHUNK_EXT,
    S_CHUNK_SIZE_LF,
    S_CHUNK_DATA,
    S_CHUNK_CR,
    S_CHUNK_LF,
    S_TRAILER,
    S_TRAILER_LINE,
    S_TRAILER_LF,
    S_TRAILER_END,
    S_DONE,
    S_BAD
};

enum field { FIELD_OTHER = 0, FIELD_LENGTH, FIELD_ENCODING, FIELD_CONNECTION };

void reply_init(struct reply *r, bool head_request)
{
    *r = (struct reply){.state = S_VERSION, .head_request = head_request};
}

/* What one octet after the other leads to; S_BAD refuses. */

static unsigned on_version(struct reply *r, char c)
{
    static const char form[] = "HTTP/1.x ";
    unsigned i = r->matched++;
    if (i == 7) {
        r->v10 = c == '0';
        return c == '0' || c == '1' ? S_VERSION : S_BAD;
    }
    if (c != form[i]) {
        return S_BAD;
    }
    if (i < sizeof(form) - 2) {
        return S_VERSION;
    }
    r->matched = 0;
    r->status = 0;
    return S_STATUS;
}

static unsigned on_status(struct reply *r, char c)
{
    if (r->matched < 3) {
        r->matched++;
        r->status = r->status * 10 + (unsigned)(c - '0');
        return c >= '0' && c <= '9' ? S_STATUS : S_BAD;
    }
    /* 101 would change the protocol, and nobody asked for it. */
    if (r->status < 100 || r->status > 599 || r->status == 101) {
        return S_BAD;
    }
    /* The blank is due even without a reason (RFC 9112 4); many leave it out. */
    if (c == '\r') {
        return S_REASON_LF;
    }
    return c == ' ' ? S_REASON : S_BAD;
}

static bool is_text(char c)
{
    unsigned char u = (unsigned char)c;
    return c == '\t' || (u >= ' ' && u != 0x7f);
}

static bool is_name(char c)
{
    bool letter = str_lower(c) >= 'a' && str_lower(c) <= 'z';
    return letter || (c >= '0' && c <= '9') || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static unsigned on_name(struct reply *r, char c)
{
    if (c == ':') {
        struct str name = {r->name, r->name_n};
        r->field = FIELD_OTHER;
        if (str_eq(name, STR("content-length"))) {
            r->field = FIELD_LENGTH;
        } else if (str_eq(name, STR("transfer-encoding"))) {
            r->field = FIELD_ENCODING;
        } else if (str_eq(name, STR("connection"))) {
            r->field = FIELD_CONNECTION;
        }
        r->value_n = 0;
        r->value_overflow = false;
        return S_VALUE;
    }
    if (!is_name(c)) {
        return S_BAD;
    }
    if (r->name_n < sizeof(r->name)) {
        r->name[r->name_n++] = str_lower(c);
    }
    return S_NAME;
}

static unsigned on_line(struct reply *r, char c)
{
    if (c == '\r') {
        return S_END_LF;
    }
    r->name_n = 0;
    return c != ':' ? on_name(r, c) : S_BAD;
}

static unsigned on_value(struct reply *r, char c)
{
    if (c == '\r') {
        return S_VALUE_LF;
    }
    if (!is_text(c)) {
        return S_BAD;
    }
    if (r->field != FIELD_OTHER) {
        if (r->value_n < sizeof(r->value)) {
            r->value[r->value_n++] = str_lower(c);
        } else {
            r->value_overflow = true;
        }
    }
    return S_VALUE;
}

static void read_connection(struct reply *r, struct str value)
{
    struct str head;
    bool more = true;
    while (more) {
        more = str_cut(value, ',', &head, &value);
        head = str_trim(head);
        r->seen_close = r->seen_close || str_eq(head, STR("close"));
        r->seen_keepalive = r->seen_keepalive || str_eq(head, STR("keep-alive"));
    }
}

static unsigned on_value_end(struct reply *r, char c)
{
    struct str value = str_trim((struct str){r->value, r->value_n});
    if (c != '\n') {
        return S_BAD;
    }
    switch ((enum field)r->field) {
    case FIELD_LENGTH:
        if (r->has_length || r->value_overflow || !str_to_u64(value, &r->left)) {
            return S_BAD;
        }
        r->has_length = true;
        break;
    case FIELD_ENCODING:
        if (r->chunked || r->value_overflow || !str_eq(value, STR("chunked"))) {
            return S_BAD;
        }
        r->chunked = true;
        break;
    case FIELD_CONNECTION:
        /* A list too long to be kept: as if the server closed. */
        r->seen_close = r->seen_close || r->value_overflow;
        read_connection(r, value);
        break;
    case FIELD_OTHER:
    default:
        break;
    }
    return S_LINE;
}

static unsigned finish(struct reply *r, bool keep)
{
    r->keep = keep && !r->seen_close && (!r->v10 || r->seen_keepalive);
    return S_DONE;
}

/* The empty line after the head (RFC 9112 6.3). */
static unsigned on_head_end(struct reply *r, char c)
{
    if (c != '\n' || (r->chunked && (r->has_length || r->v10))) {
        return S_BAD;
    }
    if (r->status < 200) {
        size_t head_n = r->head_n;
        if (r->chunked || r->has_length) {
            return S_BAD;
        }
        reply_init(r, r->head_request);
        r->head_n = head_n;
        return S_VERSION;
    }
    if (r->head_request || r->status == 204 || r->status == 304) {
        return finish(r, true);
    }
    if (r->chunked) {
        r->matched = 0;
        r->left = 0;
        return S_CHUNK_SIZE;
    }
    if (!r->has_length) {
        return S_CLOSE_BODY;
    }
    return r->left == 0 ? finish(r, true) : S_LENGTH_BODY;
}

static int hex_digit(char c)
{
    char l = str_lower(c);
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

static unsigned on_chunk_size(struct reply *r, char c)
{
    int digit = hex_digit(c);
    if (digit >= 0) {
        r->left = r->left * 16 + (uint64_t)digit;
        return ++r->matched <= 15 ? S_CHUNK_SIZE : S_BAD;
    }
    if (r->matched == 0) {
        return S_BAD;
    }
    if (c == '\r') {
        return S_CHUNK_SIZE_LF;
    }
    return c == ';' || c == ' ' || c == '\t' ? S_CHUNK_EXT : S_BAD;
}

static unsigned on_chunk_size_end(struct reply *r, char c)
{
    if (c != '\n') {
        return S_BAD;
    }
    r->matched = 0;
    return r->left == 0 ? S_TRAILER : S_CHUNK_DATA;
}

/* A line that ends in CR LF and else holds text: its next state, and that after CR. */
static unsigned on_text(char c, unsigned same, unsigned after)
{
    if (c == '\r') {
        return after;
    }
    return is_text(c) ? same : S_BAD;
}

static unsigned on_head_octet(struct reply *r, char c)
{
    switch (r->state) {
    case S_VERSION:
        return on_version(r, c);
    case S_STATUS:
        return on_status(r, c);
    case S_REASON:
        return on_text(c, S_REASON, S_REASON_LF);
    case S_REASON_LF:
        return c == '\n' ? S_LINE : S_BAD;
    case S_LINE:
        return on_line(r, c);
    case S_NAME:
        return on_name(r, c);
    case S_VALUE:
        return on_value(r, c);
    case S_VALUE_LF:
        return on_value_end(r, c);
    default:
        return on_head_end(r, c);
    }
}

static unsigned on_chunk_octet(struct reply *r, char c)
{
    switch (r->state) {
    case S_CHUNK_SIZE:
        return on_chunk_size(r, c);
    case S_CHUNK_EXT:
        return on_text(c, S_CHUNK_EXT, S_CHUNK_SIZE_LF);
    case S_CHUNK_SIZE_LF:
        return on_chunk_size_end(r, c);
    case S_CHUNK_CR:
        return c == '\r' ? S_CHUNK_LF : S_BAD;
    case S_CHUNK_LF:
        return c == '\n' ? S_CHUNK_SIZE : S_BAD;
    case S_TRAILER:
        return c == '\r' ? S_TRAILER_END : on_text(c, S_TRAILER_LINE, S_BAD);
    case S_TRAILER_LINE:
        return on_text(c, S_TRAILER_LINE, S_TRAILER_LF);
    case S_TRAILER_LF:
        return c == '\n' ? S_TRAILER : S_BAD;
    default:
        return c == '\n' ? finish(r, true) : S_BAD;
    }
}

/* Drops octets of content in one go; returns how many. */
static size_t take_body(struct reply *r, size_t n)
{
    if (r->state == S_CLOSE_BODY) {
        r->body += n;
        return n;
    }
    size_t take = n < r->left ? n : (size_t)r->left;
    r->left -= take;
    r->body += take;
    if (r->left == 0) {
        r->state = r->state == S_CHUNK_DATA ? S_CHUNK_CR : finish(r, true);
    }
    return take;
}

enum reply_result reply_feed(struct reply *r, const char *p, size_t n, size_t *used)
{
    size_t i = 0;
    while (i < n && r->state != S_DONE && r->state != S_BAD) {
        if (r->state == S_LENGTH_BODY || r->state == S_CLOSE_BODY || r->state == S_CHUNK_DATA) {
            i += take_body(r, n - i);
            continue;
        }
        bool head = r->state < S_LENGTH_BODY || r->state >= S_TRAILER;
        if (head && ++r->head_n > REPLY_HEAD_MAX) {
            r->state = S_BAD;
            break;
        }
        r->state = r->state < S_LENGTH_BODY ? on_head_octet(r, p[i]) : on_chunk_octet(r, p[i]);
        i++;
    }
    *used = i;
    if (r->state == S_DONE) {
        return REPLY_DONE;
    }
    return r->state == S_BAD ? REPLY_BAD : REPLY_MORE;
}

enum reply_result reply_eof(struct reply *r)
{
    if (r->state == S_CLOSE_BODY) {
        r->state = finish(r, false);
    }
    return r->state == S_DONE ? REPLY_DONE : REPLY_MORE;
}
