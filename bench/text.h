/* A result for people: one screen, what matters first. Pure; one thread. */
#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include "base/buf.h"
#include "bench/result.h"

/* Append r to out. Returns as buf_append. */
int text_write(const struct result *r, struct buf *out) __attribute__((warn_unused_result));

#define TEXT_COUNT_MAX 32

/* n with a comma before every three digits ("12,345") into out, NUL-ended; returns out. */
const char *text_count(uint64_t n, char out[TEXT_COUNT_MAX]);

#endif
