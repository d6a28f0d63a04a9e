/* What upstreams are told besides our six own fields, as the configuration says: dialects and
 * templates. Made at start and reload, immutable. */
#ifndef AUTH_HEADERS_PLAN_H
#define AUTH_HEADERS_PLAN_H

#include <openssl/x509.h>

#include "base/field.h"
#include "conf/diag.h"
#include "conf/model.h"

struct plan;

/* The plan of a configuration (borrowed until plan_free). A template that cannot be read and a name
 * that two of dialects, templates, own fields and token give are reported. NULL on an error. */
struct plan *plan_new(const struct conf *c, struct diags *diags);

/* Free it; NULL is fine. */
void plan_free(struct plan *p);

/* True if name (in any case, '_' as '-') is a field of any dialect, whether in the plan or not. */
bool plan_is_dialect_field(struct str name);

/* What is told of one connection; rendered once. */
struct told;

/* Render what depends on the certificate. leaf: an accepted certificate, or NULL; chain: by which
 * it was judged, or NULL; leaf is borrowed until told_free(). plan outlives it; NULL tells nothing.
 * Returns 0 with *out (NULL if the plan tells nothing; told_free), -ERR_NOMEM, or -ERR_TOO_LARGE if
 * it is more than headers.generated_max, -ERR_MALFORMED if the certificate cannot be read. */
int told_new(const struct plan *plan, X509 *leaf, STACK_OF(X509) * chain, struct told **out)
    __attribute__((warn_unused_result));

/* Free it; NULL is fine. */
void told_free(struct told *t);

/* Add the fields for a request of user (may be empty) to out, most of them by reference: t must
 * live as long. t NULL adds nothing. Returns 0, -ERR_NOMEM or -ERR_TOO_LARGE. */
int told_add(const struct told *t, struct str user, const struct str *groups, size_t group_count,
             struct fields *out) __attribute__((warn_unused_result));

#endif
