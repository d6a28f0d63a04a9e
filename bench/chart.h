/* Scripts for gnuplot: what is drawn of runs. Pure; one thread. */
#ifndef BENCH_CHART_H
#define BENCH_CHART_H

#include <jansson.h>

#include "base/buf.h"

#define CHART_RUNS_MAX 8 /* colours that can be told apart */

/* One run of a report. */
struct chart_run {
    const char *name; /* what a reader knows it by; NULL for the only one */
    const json_t *document;
};

enum chart_kind {
    CHART_PERCENTILES = 0, /* latency by percentile */
    CHART_RATE,            /* right and wrong answers in each second */
    CHART_SECONDS,         /* latency in each second */
    CHART_SEARCH,          /* latency by rate, of --find-max */
    CHART_COUNT
};

/* Heading of a kind, and what stands under it. */
const char *chart_title(enum chart_kind kind);
const char *chart_text(enum chart_kind kind);

/* True if the runs hold enough to draw it. */
bool chart_has(enum chart_kind kind, const struct chart_run *runs, size_t n);

/* Append the script of a chart of n (at most CHART_RUNS_MAX) runs to out. narrow: for a telephone.
 * Line i has the colour rgb(i+1, i+1, i+1), which a style sheet replaces; text and axes are black,
 * the grid is gray. Returns as buf_append. */
int chart_script(enum chart_kind kind, const struct chart_run *runs, size_t n, bool narrow,
                 struct buf *out) __attribute__((warn_unused_result));

#endif
