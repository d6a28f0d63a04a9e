/* A log-linear histogram of durations in nanoseconds, fine enough for percentiles: no value is told
 * more than 1/256 (0.4 %) too high. Plain memory, one thread at a time; threads keep one each and
 * merge them at the end. The coarse one for shared memory is base/hist.h. */
#ifndef BASE_HIST_FINE_H
#define BASE_HIST_FINE_H

#include <stddef.h>
#include <stdint.h>

/* Exact from 0 to 255 ns, then 256 linear steps for each power of two up to 2^40 ns (18 minutes),
 * where the last bucket is open. */
#define HIST_FINE_STEPS   256
#define HIST_FINE_BUCKETS 8448 /* 33 * 256 */

struct hist_fine {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t min_ns;  /* exact; UINT64_MAX while empty */
    uint64_t max_ns;  /* exact */
    uint64_t *bucket; /* owned; HIST_FINE_BUCKETS */
};

/* Prepare h, empty. Returns 0 or -ERR_NOMEM. */
int hist_fine_init(struct hist_fine *h) __attribute__((warn_unused_result));

/* Free what h owns; h may be all zero. */
void hist_fine_fini(struct hist_fine *h);

/* Forget all counts. */
void hist_fine_clear(struct hist_fine *h);

/* Count one duration. */
void hist_fine_add(struct hist_fine *h, uint64_t ns);

/* Add all counts of from to h. */
void hist_fine_merge(struct hist_fine *h, const struct hist_fine *from);

/* Upper bound in nanoseconds of bucket i (inclusive); UINT64_MAX for the last. */
uint64_t hist_fine_bound_ns(size_t i);

/* How many of h are <= ns (ns rounded up to its bucket's bound). */
uint64_t hist_fine_at_most(const struct hist_fine *h, uint64_t ns);

/* The smallest value so that percent (0-100) of the counts are <= it, by nearest rank: the upper
 * bound of that count's bucket, never above max_ns nor below min_ns. 0 when h is empty. */
uint64_t hist_fine_percentile(const struct hist_fine *h, double percent);

/* Mean in nanoseconds, exact; 0 when h is empty. */
uint64_t hist_fine_mean(const struct hist_fine *h);

/* Standard deviation in nanoseconds, taken from the middles of the buckets. */
double hist_fine_deviation(const struct hist_fine *h);

#endif
