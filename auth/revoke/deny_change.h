/* Changing a deny file: one line more or less, all other lines as they stand. Command line only. */
#ifndef AUTH_REVOKE_DENY_CHANGE_H
#define AUTH_REVOKE_DENY_CHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "auth/revoke/deny.h"
#include "auth/revoke/deny_line.h"
#include "base/err.h"

/* How users' names are compared: two that normalise alike are one. */
struct deny_names {
    deny_normal_fn normal;
    const struct conf_identity *rule;
};

/* Put e at the end of the file at path. One that is missing is not made: the proxy, which goes on
 * with the last list that it has read, would take the new one for all of it. A certificate that is
 * on hold there is put in its place, if e is for good. Returns 0,
 * -ERR_NOT_FOUND, -ERR_EXISTS if the same thing is withdrawn there already (the file is left as it
 * is), -ERR_IO or -ERR_NOMEM, with e. */
int deny_change_add(const char *path, const struct deny_entry *entry,
                    const struct deny_names *names, struct err *e)
    __attribute__((warn_unused_result));

/* Take what entry names out of the file. Only users and certificates with the reason
 * certificateHold come back (RFC 5280 5.3.1). Returns 0, -ERR_NOT_FOUND, -ERR_DENIED (withdrawn for
 * good), -ERR_IO or -ERR_NOMEM, with e. */
int deny_change_remove(const char *path, const struct deny_entry *entry,
                       const struct deny_names *names, struct err *e)
    __attribute__((warn_unused_result));

/* Drop the entries whose until is before before_s; *dropped: how many. Returns as above. */
int deny_change_prune(const char *path, int64_t before_s, size_t *dropped, struct err *e)
    __attribute__((warn_unused_result));

#endif
