/* A histogram of durations with a fixed number of log-linear buckets, fit for shared memory: one
 * writer a slot, any number of readers. */
#ifndef BASE_HIST_H
#define BASE_HIST_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Exact from 0 to 7 us, then 8 linear steps for each power of two; the last is open and begins at
 * 7.86 s (15 * 2^19 us). */
#define HIST_BUCKETS 168

struct hist {
    _Atomic uint64_t count;
    _Atomic uint64_t sum_us;
    _Atomic uint64_t bucket[HIST_BUCKETS];
};

/* Count one duration in microseconds. */
void hist_add(struct hist *h, uint64_t us);

/* Upper bound in microseconds of bucket i (inclusive); UINT64_MAX for the last. */
uint64_t hist_bound_us(size_t i);

/* How many of h are <= us (us rounded up to its bucket's bound). */
uint64_t hist_at_most(const struct hist *h, uint64_t us);

/* Add all counts of from to h. */
void hist_merge(struct hist *h, const struct hist *from);

/* The smallest bucket's bound so that percent (0-100) of the counts are <= it, by nearest rank; the
 * beginning of the last bucket if it lies there; 0 when h is empty. */
uint64_t hist_percentile_us(const struct hist *h, double percent);

#endif
