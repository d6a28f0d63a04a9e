/* Answers of our own: problem documents (RFC 9457) and what local handlers say. Private to
 * proxy/exchange. */
#ifndef PROXY_EXCHANGE_REPLY_H
#define PROXY_EXCHANGE_REPLY_H

#include "proxy/exchange/exchange_inner.h"

/* Refuse, or tell of a failure: why becomes the outcome; an upstream call is cancelled. If why has
 * no status, or an answer has begun, the exchange is broken off instead. Finishes x. */
void reply_problem(struct exchange *x, enum reason why);

/* Let peer->local answer. Finishes x. */
void reply_local(struct exchange *x);

#endif
