/* Writes a result in each format asked for. One thread, after the run. */
#ifndef BENCH_OUTPUT_H
#define BENCH_OUTPUT_H

#include "base/err.h"
#include "bench/result.h"

/* Write r to each of r->options->outputs (text to standard output if there is none). Files are
 * replaced as a whole or not at all. Returns 0 or -ERR_IO, -ERR_NOMEM with e set; the other outputs
 * are written none the less. */
int output_write(const struct result *r, struct err *e) __attribute__((warn_unused_result));

/* Refuse outputs of o that could not be written where they are to go. Returns 0 or -ERR_CONFIG with
 * e. */
int output_check(const struct options *o, struct err *e) __attribute__((warn_unused_result));

#endif
