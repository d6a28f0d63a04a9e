/* What the fields of a head mean for routing and framing, and whether they agree (RFC 9110 7.2,
 * RFC 9112 6.3). */
#ifndef PROXY_HTTP_H1_CHECK_H
#define PROXY_HTTP_H1_CHECK_H

#include "base/reason.h"
#include "proxy/http/head.h"
#include "proxy/http/target.h"

/* Members of all Connection fields together: more are refused, as each is compared with each field.
 */
enum { H1_CHECK_CONNECTION_MAX = 64 };

/* Check q's fields; q's minor and fields are set, method and target come from t and are done. Sets
 * authority, host, framing, length, keep_alive, expect_continue. body_max: octets. Returns OK or
 * the first of: HTTP_FIELD_NAME, HTTP_FIELD_VALUE, HTTP_HOST_*, HTTP_LENGTH_AND_CHUNKED,
 * HTTP_TRANSFER_ENCODING, HTTP_CONTENT_LENGTH, HTTP_BODY_TOO_LARGE, HTTP_UPGRADE,
 * HTTP_EXPECTATION. */
enum reason h1_check_request(struct http_request *q, const struct target *t, uint64_t body_max);

/* Check s's fields; s's minor, status and fields are set. Sets framing, length, keep_alive. Returns
 * as h1_check_request; HTTP_UPGRADE for status 101. */
enum reason h1_check_response(struct http_response *s, enum http_method request_method,
                              uint64_t body_max);

/* True if an answer with this status to this method has no body, whatever its fields say. */
bool h1_check_is_bodiless(unsigned status, enum http_method request_method);

/* Remove from trailer fields what must not come there: framing, routing, authentication,
 * forwarding and conditions (RFC 9110 6.5.1), '_' and the like read as '-'. */
void h1_check_trailers(struct fields *trailers);

#endif
