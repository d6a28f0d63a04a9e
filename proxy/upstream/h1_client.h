/* One HTTP/1.1 connection to a server: opened, used for one request at a time, kept or dropped.
 * Private to proxy/upstream. */
#ifndef PROXY_UPSTREAM_H1_CLIENT_H
#define PROXY_UPSTREAM_H1_CLIENT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/reason.h"
#include "conf/model.h"
#include "proxy/http/head.h"
#include "proxy/net/loop.h"
#include "proxy/upstream/peer.h"

struct h1_client;

/* What a connection tells who uses it for a request. After on_end or on_failed, and after
 * h1_client_close(), nothing comes any more. Any of them may call h1_client_close(). */
struct h1_client_ops {
    /* Connected: h1_client_send() may be called. Not for a connection taken from the idle ones. */
    void (*on_open)(void *self);
    /* An answer's head, 1xx or final. */
    void (*on_head)(void *self, struct http_response *head);
    void (*on_body)(void *self, struct str octets);
    /* The answer is complete; trailers borrowed for the call. */
    void (*on_end)(void *self, struct fields *trailers);
    /* The connection is closed already. */
    void (*on_failed)(void *self, enum reason why);
    /* h1_client_full() was true and all that waited is sent. */
    void (*on_drained)(void *self);
};

enum h1_client_state {
    H1_CLIENT_CLOSED = 0, /* waits for its stream to go */
    H1_CLIENT_CONNECTING,
    H1_CLIENT_BUSY,
    H1_CLIENT_IDLE
};

/* What a connection tells who keeps it (the pool). */
struct h1_client_owner {
    /* The request is done and another one may follow: true keeps it, false has it closed. */
    bool (*on_idle)(void *arg, struct h1_client *c);
    /* It was closed, whoever did it; was: its state before. */
    void (*on_closed)(void *arg, struct h1_client *c, enum h1_client_state was);
    /* Its memory is gone. */
    void (*on_gone)(void *arg);
};

/* Borrowed by every connection until it is gone. */
struct h1_client_env {
    struct loop *loop;
    const struct conf_upstream *rule;
    const struct conf_limits *limits;
    const struct h1_client_owner *owner;
    void *owner_arg;
};

/* Begin to connect to peer, within rule->connect_timeout_ms. NULL without memory: then nothing is
 * told to anyone. */
struct h1_client *h1_client_open(const struct h1_client_env *env, struct peer *peer,
                                 const struct h1_client_ops *ops, void *self);

/* Use an idle connection for another request: h1_client_send() must follow. */
void h1_client_use(struct h1_client *c, const struct h1_client_ops *ops, void *self);

/* Send the request's head (borrowed until the answer is complete) and wait for its answer, whose
 * fields go to arena. Returns 0 or -ERR_NOMEM (close it then). */
int h1_client_send(struct h1_client *c, const struct http_request *request, struct arena *arena)
    __attribute__((warn_unused_result));

/* A piece of the request's body; ignored once the server has answered that it wants no more. */
void h1_client_body(struct h1_client *c, struct str octets);

/* The request's body is complete. trailers NULL: none. */
void h1_client_finish(struct h1_client *c, const struct fields *trailers);

/* True if more than limits.buffer_bytes wait to be sent. */
bool h1_client_full(struct h1_client *c);

/* Stop or go on delivering the answer. Never delivers inside. */
void h1_client_pause(struct h1_client *c, bool paused);

/* Drop it at once; the user is told nothing any more. Idempotent. */
void h1_client_close(struct h1_client *c);

/* True if c idles since before the loop last looked at all sockets: what the server sent or ended
 * until then would have closed c. */
bool h1_client_is_watched(const struct h1_client *c);

/* True if the server ended or sent something while nobody asked. One system call, unless c is
 * watched: then false. */
bool h1_client_is_stale(const struct h1_client *c);

/* True if an octet of the present answer has come. */
bool h1_client_answered(const struct h1_client *c);

/* Why the connection could not be opened is our own fault (descriptors, memory), not the
 * server's. */
bool h1_client_our_fault(const struct h1_client *c);

struct peer *h1_client_peer(const struct h1_client *c);

/* Its place in the owner's list; the owner's alone. */
struct list *h1_client_link(struct h1_client *c);
struct h1_client *h1_client_of(struct list *link);

#endif
