/* A histogram as a list of percentiles: closer together the nearer to 100, as HdrHistogram's text
 * format has them. Pure; one thread. */
#ifndef BENCH_HGRM_H
#define BENCH_HGRM_H

#include "base/buf.h"
#include "base/hist_fine.h"

#define HGRM_POINTS_MAX 400 /* more than any histogram gives */

struct hgrm_point {
    double percent;
    uint64_t value_ns; /* so many percent are at most this */
    uint64_t count;    /* of values up to it */
};

/* The points of h, five for each halving of what lies above; the last is 100 percent, the maximum.
 * Returns how many; 0 for an empty histogram. */
size_t hgrm_points(const struct hist_fine *h, struct hgrm_point out[HGRM_POINTS_MAX]);

/* Append h in HdrHistogram's percentile format (.hgrm), values in milliseconds. Returns as
 * buf_append. */
int hgrm_write(const struct hist_fine *h, struct buf *out) __attribute__((warn_unused_result));

#endif
