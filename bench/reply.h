/* A strict reader of one HTTP/1.1 answer (RFC 9112), fed as it arrives. Bodies are counted and
 * dropped. Fixed size, allocates nothing; one thread. */
#ifndef BENCH_REPLY_H
#define BENCH_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLY_HEAD_MAX 65536 /* octets of all heads of an answer, interim ones included */

enum reply_result {
    REPLY_MORE = 0, /* all was taken; the answer goes on */
    REPLY_DONE,     /* complete; *used tells where it ends */
    REPLY_BAD       /* no HTTP/1.1 answer, or framed in two ways */
};

struct reply {
    unsigned state; /* private, as what follows it up to `status` */
    bool head_request, v10, chunked, has_length, seen_close, seen_keepalive, value_overflow;
    unsigned matched; /* digits or characters of a fixed form */
    unsigned field;   /* which of the fields that matter */
    size_t name_n, value_n;
    char name[20];
    char value[64];
    uint64_t left; /* of the body or chunk */
    size_t head_n; /* octets of head so far */

    unsigned status; /* of the final answer, once REPLY_DONE */
    bool keep;       /* the connection may be used again */
    uint64_t body;   /* octets of content */
};

/* Begin to read an answer; head_request: it answers HEAD. */
void reply_init(struct reply *r, bool head_request);

/* Take n octets at p; *used: how many belong to the answer (all for REPLY_MORE). */
enum reply_result reply_feed(struct reply *r, const char *p, size_t n, size_t *used);

/* The stream ended in order (close_notify). REPLY_DONE if that ends the answer, REPLY_MORE if
 * octets are missing. */
enum reply_result reply_eof(struct reply *r);

#endif
