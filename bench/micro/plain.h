/* Servers of bare libssl, stock and with each trick: the floor that our engine is measured by. */
#ifndef BENCH_MICRO_PLAIN_H
#define BENCH_MICRO_PLAIN_H

#include "bench/micro/contest.h"

/* What a plain server does beyond the stock one. */
enum plain_trick {
    PLAIN_NO_TICKETS = 1,
    PLAIN_STATEFUL = 2,  /* one ticket, whose session the server keeps */
    PLAIN_NARROW = 4,    /* what tuning.narrow_crypto does with this OpenSSL, if anything */
    PLAIN_REMEMBER = 8,  /* chains are remembered, SHA-256 over what was sent */
    PLAIN_AES_128 = 16,  /* preferred */
    PLAIN_OWN_BIO = 32,  /* octets are lent and taken, not copied through memory BIOs */
    PLAIN_GROUPS = 64,   /* a short list of them */
    PLAIN_CHAIN = 128,   /* the server's own is not built anew */
    PLAIN_BUFFERS = 256, /* given back when they are empty */
    PLAIN_ALL = 1 + 4 + 8 + 16 + 32 + 64 + 128 + 256
};

/* Make c a plain server with these tricks. Ends the program on a failure. */
void plain_init(struct contender *c, const struct pki *pki, unsigned tricks);

#endif
