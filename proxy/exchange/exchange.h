/* One request and its answer, whatever the protocol: route, gate, forward, flow, reply; exactly one
 * finish. The server protocol feeds it and gives it a sink; it uses an upstream call. */
#ifndef PROXY_EXCHANGE_EXCHANGE_H
#define PROXY_EXCHANGE_EXCHANGE_H

#include "auth/gate.h"
#include "auth/sign/token.h"
#include "base/addr.h"
#include "base/buf.h"
#include "proxy/exchange/env.h"
#include "proxy/http/head.h"

/* What a local handler (the admin listener) answers. */
struct local_answer {
    unsigned status;
    struct str content_type;
    struct buf body; /* filled by the handler, released by the exchange */
};

/* Answer a request without an upstream, at once. */
typedef void (*local_fn)(void *arg, const struct http_request *request, struct local_answer *out);

/* What an exchange may know of its connection. Owned by the connection, outlives the exchange. */
struct exchange_peer {
    struct gate_peer gate;
    const struct addr *address; /* the client's */
    struct str client_text;     /* address without port, for logs and X-Forwarded-For */
    struct str listener_text;
    struct str tls_version;
    struct str tls_cipher;
    struct str tls_name;
    bool tls_resumed;
    const struct told *told; /* what upstreams are told of the certificate; NULL: nothing */
    struct token_slot *slot; /* the token that this connection used last */
    bool *sighted;           /* its certificate was told of to env->sightings; NULL: it never is */
    int told_error;          /* why that cannot be told: 0, -ERR_TOO_LARGE, -ERR_MALFORMED */
    bool secure;             /* TLS: X-Forwarded-Proto is https */
    bool trusted;            /* address is in headers.trusted_proxies */
    local_fn local;          /* not NULL: every request is answered by it, without gate and route */
    void *local_arg;
    /* True if a request for host may travel on this connection: its site asks the same of clients
     * (421 otherwise). */
    bool (*host_fits)(void *arg, struct str host);
    void *host_arg;
    /* Told who a request was let through as (empty: nobody), so that its connection can be closed
     * when that user is withdrawn. False without memory: the request is refused. */
    bool (*on_user)(void *arg, struct str user);
    void *on_user_arg;
};

/* The answer's way out. All may be called inside any exchange_ function but exchange_free(), and
 * none of them may call an exchange_ function in turn. */
struct sink_ops {
    /* A head: 1xx or final, hop-by-hop fields gone, body to come as framing says (CLOSE: until
     * end(); how that is written is the sink's business). keep_alive false asks for the connection
     * to be closed afterwards. No body() comes for HEAD, 204 and 304. */
    void (*head)(void *self, const struct http_response *head);
    /* A piece of the body, borrowed for the call. */
    void (*body)(void *self, struct str octets);
    /* The answer is complete. trailers NULL: none. The exchange is finished, and waits to be freed.
     */
    void (*end)(void *self, const struct fields *trailers);
    /* The answer cannot be completed, or there is to be none: break the connection off. Finished.
     */
    void (*abort)(void *self, enum reason why);
    /* True if so much waits to be sent that the upstream should pause. */
    bool (*full)(void *self);
    /* Deliver the request's body (true), or hold it back (false, as at the beginning). A true for
     * a request that expects 100-continue sends that first. */
    void (*want_body)(void *self, bool want);
};

struct exchange;

/* A new exchange in the runtime in force, which the caller keeps a reference to until
 * exchange_free() (as it does for env and peer). sink must outlive it. NULL without memory. */
struct exchange *exchange_new(struct env *env, const struct exchange_peer *peer,
                              const struct sink_ops *ops, void *sink);

/* The arena for this request's head. */
struct arena *exchange_arena(struct exchange *x);

/* The runtime in force may be another one than when x was made: go on with that one. Only before
 * exchange_begin() and exchange_refuse(), and only with the caller's reference to it. */
void exchange_renew(struct exchange *x);

/* The head is complete (borrowed, with everything in it, until exchange_free; its fields will be
 * changed). */
void exchange_begin(struct exchange *x, struct http_request *head);

/* What was received cannot be served: answer (or log) why. request may be NULL when there is no
 * parsed head. After it only exchange_free() is allowed. */
void exchange_refuse(struct exchange *x, struct http_request *head, enum reason why);

/* A piece of the request's body, after want_body(true); borrowed for the call. */
void exchange_body(struct exchange *x, struct str octets);

/* The request's body is complete. trailers may be NULL. Comes for every request, also without body,
 * but not before want_body(true) unless there is no body. */
void exchange_body_end(struct exchange *x, struct fields *trailers);

/* sink.full() was true and is no longer. */
void exchange_drained(struct exchange *x);

/* The client is gone, or too slow, or its body is malformed: give up, or answer if nothing of an
 * answer was sent and why has a status. */
void exchange_fail(struct exchange *x, enum reason why);

/* The same, as the client's certificate or user was withdrawn meanwhile. */
void exchange_withdraw(struct exchange *x, enum reason why);

/* True after end or abort. */
bool exchange_finished(const struct exchange *x);

/* Free it, writing its access record if that was not yet done; its memory may be kept with
 * env->exchanges. NULL is fine. */
void exchange_free(struct exchange *x);

/* Free what env->exchanges keeps. */
void exchange_drop_spares(struct env *env);

#endif
