/* The seconds of a run as comma-separated values, one line each under a line of names. */
#ifndef BENCH_SERIES_H
#define BENCH_SERIES_H

#include "base/buf.h"
#include "bench/result.h"

/* Append them to out; times in nanoseconds. Returns as buf_append. */
int series_write(const struct result *r, struct buf *out) __attribute__((warn_unused_result));

#endif
