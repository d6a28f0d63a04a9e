/* The strict check of raw octets in front of llhttp: of a request head, a response head, or a
 * trailer section. A state machine of one octet at a time, so its verdict cannot depend on how the
 * octets were cut into records. */
#ifndef PROXY_HTTP_GUARD_H
#define PROXY_HTTP_GUARD_H

#include <stdint.h>

#include "base/reason.h"
#include "base/str.h"

enum guard_kind { GUARD_REQUEST = 0, GUARD_RESPONSE, GUARD_TRAILERS };

enum guard_result { GUARD_BAD = 0, GUARD_MORE, GUARD_DONE };

struct guard {
    enum guard_kind kind;
    unsigned char state;
    uint32_t octets; /* so far */
    uint32_t octets_max;
    uint32_t fields;
    uint32_t fields_max;
    uint32_t line_octets; /* of the current line; of the target in the request line */
    uint32_t target_max;
    uint8_t empty_lines; /* before the start line: one is allowed in a request */
    uint8_t version_at;  /* place in "HTTP/1.x" */
};

/* Prepare g. Limits are counts of octets and fields; target_max is for requests. */
void guard_init(struct guard *g, enum guard_kind kind, uint32_t octets_max, uint32_t fields_max,
                uint32_t target_max);

/* Look at octets. *used: how many belong to the head (all, but when the end is in them).
 * GUARD_DONE: the octet before *used was the last of the head. GUARD_BAD: *why says why (status
 * 400, 414, 431, 501, 505); g is then dead. */
enum guard_result guard_feed(struct guard *g, struct str octets, size_t *used, enum reason *why);

#endif
