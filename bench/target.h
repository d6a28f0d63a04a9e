/* The URL of the server under load, and which servers may be put under load. One thread. */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include "bench/options.h"

/* Read url (https://host[:port][/path], no user, no fragment) into the target fields of o; the host
 * is resolved, the first address counts. Returns 0 or -ERR_CONFIG with e set. */
int target_read(const char *url, struct options *o, struct err *e)
    __attribute__((warn_unused_result));

/* True if a is loopback or of a private network (RFC 1918, RFC 4193). Link-local addresses (where
 * clouds have their services) and those of a provider's NAT (RFC 6598) belong to others. */
bool target_is_private(const struct addr *a);

/* Read "127.0.0.2-127.0.0.9" or a single address (IPv4 ranges; IPv6 single) and append it to
 * o->sources. Returns NULL or what is expected. */
const char *target_sources(const char *text, struct options *o);

#endif
