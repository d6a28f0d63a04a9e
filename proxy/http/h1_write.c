/* Owns: the wire form of heads and chunks. Not: which fields are sent. Pure. */
#include "proxy/http/h1_write.h"

#include "base/enc.h"
#include "base/err.h"
#include "proxy/http/octet.h"

enum { LENGTH_LINE_MAX = 48 };

static bool all_visible(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!octet_is(s.p[i], OCTET_VISIBLE)) {
            return false;
        }
    }
    return true;
}

/* Fields that only the framing and the connection decide. */
static bool is_ours(struct str name)
{
    return str_ieq(name, STR("Host")) || str_ieq(name, STR("Connection")) ||
           str_ieq(name, STR("Content-Length")) || str_ieq(name, STR("Transfer-Encoding"));
}

static char *put(char *at, struct str s)
{
    if (s.n > 0) {
        memcpy(at, s.p, s.n);
    }
    return at + s.n;
}

/* Octets that the fields take. */
static size_t fields_len(const struct fields *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        const struct field *field = &f->v[i];
        n += is_ours(field->name) ? 0 : field->name.n + field->value.n + sizeof(": \r\n") - 1;
    }
    return n;
}

/* NULL if one of them must not be written. */
static char *put_fields(char *at, const struct fields *f)
{
    for (size_t i = 0; i < f->n; i++) {
        struct str name = f->v[i].name;
        struct str value = f->v[i].value;
        if (!http_is_token(name) || !octet_all_value(value)) {
            return NULL;
        }
        if (!is_ours(name)) {
            at = put(at, name);
            *at++ = ':';
            *at++ = ' ';
            at = put(at, value);
            *at++ = '\r';
            *at++ = '\n';
        }
    }
    return at;
}

/* Append first (n parts), the fields, then last (with the empty line), or nothing. */
static int write_head(struct buf *out, const struct str *first, size_t n, const struct fields *f,
                      struct str last)
{
    size_t len = fields_len(f) + last.n;
    for (size_t i = 0; i < n; i++) {
        len += first[i].n;
    }
    char *start = buf_reserve(out, len);
    if (start == NULL) {
        return len > out->cap - buf_len(out) ? -ERR_FULL : -ERR_NOMEM;
    }
    char *at = start;
    for (size_t i = 0; i < n; i++) {
        at = put(at, first[i]);
    }
    at = put_fields(at, f);
    if (at == NULL) {
        return -ERR_MALFORMED;
    }
    at = put(at, last);
    buf_commit(out, (size_t)(at - start));
    return 0;
}

/* The framing field, if any, with its CRLF. */
static struct str framing_line(enum http_framing framing, uint64_t length,
                               char scratch[LENGTH_LINE_MAX])
{
    char *at;
    switch (framing) {
    case HTTP_FRAMING_NONE:
    case HTTP_FRAMING_CLOSE:
        break;
    case HTTP_FRAMING_LENGTH:
        at = put(scratch, STR("Content-Length: "));
        at += enc_decimal(length, at);
        at = put(at, STR("\r\n"));
        return (struct str){scratch, (size_t)(at - scratch)};
    case HTTP_FRAMING_CHUNKED:
        return STR("Transfer-Encoding: chunked\r\n");
    }
    return STR("");
}

int h1_write_request(struct buf *out, const struct http_request *head)
{
    char length[LENGTH_LINE_MAX];
    char last[LENGTH_LINE_MAX + 2];
    if (head->target.n == 0 || !all_visible(head->target) || !all_visible(head->authority) ||
        head->method == HTTP_METHOD_NONE) {
        return -ERR_MALFORMED;
    }
    const struct str first[] = {
        http_method_text(head->method), STR(" "),        head->target,
        STR(" HTTP/1.1\r\nHost: "),     head->authority, STR("\r\n"),
    };
    struct str framing = framing_line(head->framing, head->length, length);
    char *end = put(put(last, framing), STR("\r\n"));
    return write_head(out, first, sizeof(first) / sizeof(first[0]), &head->fields,
                      (struct str){last, (size_t)(end - last)});
}

/* The framing that a response's fields tell. */
static enum http_framing told_framing(const struct http_response *head)
{
    if (head->status < 200 || head->status == 204) {
        return HTTP_FRAMING_NONE;
    }
    return head->status == 304 && head->framing != HTTP_FRAMING_LENGTH ? HTTP_FRAMING_NONE
                                                                       : head->framing;
}

static struct str connection_line(const struct http_response *head, enum http_framing framing,
                                  unsigned client_minor)
{
    if (head->status < 200) {
        return STR("");
    }
    if (!head->keep_alive || framing == HTTP_FRAMING_CLOSE) {
        return STR("Connection: close\r\n");
    }
    return client_minor == 0 ? STR("Connection: keep-alive\r\n") : STR("");
}

int h1_write_response(struct buf *out, const struct http_response *head, unsigned client_minor)
{
    char start[32];
    char length[LENGTH_LINE_MAX];
    char last[2 * LENGTH_LINE_MAX];
    enum http_framing framing = told_framing(head);
    if (head->status < 100 || head->status > 599 || !octet_all_value(head->phrase)) {
        return -ERR_MALFORMED;
    }
    if (framing == HTTP_FRAMING_CHUNKED && client_minor == 0) {
        return -ERR_INTERNAL;
    }
    char *start_end = put(start, STR("HTTP/1.1 "));
    start_end += enc_decimal(head->status, start_end);
    *start_end++ = ' ';
    const struct str first[] = {{start, (size_t)(start_end - start)}, head->phrase, STR("\r\n")};
    char *end = put(last, framing_line(framing, head->length, length));
    end = put(end, connection_line(head, framing, client_minor));
    end = put(end, STR("\r\n"));
    return write_head(out, first, sizeof(first) / sizeof(first[0]), &head->fields,
                      (struct str){last, (size_t)(end - last)});
}

int h1_write_chunk_begin(struct buf *out, size_t n)
{
    return buf_printf(out, "%zx\r\n", n);
}

int h1_write_chunk_end(struct buf *out)
{
    return buf_append(out, STR("\r\n"));
}

int h1_write_last_chunk(struct buf *out, const struct fields *trailers)
{
    static const struct fields none = {0};
    const struct str first[] = {STR("0\r\n")};
    return write_head(out, first, 1, trailers != NULL ? trailers : &none, STR("\r\n"));
}
