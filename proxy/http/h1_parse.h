/* llhttp, with nothing lenient: the parser of heads. Bodies need none: chunk.c reads the chunks, as
 * llhttp 8 refuses legal chunk extensions and versions differ on trailers. All that depends on
 * llhttp stands in h1_parse.c. */
#ifndef PROXY_HTTP_H1_PARSE_H
#define PROXY_HTTP_H1_PARSE_H

#include "base/field.h"
#include "proxy/http/h1_lines.h"

/* Parse a whole, guarded head and append its fields, borrowed from head, values trimmed, to out.
 * start: the start line as cut by h1_lines; llhttp must read the same. Returns 0, -ERR_MALFORMED if
 * llhttp refuses the head or reads it differently (out then holds some fields), -ERR_NOMEM. */
int h1_parse_head(bool is_response, struct str head, const struct h1_start *start,
                  struct fields *out) __attribute__((warn_unused_result));

/* "llhttp 8.1.1": the library that this was built with. */
const char *h1_parse_library(void);

#endif
