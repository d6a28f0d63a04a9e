/* Which rule a request falls under. */
#ifndef PROXY_EXCHANGE_ROUTE_H
#define PROXY_EXCHANGE_ROUTE_H

#include "base/buf.h"
#include "base/str.h"
#include "conf/model.h"
#include "proxy/http/head.h"

struct route_table;

/* Compile conf's routes (borrowed). NULL without memory. */
struct route_table *route_table_new(const struct conf *conf);
void route_table_free(struct route_table *t);

/* Whether a request's method fits the route found. */
enum route_method {
    ROUTE_METHOD_OTHER = 0, /* it fits none of the routes for that host and path: 405 */
    ROUTE_METHOD_FITS
};

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
 * route when it is cut at an escaped '?' or '#'. Among routes of one host and path the one that
 * names the method, else the one that names none; else the first of them in the configuration, and
 * *fits is ROUTE_METHOD_OTHER: who asks is still judged by it, so that nobody unknown learns the
 * methods. NULL: no route (or no memory). */
const struct conf_route *route_find(const struct route_table *t, struct str host, struct str path,
                                    enum http_method method, enum route_method *fits);

/* Append the methods of all routes of route's host and path, as Allow lists them (RFC 9110 10.2.1).
 * Returns as buf_append. */
int route_allow(const struct route_table *t, const struct conf_route *route, struct buf *out)
    __attribute__((warn_unused_result));

#endif
