/* From the octets of a whole, guarded head to its structure. */
#ifndef PROXY_HTTP_H1_HEAD_H
#define PROXY_HTTP_H1_HEAD_H

#include "proxy/http/h1_check.h"

/* Read a request head. head: without empty lines before it; out borrows from it and from a. Returns
 * OK, or the reason why it is refused, which depends neither on llhttp's version nor on the order
 * in which it found faults. */
enum reason h1_head_request(struct str head, struct arena *a, uint64_t body_max,
                            struct http_request *out);

/* Read a response head, as above. */
enum reason h1_head_response(struct str head, struct arena *a, uint64_t body_max,
                             enum http_method request_method, struct http_response *out);

#endif
