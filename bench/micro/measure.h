/* Clocks and medians for the small benchmarks. */
#ifndef BENCH_MICRO_MEASURE_H
#define BENCH_MICRO_MEASURE_H

#include <stddef.h>

/* The nanoseconds of this thread's CPU time that work(arg) takes. What warms up does not go through
 * here: bench/micro/instructions has callgrind count what is done in this function. */
double measure_work(void (*work)(void *arg), void *arg);

/* Do turn(arg): all that is measured of one thing in one round, as callgrind is told by the name.
 */
void measure_turn(void (*turn)(void *arg), void *arg);

/* The middle one of v[n], which gets sorted; n > 0. */
double measure_median(double *v, size_t n);

/* Numbers 0 to n - 1 in a random order. */
void measure_shuffle(size_t *order, size_t n);

#endif
