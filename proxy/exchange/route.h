/* Which rule a request falls under. */
#ifndef PROXY_EXCHANGE_ROUTE_H
#define PROXY_EXCHANGE_ROUTE_H

#include "base/str.h"
#include "conf/model.h"

struct route_table;

/* Compile conf's routes (borrowed). NULL without memory. */
struct route_table *route_table_new(const struct conf *conf);
void route_table_free(struct route_table *t);

/* The route for host (without port, any case, may be empty) and path (as received, still escaped,
 * begins with '/', or "*"): the most exact host (exact, then longest "*.suffix", then any), and
 * under it the longest path prefix that ends at a segment boundary. Prefixes are compared with
 * percent-escapes of unreserved characters decoded and dot segments resolved, so that "/a/%62" and
 * "/a/./b" are "/a/b"; a path that climbs above the root, or holds an escaped slash, backslash or
 * NUL, matches nothing. NULL: no route. */
const struct conf_route *route_find(const struct route_table *t, struct str host, struct str path);

#endif
