/* Telling people that their certificates come to their ends. */
#ifndef CA_NOTICE_H
#define CA_NOTICE_H

#include <stddef.h>

#include "ca/life.h"

/* Put a message in the outbox for each certificate that has come within one of the days before its
 * end (conf_notify.before) since the last time: for each of them once, and not twice within a day.
 * Those that were renewed or withdrawn are passed over, and days that are in the first half of a
 * certificate's life. What was told stands in the database: restarts and jumps of the clock repeat
 * nothing. *n: how many. Returns 0 or a negative err_code with e. */
int notice_tick(const struct life *l, size_t *n, struct err *e) __attribute__((warn_unused_result));

#endif
