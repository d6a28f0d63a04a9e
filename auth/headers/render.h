/* Writing field values piece by piece, in the encodings that dialects ask for. Remembers its first
 * failure. Private to auth/headers. */
#ifndef AUTH_HEADERS_RENDER_H
#define AUTH_HEADERS_RENDER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/field.h"

struct render {
    struct fields *out;
    struct buf text; /* the value that is being written */
    int rc;          /* 0, -ERR_NOMEM, or -ERR_FULL past max */
};

/* Write fields to out, none with a value of more than max octets. */
void render_init(struct render *r, struct fields *out, size_t max);

/* Release what is not a field yet; returns rc. */
int render_fini(struct render *r);

/* Add s as it is: the caller knows that it holds printable ASCII only. */
void render_put(struct render *r, struct str s);

/* Add printf-formatted text, likewise. */
void render_printf(struct render *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Add s in base64 with padding. */
void render_base64(struct render *r, struct str s);

/* Add der as PEM; between stands between two lines. */
void render_pem(struct render *r, struct str der, struct str between);

/* Add der as PEM with an end of line behind it; those and what RFC 3986 does not call unreserved as
 * %HH. */
void render_percent_pem(struct render *r, struct str der);

/* Add s as it is but for octets outside printable ASCII and those in also, which become before and
 * two upper-case hex digits. A space at either end counts as one of those. */
void render_escaped(struct render *r, struct str s, const char *also, const char *before);

/* Add a date as openssl prints it: "Jan 14 22:55:33 2020 GMT". */
void render_date(struct render *r, int64_t seconds);

/* What was added is the value of a field called name (which lives as long as out); nothing added,
 * no field. The next value begins. */
void render_field(struct render *r, const char *name);

/* render_put() and render_field(): a field with that value. */
void render_value(struct render *r, const char *name, struct str value);

#endif
