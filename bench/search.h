/* The search for the highest rate that meets an objective: doubling until one fails, then halving
 * the ratio between the bounds. A rate has failed when it failed twice in a row: one slow moment of
 * the computer proves nothing. Pure, knows nothing of how a rate is tried. */
#ifndef BENCH_SEARCH_H
#define BENCH_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

#define SEARCH_STEPS_MAX 32
#define SEARCH_CLOSE     1.03 /* bounds so near to each other are one */
#define SEARCH_RATE_MIN  0.5
#define SEARCH_RATE_MAX  1e7

struct search {
    double low;  /* the highest that met it; 0: none yet */
    double high; /* the lowest that did not; 0: none yet */
    double rate; /* to be tried next */
    bool doubt;  /* for the second time */
    size_t steps;
};

/* Begin at a rate above 0. */
void search_init(struct search *s, double rate);

/* s->rate was tried: s->rate is what to try next. False when the search is over: bounds met, no
 * rate meets it, none fails, or too many steps. */
bool search_tell(struct search *s, bool met);

/* True if both bounds are known and near to each other. */
bool search_converged(const struct search *s);

#endif
