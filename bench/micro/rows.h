/* Single steps of a request and of a connection, in nanoseconds each. */
#ifndef BENCH_MICRO_ROWS_H
#define BENCH_MICRO_ROWS_H

#include "bench/micro/pki.h"

/* Measure and print all of them. */
void rows_run(const struct pki *pki);

#endif
