/* Single steps of building, for the master and the workers. Private to proxy/proc. */
#ifndef PROXY_PROC_BUILD_PARTS_H
#define PROXY_PROC_BUILD_PARTS_H

#include <stdbool.h>

#include "proxy/exchange/env.h"

/* Give a runtime that was built without a loop its upstreams. False without memory. */
bool build_upstreams(struct runtime *r, struct loop *loop, struct metrics *metrics);

/* Show the earliest expiry of certificates, CAs and CRLs in metrics. */
void build_dates(const struct runtime *r, struct metrics *metrics);

#endif
