/* Request targets (RFC 9112 3.2). */
#ifndef PROXY_HTTP_TARGET_H
#define PROXY_HTTP_TARGET_H

#include "base/arena.h"
#include "base/reason.h"
#include "proxy/http/head.h"

struct target {
    struct str text;      /* origin-form, or "*" */
    struct str path;      /* text up to the '?' */
    struct str authority; /* of an absolute-form; empty in the others */
    bool is_https;        /* the scheme of an absolute-form */
};

/* Check text (visible ASCII) and reduce it to origin-form. Accepted: origin-form, absolute-form
 * with http or https, "*" for OPTIONS; path and query of RFC 3986 with '[' and ']' (too common to
 * refuse) and valid percent-escapes, without fragment. out borrows text, or a, where an
 * absolute-form has no path. Returns OK, HTTP_TARGET or OUT_OF_MEMORY. */
enum reason target_parse(struct str text, enum http_method m, struct arena *a, struct target *out);

#endif
