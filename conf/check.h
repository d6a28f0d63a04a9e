/* What must fit together across keys. Private to conf. */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include "conf/draft.h"

/* Report to diags what does not fit together in d, which build_conf() has completed: names that
 * refer to nothing, things given twice, keys that need others, and as warnings what has no
 * effect. */
void check_draft(const struct draft *d, struct diags *diags);

/* The part of it that looks at listeners (check_listeners.c). */
void check_listeners(const struct draft *d, struct diags *diags);

/* Of telling people. Private to check_ca.c. */
void check_notify(const struct conf_ca *ca, struct diags *diags);

/* The part that looks at issuing (check_ca.c). */
void check_ca(const struct draft *d, struct diags *diags);

#endif
