/* The moves between an exchange's states, and its one end. Private to proxy/exchange. */
#ifndef PROXY_EXCHANGE_STATE_H
#define PROXY_EXCHANGE_STATE_H

#include "proxy/exchange/exchange_inner.h"

/* Go to a state; a move that the table does not hold is a mistake of ours. */
void state_enter(struct exchange *x, enum exchange_state to);

/* Cancel the upstream call, if there is one, noting which server it used. */
void state_drop_call(struct exchange *x);

/* The answer is complete: record, then tell the sink. trailers as sink_ops.end. */
void state_end(struct exchange *x, const struct fields *trailers);

/* Break off: record why (unless an earlier reason stands), then tell the sink. */
void state_abort(struct exchange *x, enum reason why);

#endif
