/* Owns: the order in which a head is looked at: start line, llhttp, fields. Any thread. */
#include "proxy/http/h1_head.h"

#include "base/err.h"
#include "proxy/http/h1_parse.h"

/* Parse the fields by llhttp. If it refuses the head, they are cut by hand, only so that the checks
 * can name the reason; *is_good is then false and the head is refused in any case. */
static enum reason read_fields(bool is_response, struct str head, struct str lines,
                               const struct h1_start *start, struct fields *out, bool *is_good)
{
    struct arena *a = out->arena;
    int rc = h1_parse_head(is_response, head, start, out);
    *is_good = rc == 0;
    if (rc == -ERR_MALFORMED) {
        fields_init(out, a);
        rc = h1_lines_fields(lines, out);
    }
    return rc == 0 ? REASON_OK : REASON_OUT_OF_MEMORY;
}

enum reason h1_head_request(struct str head, struct arena *a, uint64_t body_max,
                            struct http_request *out)
{
    struct h1_start start;
    struct str lines;
    struct target target;
    bool is_good = false;
    *out = (struct http_request){0};
    fields_init(&out->fields, a);
    h1_lines_request(head, &start, &lines);
    out->method = http_method_of(start.method);
    out->minor = start.minor;
    if (out->method == HTTP_METHOD_NONE) {
        return str_eq(start.method, STR("CONNECT")) ? REASON_HTTP_CONNECT : REASON_HTTP_METHOD;
    }
    enum reason r = target_parse(start.text, out->method, a, &target);
    if (r != REASON_OK) {
        return r;
    }
    out->target = target.text;
    out->path = target.path;
    r = read_fields(false, head, lines, &start, &out->fields, &is_good);
    if (r == REASON_OK) {
        r = h1_check_request(out, &target, body_max);
    }
    return r == REASON_OK && !is_good ? REASON_HTTP_SYNTAX : r;
}

enum reason h1_head_response(struct str head, struct arena *a, uint64_t body_max,
                             enum http_method request_method, struct http_response *out)
{
    struct h1_start start;
    struct str lines;
    bool is_good = false;
    *out = (struct http_response){0};
    fields_init(&out->fields, a);
    h1_lines_response(head, &start, &lines);
    out->status = start.status;
    out->minor = start.minor;
    out->phrase = start.text;
    enum reason r = read_fields(true, head, lines, &start, &out->fields, &is_good);
    if (r == REASON_OK) {
        r = h1_check_response(out, request_method, body_max);
    }
    return r == REASON_OK && !is_good ? REASON_HTTP_SYNTAX : r;
}
