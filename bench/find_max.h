/* --find-max: runs at one rate after the other. Main thread. */
#ifndef BENCH_FIND_MAX_H
#define BENCH_FIND_MAX_H

#include "bench/engine.h"

/* Search the highest rate that meets o->slo, without a wrong answer and without work left undone.
 * r (prepared) becomes the result of that rate, or of the last one tried if none met it, with all
 * steps and bounds. Returns 0 or a negative error with e set. */
int find_max_run(struct engine *g, struct result *r, struct err *e)
    __attribute__((warn_unused_result));

#endif
