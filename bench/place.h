/* Where an output goes: a file, replaced as a whole or not at all, or standard output. */
#ifndef BENCH_PLACE_H
#define BENCH_PLACE_H

#include "base/err.h"
#include "base/str.h"

/* Write text to path (mode 0644 less the umask; a link is followed; a device or pipe is written to
 * as it is); NULL or "-" is standard output. Returns 0 or -ERR_IO, -ERR_NOMEM with e. */
int place_put(const char *path, struct str text, struct err *e) __attribute__((warn_unused_result));

/* Refuse a path that place_put() could not write: for those who have long to do before. Returns 0
 * or -ERR_CONFIG with e. */
int place_check(const char *path, struct err *e) __attribute__((warn_unused_result));

#endif
