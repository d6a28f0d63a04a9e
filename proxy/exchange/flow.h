/* The way of a request that was let through: to the upstream, and its answer back, with bodies in
 * constant memory. Private to proxy/exchange. */
#ifndef PROXY_EXCHANGE_FLOW_H
#define PROXY_EXCHANGE_FLOW_H

#include "proxy/exchange/exchange_inner.h"

/* Start the upstream call for x, which the gate let through, or answer why not. */
void flow_start(struct exchange *x);

/* A piece of the request's body. */
void flow_body(struct exchange *x, struct str octets);

/* The request's body is complete. trailers may be NULL. */
void flow_body_end(struct exchange *x, struct fields *trailers);

/* The sink takes more again. */
void flow_drained(struct exchange *x);

#endif
