/* The one way to a signature. It asks the database itself whether there are the approvals. */
#ifndef CA_ISSUE_H
#define CA_ISSUE_H

#include <stddef.h>

#include "ca/life.h"

/* Sign what is approved, with a serial number that is new, and mark what it renews, all in one
 * transaction. One that is issued already stays as it is, and 0 is returned. Returns 0, -ERR_DENIED
 * (not approved; or lint), -ERR_NOT_FOUND, -ERR_CONFIG (no key, no such profile any more), or
 * another, with e. */
int issue(const struct life *l, struct str id, struct err *e) __attribute__((warn_unused_result));

/* The same inside a transaction of the caller's, who rolls back if it is not 0. */
int issue_within(const struct life *l, struct str id, struct err *e)
    __attribute__((warn_unused_result));

/* Issue whatever is approved and not issued, as after a crash; *issued: how many. Those that wait
 * for a key are left alone; one that cannot be is passed over and told in e, and then -ERR_INTERNAL
 * is returned. */
int issue_all(const struct life *l, size_t *issued, struct err *e)
    __attribute__((warn_unused_result));

#endif
