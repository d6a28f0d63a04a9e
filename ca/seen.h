/* What the proxy's workers tell of certificates in use (base/sighting.h). It can do no more than
 * make one that was issued or delivered active. */
#ifndef CA_SEEN_H
#define CA_SEEN_H

#include <stddef.h>
#include <sys/types.h>

#include "ca/life.h"

struct seen;

/* Listen beside the CA's socket at path; only what processes of these users send counts. Returns 0
 * with *out (seen_close), or -ERR_CONFIG (the path is too long), -ERR_NOMEM, -ERR_IO, with e. */
int seen_open(const char *path, const uid_t *peers, size_t n, struct seen **out, struct err *e)
    __attribute__((warn_unused_result));

/* NULL is fine. */
void seen_close(struct seen *s);

/* The descriptor that can be read when there is something; -1 for NULL. */
int seen_fd(const struct seen *s);

/* Record what was told since, a bounded number at a time, in one transaction if there is anything
 * new. NULL: nothing. Returns 0 or a negative err_code with e; what was told then is lost, and told
 * again of another connection only once the worker has forgotten it. */
int seen_take(struct seen *s, const struct life *l, struct err *e)
    __attribute__((warn_unused_result));

#endif
