/* Single steps of building, for the master and the workers. Private to proxy/proc. */
#ifndef PROXY_PROC_BUILD_PARTS_H
#define PROXY_PROC_BUILD_PARTS_H

#include <stdbool.h>

#include "conf/files.h"
#include "proxy/exchange/env.h"

/* Give a runtime that was built without a loop its upstreams. False without memory. */
bool build_upstreams(struct runtime *r, struct loop *loop, struct metrics *metrics);

/* Give to, a new set of files, the secret that ticket keys are derived from as from has it, so that
 * tickets outlive a reload. False without memory. */
bool build_carry_secret(struct files *from, struct files *to);

/* Show the earliest expiry of certificates, CAs and CRLs in metrics. */
void build_dates(const struct runtime *r, struct metrics *metrics);

#endif
