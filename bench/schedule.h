/* When operations of an open loop are due. One thread for each. */
#ifndef BENCH_SCHEDULE_H
#define BENCH_SCHEDULE_H

#include <stdint.h>

#include "bench/lot.h"
#include "bench/options.h"

struct schedule {
    enum options_arrivals arrivals;
    double interval_ns; /* mean, of this thread */
    double base_ns;     /* uniform: the first; poisson: the last, from start_ns on */
    uint64_t start_ns;
    uint64_t number; /* uniform: of the next */
    uint64_t due_ns; /* when the next operation is due */
};

/* Prepare s for thread `thread` of o->threads that together begin rate operations a second from
 * start_ns on. Uniform: the threads take turns at equal distances. */
void schedule_init(struct schedule *s, const struct options *o, double rate, uint64_t start_ns,
                   size_t thread, struct lot *l);

/* The operation that was due has been taken: s->due_ns is that of the one after it. */
void schedule_advance(struct schedule *s, struct lot *l);

#endif
