/* Paths in the one form in which rules are compared with them. Private to proxy/exchange. */
#ifndef PROXY_EXCHANGE_PATH_H
#define PROXY_EXCHANGE_PATH_H

#include <stdbool.h>

#include "base/str.h"

/* True if path is in that form already: nothing in it needs path_normalise(). */
bool path_is_plain(struct str path);

/* Write path (begins with '/') into out (at least path.n octets) with percent-escapes of unreserved
 * characters decoded and the others in upper case (RFC 3986 6.2.2), dot segments resolved
 * (6.2.2.3), empty segments and parameters left out; *n: octets. A slash at the end stays. *end:
 * where the path ends for an upstream that decodes before it cuts off the query, that is at the
 * first escaped '?' or '#'; *n if there is none. Returns false for a path that upstreams read in
 * different ways (see route_find). */
bool path_normalise(struct str path, char *out, size_t *n, size_t *end);

#endif
