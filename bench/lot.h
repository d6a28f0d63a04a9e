/* Numbers drawn by lot, the same for the same seed (splitmix64): for schedules and picks, never for
 * secrets. One thread for each. */
#ifndef BENCH_LOT_H
#define BENCH_LOT_H

#include <stdint.h>

struct lot {
    uint64_t state;
};

/* Begin a row of numbers that depends on seed and stream (a thread's index). */
void lot_init(struct lot *l, uint64_t seed, uint64_t stream);

/* 64 bits. */
uint64_t lot_next(struct lot *l);

/* A number in [0, 1). */
double lot_share(struct lot *l);

/* A number in [0, n); n >= 1. */
uint64_t lot_below(struct lot *l, uint64_t n);

#endif
