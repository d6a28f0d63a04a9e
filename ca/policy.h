/* What becomes of certificates when their user's account is closed in the users' store. */
#ifndef CA_POLICY_H
#define CA_POLICY_H

#include "ca/life.h"
#include "ca/people.h"

#define POLICY_GONE_MS                                                                             \
    INT64_C(3600000) /* so long an account is missing before it counts as deleted */

/* Look through the accounts of everybody who has a certificate in use. Disabled or past its end:
 * their certificates are put on hold; open again: they come back. Missing, where there was one
 * once: on hold too, and after POLICY_GONE_MS withdrawn for good (cessationOfOperation), so that a
 * file that was cut off by mistake ends nobody's. Users who never had an account are left alone. A
 * store that cannot be read, or that holds nobody at all, changes nothing (-ERR_IO, or
 * -ERR_NOT_FOUND with e). *changed: certificates held, given back, or withdrawn; *next_ms: wall
 * clock, when to look again at the latest even if the store does not change. Returns 0 or a
 * negative err_code with e. */
int policy_apply(const struct life *l, struct people *p, size_t *changed, int64_t *next_ms,
                 struct err *e) __attribute__((warn_unused_result));

/* Note, inside the caller's transaction, that user has an account. */
int policy_note(const struct life *l, struct str user, struct err *e)
    __attribute__((warn_unused_result));

#endif
