/* llhttp, with nothing lenient: the parser of heads, and a second opinion on chunked bodies. All
 * that depends on llhttp's version stands in h1_parse.c. */
#ifndef PROXY_HTTP_H1_PARSE_H
#define PROXY_HTTP_H1_PARSE_H

#include <llhttp.h>

#include "base/field.h"
#include "proxy/http/h1_lines.h"

struct h1_parse {
    llhttp_t llhttp;
    struct fields *fields; /* where fields go; borrowed while a head is parsed */
    struct str text;       /* target or phrase */
    struct str name;
    struct str value;
    bool is_head_done;
    bool is_message_done;
    bool is_out_of_memory;
};

/* Start on the next message with a clean parser. */
void h1_parse_begin(struct h1_parse *p, bool is_response);

/* Parse a whole, guarded head and append its fields, borrowed from head, values trimmed, to out.
 * start: the start line as cut by h1_lines; llhttp must read the same. Returns 0, -ERR_MALFORMED if
 * llhttp refuses the head or reads it differently (out then holds some fields), -ERR_NOMEM. */
int h1_parse_head(struct h1_parse *p, struct str head, const struct h1_start *start,
                  struct fields *out) __attribute__((warn_unused_result));

/* Let llhttp follow the octets of a chunked body. False if it refuses them. */
bool h1_parse_follow(struct h1_parse *p, struct str octets) __attribute__((warn_unused_result));

/* True if llhttp, too, has seen the end of the message. */
bool h1_parse_is_done(const struct h1_parse *p);

#endif
