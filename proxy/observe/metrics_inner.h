/* The layout of the shared numbers: what metrics.c writes and metrics_text.c shows. Private to
 * proxy/observe. */
#ifndef PROXY_OBSERVE_METRICS_INNER_H
#define PROXY_OBSERVE_METRICS_INNER_H

#include <stdatomic.h>

#include "base/hist.h"
#include "proxy/observe/metrics.h"

#define METRICS_STATUS_MIN 100
#define METRICS_STATUS_MAX 599
#define METRICS_CACHE_LINE 64

/* One process's numbers. Only that process writes them, so slots never share a cache line. */
struct metrics {
    _Alignas(METRICS_CACHE_LINE) _Atomic int64_t numbers[METRIC_COUNT];
    _Atomic uint64_t reasons[REASON_COUNT];
    _Atomic uint64_t would[REASON_COUNT]; /* refusals that were only reported */
    _Atomic uint64_t statuses[METRICS_STATUS_MAX - METRICS_STATUS_MIN + 1];
    _Atomic int64_t dates[METRIC_DATE_COUNT]; /* 0: not set */
    struct hist times[METRIC_TIME_COUNT];
};

struct metrics_region {
    size_t mapped;    /* octets */
    unsigned slots;   /* of workers; one more stands behind them */
    int64_t start_ms; /* wall clock when the region was made: the start of the process */
    struct metrics slot[];
};

#endif
