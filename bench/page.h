/* The HTML report: one file with everything in it, no script, no octet from elsewhere. Tables are
 * made here; plots are gnuplot's, and left out, with a word about it, where there is none. One
 * thread. */
#ifndef BENCH_PAGE_H
#define BENCH_PAGE_H

#include "bench/chart.h"

/* Append the report on n runs, side by side, to out. 1 <= n <= CHART_RUNS_MAX. Returns 0, -ERR_FULL
 * or -ERR_NOMEM. */
int page_write(const struct chart_run *runs, size_t n, struct buf *out)
    __attribute__((warn_unused_result));

#endif
