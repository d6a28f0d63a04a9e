/* Handshakes of several servers, in turns, with clients in the same process: only what the server
 * does is timed, by this thread's CPU clock. */
#ifndef BENCH_MICRO_CONTEST_H
#define BENCH_MICRO_CONTEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"
#include "bench/micro/pki.h"

/* A server as an engine. */
struct contender {
    const char *key; /* as documents have it */
    const char *name;
    bool resumes; /* clients come with the session of last time */
    void *self;
    /* A new connection; NULL ends the program. */
    void *(*begin)(void *self);
    /* Octets from the client; what is to be sent stands in *out (its owner's) then. False: the
     * handshake has failed. */
    bool (*feed)(void *connection, struct str octets, struct buf **out);
    /* What must be so once it is finished: the client's certificate is known and good. */
    bool (*is_done)(void *connection, bool resumed);
    void (*end)(void *connection);
    void (*free)(void *self);
    double *rounds; /* ns of one handshake; filled by contest_run() */
};

struct contest {
    size_t rounds;
    size_t handshakes; /* a round, at least */
    const struct pki *pki;
    const struct pki_kinds *kinds; /* of pki */
    const char *version;           /* "1.3", "1.2" */
};

/* How many handshakes of each contender there are in a round. */
size_t contest_handshakes(const struct contest *t);

/* Run c[n] in turns, in the first round in this order. A failed handshake ends the program. */
void contest_run(const struct contest *t, struct contender *c, size_t n);

#endif
