/* Numbers with units as the command line writes them. Pure, any thread. */
#ifndef BENCH_QUANTITY_H
#define BENCH_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Each reads all of s into *out; false (and *out unchanged) if s is not of that form. */

/* Digits, optionally '.' and digits; no sign, no exponent. */
bool quantity_number(struct str s, double *out);

/* A number and a unit out of ns, us, ms, s, m, h ("1.5ms"); *out in nanoseconds, below 2^62. */
bool quantity_time(struct str s, uint64_t *out);

/* "5%" or "0.05": a share from 0 to 1. */
bool quantity_share(struct str s, double *out);

/* "500/s" or "500": so many a second, 0.0001 to 10,000,000. */
bool quantity_rate(struct str s, double *out);

/* Digits with B, KiB, MiB, GiB or nothing for octets. */
bool quantity_size(struct str s, uint64_t *out);

/* "p99", "p99.9": a percentile, above 0 and at most 100. */
bool quantity_percentile(struct str s, double *out);

#define QUANTITY_TEXT_MAX 24

/* ns as "870ns", "12.3us", "4.56ms", "1.20s" (three digits) into out, NUL-ended; returns out. */
const char *quantity_time_text(uint64_t ns, char out[QUANTITY_TEXT_MAX]);

#endif
