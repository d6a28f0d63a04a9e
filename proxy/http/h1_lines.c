/* Owns: cutting guarded lines apart. Not: judging them (guard.c before, h1_check.c after). Pure. */
#include "proxy/http/h1_lines.h"

/* The line at the front of *rest, without its CRLF; *rest then begins behind it. */
static struct str next_line(struct str *rest)
{
    struct str line;
    (void)str_cut(*rest, '\n', &line, rest);
    return str_slice(line, 0, line.n > 0 ? line.n - 1 : 0);
}

static unsigned minor_of(struct str version)
{
    return str_eq(version, STR("HTTP/1.0")) ? 0 : 1;
}

void h1_lines_request(struct str head, struct h1_start *start, struct str *rest)
{
    struct str after;
    struct str version;
    *rest = head;
    struct str line = next_line(rest);
    *start = (struct h1_start){0};
    (void)str_cut(line, ' ', &start->method, &after);
    (void)str_cut(after, ' ', &start->text, &version);
    start->minor = minor_of(version);
}

void h1_lines_response(struct str head, struct h1_start *start, struct str *rest)
{
    struct str version;
    struct str after;
    struct str digits;
    uint64_t status = 0;
    *rest = head;
    struct str line = next_line(rest);
    *start = (struct h1_start){0};
    (void)str_cut(line, ' ', &version, &after);
    (void)str_cut(after, ' ', &digits, &start->text);
    start->minor = minor_of(version);
    if (str_to_u64(digits, &status)) {
        start->status = (unsigned)status;
    }
}

int h1_lines_fields(struct str lines, struct fields *out)
{
    for (struct str line = next_line(&lines); line.n > 0; line = next_line(&lines)) {
        struct str name;
        struct str value;
        (void)str_cut(line, ':', &name, &value);
        int rc = fields_add(out, name, str_trim(value));
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}
