/* The private listener's answers: /metrics, /livez, /readyz. */
#ifndef PROXY_ADMIN_ADMIN_H
#define PROXY_ADMIN_ADMIN_H

#include "proxy/exchange/env.h"
#include "proxy/exchange/exchange.h"

/* A local_fn; arg is a struct env *. GET and HEAD only (405), other paths 404. /metrics: text or,
 * by Accept, OpenMetrics. /livez: 200 as long as the loop turns. /readyz: 200, or 503 while
 * draining, with one line a check ("?verbose"). Access to /metrics is not authenticated: the
 * listener is for a private address. */
void admin_answer(void *arg, const struct http_request *request, struct local_answer *out);

#endif
