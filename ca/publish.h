/* Having withdrawals in force at the proxies: entries of their deny list. */
#ifndef CA_PUBLISH_H
#define CA_PUBLISH_H

#include <stddef.h>

#include "ca/life.h"
#include "conf/model.h"

/* Bring the deny file at path to what the database says: an entry (by fingerprint) for each
 * certificate withdrawn since the last time, none for one whose hold was lifted. What has been
 * written is noted, so that a crash at any point repeats at most what does no harm. *changed: how
 * many. Returns 0 or a negative err_code with e; what could not be written is tried again the next
 * time. */
int publish_denied(const struct life *l, const char *path, size_t *changed, struct err *e)
    __attribute__((warn_unused_result));

#endif
