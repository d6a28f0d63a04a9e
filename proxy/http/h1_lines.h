/* The lines of a head that the guard let pass, cut apart. After the guard this needs no judgement:
 * each line has exactly the shape that is cut here. */
#ifndef PROXY_HTTP_H1_LINES_H
#define PROXY_HTTP_H1_LINES_H

#include "base/field.h"
#include "base/str.h"

/* A start line. All borrowed from the head. */
struct h1_start {
    struct str method; /* requests */
    struct str text;   /* the target, or the reason phrase */
    unsigned minor;
    unsigned status; /* responses */
};

/* Read the request line at the front of a guarded head; *rest: what follows it. */
void h1_lines_request(struct str head, struct h1_start *start, struct str *rest);

/* Read the status line at the front of a guarded head; *rest: what follows it. */
void h1_lines_response(struct str head, struct h1_start *start, struct str *rest);

/* Append the fields of guarded lines, up to the empty one, to out; values trimmed. Returns 0 or
 * -ERR_NOMEM. */
int h1_lines_fields(struct str lines, struct fields *out) __attribute__((warn_unused_result));

#endif
