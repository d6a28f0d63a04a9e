/* What a database that was made of an older copy must be told: the world has gone on. */
#ifndef CA_RESTORED_H
#define CA_RESTORED_H

#include <stddef.h>

#include "ca/audit.h"
#include "ca/life.h"

/* In one transaction: withdraw each certificate that denied, the text of the proxies' deny list,
 * names by its fingerprint, as who, with its reason, and on its date (now, where that is not told
 * or to come), also one that the copy knows to be on hold and the list to be withdrawn for good;
 * have those that it lacks written there again; and have a new revocation list made, with a number
 * above all that were out by now. *withdrawn: how many were. Returns 0 or a negative err_code with
 * e, and nothing is changed. */
int restored_catch_up(const struct life *l, const struct actor *who, struct str denied,
                      size_t *withdrawn, struct err *e) __attribute__((warn_unused_result));

#endif
