/* Which client comes next. The table of zipf is shared by all threads, the rest is each thread's.
 */
#ifndef BENCH_PICK_H
#define BENCH_PICK_H

#include <stddef.h>

#include "bench/lot.h"
#include "bench/options.h"

struct pick {
    enum options_pick how;
    size_t n;
    size_t low, high; /* round-robin: clients from low to below high */
    size_t next;
    const double *zipf; /* borrowed; zipf only */
};

/* The sums of 1/1^s ... 1/n^s, the last made 1: n numbers, caller frees; NULL without memory. */
double *pick_zipf_table(size_t n, double s) __attribute__((warn_unused_result));

/* Prepare p for one thread of many: n >= 1 clients; table of n for zipf, else NULL. In round-robin
 * each thread has its own part of the clients, as only it holds their sessions; if there are fewer
 * clients than threads, all have all. */
void pick_init(struct pick *p, const struct options *o, size_t n, const double *table,
               size_t thread);

/* Index of the next client, below n. */
size_t pick_next(struct pick *p, struct lot *l);

#endif
