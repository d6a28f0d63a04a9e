/* The octets of a request. Pure, any thread. */
#ifndef BENCH_REQUEST_H
#define BENCH_REQUEST_H

#include "base/str.h"
#include "bench/options.h"

/* The head of a request to o's target with Basic credentials (RFC 7617), or without if user.p is
 * NULL. One block of memory of exactly that size, secret: give it to request_free. p is NULL when
 * there is no memory. The body, of o->body_bytes octets, is not in it. */
struct str request_make(const struct options *o, struct str user, struct str password)
    __attribute__((warn_unused_result));

/* Wipe and free. */
void request_free(struct str request);

#endif
