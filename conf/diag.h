/* What is wrong with a configuration, and where: collected, then printed all at once as
 * "file:line:column: error: key: what is wrong", the line, a caret, a suggestion. */
#ifndef CONF_DIAG_H
#define CONF_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/str.h"

/* A place in a configuration file. line 0: no place (a default, or no file). */
struct conf_pos {
    uint32_t file;   /* index that diags_source() gave */
    uint32_t line;   /* from 1 */
    uint32_t column; /* from 1, in octets */
};

enum diag_level { DIAG_ERROR = 0, DIAG_WARNING };

struct diags;

/* An empty collection; NULL without memory. */
struct diags *diags_new(void);

/* Free it; NULL is fine. */
void diags_free(struct diags *d);

/* Register a source so that its lines can be shown; name and text are copied. Returns its index. */
uint32_t diags_source(struct diags *d, const char *name, struct str text);

/* Put asterisks over what stands behind every key in a source (ASCII case aside), up to the next
 * blank or line end: a secret, which is not to be shown. */
void diags_mask(struct diags *d, uint32_t file, struct str key);

/* The name of a source, or NULL if there is no such index. Borrowed from d. */
const char *diags_source_name(const struct diags *d, uint32_t file);

/* The column in octets, from 1, of the character with that number (from 0) in a line (from 1) of a
 * source; past the end of the line it is the column behind the last octet. */
uint32_t diags_column(const struct diags *d, uint32_t file, uint32_t line, size_t characters);

/* The place of an octet (its offset from 0) of a source. */
struct conf_pos diags_place(const struct diags *d, uint32_t file, size_t offset);

/* Record one finding. key: dotted path such as "listeners[0].tls.key" or NULL; suggestion: a full
 * sentence of what to do, or NULL; both are copied; the rest is a printf-formatted text without a
 * full stop. */
void diag_add(struct diags *d, enum diag_level level, struct conf_pos at, const char *key,
              const char *suggestion, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Number of errors (warnings not counted). */
size_t diags_errors(const struct diags *d);

/* Number of warnings. */
size_t diags_warnings(const struct diags *d);

/* Append every finding, in order of file and line, as text with the line and a caret. */
int diags_render(const struct diags *d, struct buf *out) __attribute__((warn_unused_result));

/* Write every finding to a stream. */
void diags_print(const struct diags *d, FILE *to);

/* The nearest of n candidates to word by edit distance, or NULL if none is near. Borrows. */
const char *diag_nearest(struct str word, const char *const *candidates, size_t n);

#endif
