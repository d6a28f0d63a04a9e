/* How much memory a configuration may come to: what countersign check says. One thread. */
#ifndef CLI_ROOM_H
#define CLI_ROOM_H

#include <stdint.h>

#include "proxy/exchange/env.h"

/* Octets, each at its bound. */
struct room {
    uint64_t connection;      /* one that idles */
    uint64_t connection_1_2;  /* the same where it speaks TLS 1.2; 0: no listener does */
    uint64_t sessions;        /* kept for resumption, of all workers */
    uint64_t caches_a_worker; /* remembered passwords and chains, decoded certificates */
    uint64_t workers;
    uint64_t all;
};

/* What r may come to with so many workers (at least 1). */
struct room room_of(const struct runtime *r, uint32_t workers);

/* One line of it on standard output. */
void room_print(const struct runtime *r);

#endif
