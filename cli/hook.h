/* Running a program of the operator's. */
#ifndef CLI_HOOK_H
#define CLI_HOOK_H

#include <stddef.h>

#include "base/err.h"

#define HOOK_VALUES_MAX 8

/* Run program (a path; no shell, no arguments) with standard input closed, in our own environment
 * and "NAME=value" of values (n of them, at most HOOK_VALUES_MAX), and wait for it; one that takes
 * longer than limit_ms is ended with all that it started. Returns 0, or with e: -ERR_IO (it cannot
 * be run), -ERR_DENIED (its exit status is not 0, or a signal ended it), -ERR_BUSY (the limit). */
int hook_run(const char *program, const char *const *values, size_t n, unsigned limit_ms,
             struct err *e) __attribute__((warn_unused_result));

#endif
