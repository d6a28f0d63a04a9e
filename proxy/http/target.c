/* Owns: the grammar of request targets. Not: routing, nor what dots and escapes in a path mean.
 * Pure. */
#include "proxy/http/target.h"

#include "proxy/http/octet.h"

static bool is_path_and_query(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!octet_is(s.p[i], OCTET_URI)) {
            return false;
        }
        if (s.p[i] == '%' &&
            (s.n - i < 3 || !octet_is(s.p[i + 1], OCTET_HEX) || !octet_is(s.p[i + 2], OCTET_HEX))) {
            return false;
        }
    }
    return true;
}

static bool has_scheme(struct str text, struct str scheme)
{
    return str_ieq(str_slice(text, 0, scheme.n), scheme);
}

static enum reason finish(struct target *out, struct str text)
{
    struct str query;
    out->text = text;
    (void)str_cut(text, '?', &out->path, &query);
    return REASON_OK;
}

/* An absolute-form without a path: "/" (RFC 9110 4.2.3), or "*" (RFC 9112 3.2.4). */
static enum reason finish_without_path(struct target *out, struct str query, enum http_method m,
                                       struct arena *a)
{
    if (query.n == 0) {
        return finish(out, m == HTTP_METHOD_OPTIONS ? STR("*") : STR("/"));
    }
    char *p = arena_alloc(a, query.n + 1);
    if (p == NULL) {
        return REASON_OUT_OF_MEMORY;
    }
    p[0] = '/';
    memcpy(p + 1, query.p, query.n);
    return finish(out, (struct str){p, query.n + 1});
}

enum reason target_parse(struct str text, enum http_method m, struct arena *a, struct target *out)
{
    *out = (struct target){0};
    if (str_eq(text, STR("*"))) {
        return m == HTTP_METHOD_OPTIONS ? finish(out, text) : REASON_HTTP_TARGET;
    }
    if (!is_path_and_query(text)) {
        return REASON_HTTP_TARGET;
    }
    if (text.n > 0 && text.p[0] == '/') {
        return finish(out, text);
    }
    size_t from = 0;
    if (has_scheme(text, STR("http://"))) {
        from = sizeof("http://") - 1;
    } else if (has_scheme(text, STR("https://"))) {
        from = sizeof("https://") - 1;
        out->is_https = true;
    } else {
        return REASON_HTTP_TARGET;
    }
    size_t to = from;
    while (to < text.n && text.p[to] != '/' && text.p[to] != '?') {
        to++;
    }
    struct str host;
    struct str port;
    struct str rest = str_slice(text, to, text.n);
    out->authority = str_slice(text, from, to);
    if (!http_authority_parse(out->authority, &host, &port)) {
        return REASON_HTTP_TARGET;
    }
    if (rest.n > 0 && rest.p[0] == '/') {
        return finish(out, rest);
    }
    return finish_without_path(out, rest, m, a);
}
