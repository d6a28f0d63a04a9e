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
 * begins with '/', or "*", which is "/"): the most exact host (exact, then longest "*.suffix", then
 * any; a host that has routes of its own never falls back to those of another), and under it the
 * longest path prefix that ends at a segment boundary. Paths are compared as the most liberal of
 * upstreams may read them: percent-escapes of unreserved characters decoded, dot segments resolved,
 * empty segments and parameters (";x") left out, so that "/a/%62", "/a/./b", "//a/b" and "/a;x/b"
 * are "/a/b". What upstreams read differently matches nothing: a path that climbs above the root;
 * that holds an escaped slash, backslash, semicolon or control character, an escape within an
 * escape
 * ("%252e"), escaped octets that are no UTF-8 (overlong ones too); a dot segment beside an empty
 * one or with parameters, blanks or an escaped '?' or '#'; and a path that falls under another
 * route when it is cut at an escaped '?' or '#'. NULL: no route (or no memory). */
const struct conf_route *route_find(const struct route_table *t, struct str host, struct str path);

#endif
