/* One scalar as text to a number, a duration, a size and so on, and back. Private to conf. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Each reads all of s into *out and returns NULL, or a text that says what is expected, such as
 * "a number" (*out is then unchanged). */

/* Decimal digits, no sign, no leading zero. */
const char *value_count(struct str s, uint64_t *out);

/* Digits and a unit out of ms, s, m, h, d; *out in milliseconds. */
const char *value_duration(struct str s, uint64_t *out);

/* Digits and a unit out of B, KiB, MiB, GiB, or no unit for octets. */
const char *value_size(struct str s, uint64_t *out);

/* Permission bits: three or four octal digits. */
const char *value_mode(struct str s, uint64_t *out);

/* true or false, in lower case. */
const char *value_bool(struct str s, bool *out);

#define VALUE_TEXT_MAX 32

/* The shortest text that reads back as that number; into out, NUL-ended; returns out. */
const char *value_duration_text(uint64_t ms, char out[VALUE_TEXT_MAX]);
const char *value_size_text(uint64_t bytes, char out[VALUE_TEXT_MAX]);

#define VALUE_QUOTE_MAX 80

/* s in quotation marks, cut when long, safe to print; into out, NUL-ended; returns out. */
const char *value_quote(struct str s, char out[VALUE_QUOTE_MAX]);

#endif
