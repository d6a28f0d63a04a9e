/* One name for one request, from end to end. Private to proxy/exchange. */
#ifndef PROXY_EXCHANGE_REQUEST_ID_H
#define PROXY_EXCHANGE_REQUEST_ID_H

#include "proxy/exchange/env.h"
#include "proxy/http/head.h"

/* The one X-Request-Id of head if its sender is trusted and it is 1-128 visible ASCII octets; else
 * a new one, unique over workers and restarts. head may be NULL. In the arena; p is NULL without
 * memory. */
struct str request_id_choose(struct env *env, const struct http_request *head, bool trusted,
                             struct arena *arena);

#endif
