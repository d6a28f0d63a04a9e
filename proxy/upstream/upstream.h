/* Named groups of servers, their connections, and one call: a request sent and its answer received.
 * One set a runtime and worker, on the worker's loop. */
#ifndef PROXY_UPSTREAM_UPSTREAM_H
#define PROXY_UPSTREAM_UPSTREAM_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/reason.h"
#include "conf/model.h"
#include "proxy/http/head.h"
#include "proxy/net/loop.h"
#include "proxy/observe/metrics.h"

struct upstream_set;
struct upstream_call;

/* What a call tells its owner. on_failed and on_end end the call: it is freed after they return and
 * must not be touched again. Nothing comes inside upstream_call_start(); the others may come inside
 * any other upstream_call_ function except upstream_call_cancel(). */
struct upstream_ops {
    /* The request's head is on its way: body may be sent. Comes before any other but on_failed. */
    void (*on_ready)(void *self);
    /* An answer's head: any number of 1xx, then the final one. Borrowed until the call ends;
     * hop-by- hop fields are still in it. The owner may change its fields. */
    void (*on_head)(void *self, struct http_response *head);
    /* A piece of the answer's body; borrowed for the call. */
    void (*on_body)(void *self, struct str octets);
    /* The answer is complete. trailers may be empty. If the request's body was not finished, the
     * connection is dropped. */
    void (*on_end)(void *self, struct fields *trailers);
    /* It failed; before on_head an error answer can still be given. */
    void (*on_failed)(void *self, enum reason why);
    /* Request body may be sent again after upstream_call_full() was true. */
    void (*on_drained)(void *self);
};

/* Groups of conf (borrowed until upstream_set_close() and the end of the last call); metrics, which
 * may be NULL, gets every METRIC_UPSTREAM_ number. NULL without memory. */
struct upstream_set *upstream_set_new(const struct conf *conf, struct loop *loop,
                                      struct metrics *metrics);

/* Keep no idle connection from now on; freed by itself when the last call has ended and the last
 * connection is gone, for which the loop must run. NULL is fine. */
void upstream_set_close(struct upstream_set *s);

/* Send request to a server of group (index into conf.upstreams). request and what it borrows stay
 * valid until the call ends; target, authority, fields and framing are taken as they are (our own
 * fields added, hop-by-hop gone); arena is for the answer's fields. Once a call, it is tried again:
 * on another server, if there is one at once, when one cannot be reached; on a fresh connection
 * when a kept one ends before a single octet of the answer, the method is idempotent and the
 * request has no body. fail_max failures in a row (not reached, closed or silent before the answer,
 * malformed answer) set a server aside for fail_ms; then one request tries it. With every server
 * set aside the call fails at once with UPSTREAM_NONE_AVAILABLE; a place in the queue that is not
 * there, or takes too long, is UPSTREAM_QUEUE_FULL. Returns the call, or NULL without memory. */
struct upstream_call *upstream_call_start(struct upstream_set *s, size_t group,
                                          const struct http_request *request, struct arena *arena,
                                          const struct upstream_ops *ops, void *self);

/* Send a piece of the request's body (framing is applied here). Only after on_ready. Ignored once a
 * final answer came that wants no more of it (status 300 and above, or the connection's end
 * announced). More or less than request->length fails the call with REASON_INTERNAL. */
void upstream_call_body(struct upstream_call *c, struct str octets);

/* The request's body is complete (also if there is none). trailers NULL or empty: none. */
void upstream_call_finish(struct upstream_call *c, const struct fields *trailers);

/* True if more than limits.buffer_bytes octets wait to be sent: wait for on_drained. */
bool upstream_call_full(const struct upstream_call *c);

/* Stop or go on delivering the answer. Going on never delivers inside the call. */
void upstream_call_pause(struct upstream_call *c, bool paused);

/* Give up: the connection is closed, no more calls come, c is freed. */
void upstream_call_cancel(struct upstream_call *c);

/* Address of the server in use ("" before one was chosen); borrowed from the call. */
struct str upstream_call_server(const struct upstream_call *c);

/* One line a server for "status" and /readyz: calls each(arg, group, server, aside, active, idle).
 */
void upstream_set_each(const struct upstream_set *s,
                       void (*each)(void *arg, struct str group, struct str server, bool aside,
                                    size_t active, size_t idle),
                       void *arg);

#endif
