/* Owns: the state of an exchange and its single finish. Not: what happens in a state. On the loop's
 * thread. */
#include "proxy/exchange/state.h"

#include <assert.h>

#include "proxy/exchange/record.h"

static const char *const names[] = {"head", "gate", "connect", "stream", "reply", "done"};

#define MOVE(to) (1U << (to))

/* allowed[from]: a bit for each state that may follow. */
static const unsigned allowed[] = {
    [EXCHANGE_HEAD] = MOVE(EXCHANGE_GATE) | MOVE(EXCHANGE_REPLY) | MOVE(EXCHANGE_DONE),
    [EXCHANGE_GATE] = MOVE(EXCHANGE_CONNECT) | MOVE(EXCHANGE_REPLY) | MOVE(EXCHANGE_DONE),
    [EXCHANGE_CONNECT] = MOVE(EXCHANGE_STREAM) | MOVE(EXCHANGE_REPLY) | MOVE(EXCHANGE_DONE),
    [EXCHANGE_STREAM] = MOVE(EXCHANGE_REPLY) | MOVE(EXCHANGE_DONE),
    [EXCHANGE_REPLY] = MOVE(EXCHANGE_DONE),
    [EXCHANGE_DONE] = 0,
};

void state_enter(struct exchange *x, enum exchange_state to)
{
    assert((allowed[x->state] & MOVE(to)) != 0);
    if (log_wants(x->env->log, LOG_LEVEL_DEBUG)) {
        LOG(x->env->log, LOG_LEVEL_DEBUG, "exchange", LOG_TEXT("request_id", x->request_id),
            LOG_TEXT("from", str_of(names[x->state])), LOG_TEXT("to", str_of(names[to])));
    }
    x->state = to;
}

void state_drop_call(struct exchange *x)
{
    struct upstream_call *call = x->call;
    if (call != NULL) {
        record_server(x);
        x->call = NULL;
        upstream_call_cancel(call);
    }
}

void state_end(struct exchange *x, const struct fields *trailers)
{
    state_enter(x, EXCHANGE_DONE);
    record_write(x);
    x->ops->end(x->sink, trailers);
}

void state_abort(struct exchange *x, enum reason why)
{
    if (x->state == EXCHANGE_DONE) {
        return;
    }
    state_drop_call(x);
    if (x->outcome == REASON_INTERNAL) {
        x->outcome = why;
    }
    state_enter(x, EXCHANGE_DONE);
    record_write(x);
    x->ops->abort(x->sink, why);
}
