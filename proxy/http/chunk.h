/* The framing of a chunked body (RFC 9112 7.1), strict and bounded, one octet at a time. */
#ifndef PROXY_HTTP_CHUNK_H
#define PROXY_HTTP_CHUNK_H

#include <stdint.h>

#include "base/reason.h"
#include "base/str.h"

enum chunk_event {
    CHUNK_BAD = 0, /* *why says why */
    CHUNK_MORE,    /* all octets were taken */
    CHUNK_DATA,    /* *data is a piece of the body */
    CHUNK_LAST     /* the last chunk's size line is taken: the trailer section follows */
};

struct chunk {
    unsigned char state;
    uint8_t digits;       /* of the size */
    uint32_t line_octets; /* of the size line, its CRLF included */
    uint32_t line_max;
    uint32_t excess;    /* of all size lines so far over what their data excuses */
    uint64_t left;      /* of this chunk's data */
    uint64_t body_left; /* what the body may still grow */
};

/* Prepare c. line_max: octets of a size line with extensions; body_max: octets of all data. */
void chunk_init(struct chunk *c, uint32_t line_max, uint64_t body_max);

/* Take octets up to the next event. *used: how many. *data borrows octets. Blanks in a size line
 * and more than 16 digits are refused (HTTP_CHUNK), legal or not; extensions are checked and
 * dropped. A size line may have 16 octets and two for each octet of its data; what lines have over
 * that adds up over the body to 16 KiB at most (HTTP_CHUNK). */
enum chunk_event chunk_feed(struct chunk *c, struct str octets, size_t *used, struct str *data,
                            enum reason *why);

#endif
