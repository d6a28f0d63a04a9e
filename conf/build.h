/* A draft that was read to the struct conf that others see. Private to conf. */
#ifndef CONF_BUILD_H
#define CONF_BUILD_H

#include "conf/draft.h"

/* Fill in what depends on other keys: inherited client policies, keys that stand in the file of
 * the certificate, what an unknown name gets, the sites of each listener, the upstream of each
 * route (SIZE_MAX if there is none of that name). Works on mistakes too, so that check.c can look
 * at what there is. Needs draft_sort() before. Returns 0 or -ERR_NOMEM. */
int build_conf(struct draft *d) __attribute__((warn_unused_result));

#endif
