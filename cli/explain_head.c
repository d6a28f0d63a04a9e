/* Owns: the head of the request that is asked about. Not: what is decided about it. */
#include "cli/explain_head.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/buf.h"

#define ARENA_MAX ((size_t)4 << 20)

static bool is_address(struct str host)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr parsed;
    if (host.n > 0 && host.p[0] == '[') {
        return true;
    }
    int n = snprintf(text, sizeof(text), "%.*s", STR_ARG(host));
    return n > 0 && (size_t)n < sizeof(text) && inet_pton(AF_INET, text, &parsed) == 1;
}

struct str explain_head_name(struct str host)
{
    struct str name = STR_NONE;
    struct str port;
    if (!http_authority_parse(host, &name, &port) || is_address(name)) {
        return STR_NONE;
    }
    return name;
}

static enum reason feed(struct explain_head *h, struct str text)
{
    size_t used = 0;
    h1_reader_begin(h->reader, &h->arena, HTTP_METHOD_NONE);
    switch (h1_reader_next(h->reader, text, &used)) {
    case H1_HEAD:
        h->request = h1_reader_request(h->reader);
        return REASON_OK;
    case H1_ERROR:
        return h1_reader_reason(h->reader);
    case H1_MORE:
    case H1_BODY:
    case H1_END:
        break;
    }
    return REASON_INTERNAL;
}

static int write_head(const struct explain_sent *sent, struct buf *out)
{
    const struct str parts[] = {
        sent->method,        STR(" "),
        sent->target,        STR(" HTTP/1.1\r\nHost: "),
        sent->host,          sent->authorization.p != NULL ? STR("\r\nAuthorization: ") : STR_NONE,
        sent->authorization, STR("\r\n\r\n")};
    int result = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && result == 0; i++) {
        result = buf_append(out, parts[i]);
    }
    return result;
}

enum reason explain_head_read(struct explain_head *h, const struct conf_limits *limits,
                              const struct explain_sent *sent)
{
    const struct h1_limits l = {
        .head_bytes = limits->head_bytes,
        .field_count = limits->field_count,
        .target_bytes = limits->target_bytes,
        .chunk_line_bytes = limits->chunk_line_bytes,
        .trailer_bytes = limits->trailer_bytes,
        .body_bytes = limits->body_bytes,
    };
    struct buf text;
    *h = (struct explain_head){.reader = h1_reader_new(false, &l)};
    arena_init(&h->arena, ARENA_MAX);
    buf_init(&text, sent->method.n + sent->target.n + sent->host.n + sent->authorization.n + 64);
    enum reason why = REASON_OUT_OF_MEMORY;
    if (h->reader != NULL && write_head(sent, &text) == 0) {
        why = feed(h, buf_str(&text));
    }
    buf_wipe(&text);
    return why;
}

void explain_head_fini(struct explain_head *h)
{
    if (h->reader != NULL) {
        h1_reader_free(h->reader);
        arena_release(&h->arena);
        h->reader = NULL;
    }
}
