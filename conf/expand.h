/* ${VAR} in a scalar. Private to conf. */
#ifndef CONF_EXPAND_H
#define CONF_EXPAND_H

#include "base/arena.h"
#include "base/err.h"

/* raw with ${VAR} and ${VAR:-default} replaced by what the environment holds (the default also for
 * a variable that is empty), and $$ by $. *out: NUL-ended, in a, or raw itself if it holds no $
 * (raw must then be NUL-ended). Returns 0, -ERR_NOT_FOUND for a variable that is not set,
 * -ERR_MALFORMED, -ERR_NOMEM, with e set to a text without a full stop. */
int expand(struct arena *a, struct str raw, struct str *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
