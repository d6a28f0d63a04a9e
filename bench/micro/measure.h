/* Clocks and medians for the small benchmarks. */
#ifndef BENCH_MICRO_MEASURE_H
#define BENCH_MICRO_MEASURE_H

#include <stddef.h>

/* CPU time of this thread in nanoseconds. One reading costs some hundred. */
double measure_cpu_ns(void);

/* The middle one of v[n], which gets sorted; n > 0. */
double measure_median(double *v, size_t n);

/* Numbers 0 to n - 1 in a random order. */
void measure_shuffle(size_t *order, size_t n);

#endif
