/* HTTP/1.x towards a client: one request after the other from a link's octets to an exchange, and
 * its answer back. Private to proxy/server. */
#ifndef PROXY_SERVER_H1_SERVER_H
#define PROXY_SERVER_H1_SERVER_H

#include "proxy/exchange/exchange.h"
#include "proxy/http/h1_reader.h"
#include "proxy/server/link.h"

/* Where the reading of requests is. */
enum h1_in {
    H1_IN_IDLE = 0, /* between two requests */
    H1_IN_HELD,     /* the same, but the client first has to take what was answered */
    H1_IN_HEAD,
    H1_IN_BODY,    /* delivered while it is wanted, else left with the link */
    H1_IN_DISCARD, /* the answer is complete, the body is not: read it away */
    H1_IN_DONE,    /* the request is complete; what follows waits */
    H1_IN_DEAD     /* nothing more is read: the connection ends */
};

/* Where the writing of the answer is. */
enum h1_out { H1_OUT_NONE = 0, H1_OUT_BODY, H1_OUT_DONE };

struct h1_server {
    struct env *env;
    struct link *link;
    const struct exchange_peer *peer;
    enum reason (*on_request)(void *arg);
    void *arg;
    struct h1_reader *reader; /* NULL while idle */
    struct exchange *x;       /* NULL while idle */
    struct loop_timer timer;
    struct loop_task turn;
    enum h1_in in;
    enum h1_out out;
    enum reason doomed; /* OK, or why the answer could not be written */
    uint64_t body_left; /* of the request; UINT64_MAX: unknown */
    uint64_t discard_left;
    uint32_t requests;
    unsigned minor; /* of the client */
    bool wanted;    /* the exchange takes body */
    bool expects;   /* 100 was asked for and not sent */
    bool keep;      /* the connection may be used again */
    bool chunked;   /* how the answer's body is written */
    bool bodiless;  /* it has none */
    bool is_head;   /* the method is HEAD */
    bool eof;       /* the client has sent its end */
};

/* Prepare h. on_request(arg) is called when a request begins, before its exchange is made, and
 * again when its head is complete, so that a slow head is judged by what is in force then; what it
 * returned last other than REASON_OK refuses the request and ends the connection. peer is read by
 * exchanges and may change there. All borrowed. */
void h1_server_init(struct h1_server *h, struct env *env, struct link *link,
                    const struct exchange_peer *peer, enum reason (*on_request)(void *arg),
                    void *arg);

/* The link is open: wait for the first request. */
void h1_server_start(struct h1_server *h);

/* The link's on_octets, on_eof, on_drained, on_failed. */
size_t h1_server_octets(struct h1_server *h, struct str octets);
void h1_server_eof(struct h1_server *h);
void h1_server_drained(struct h1_server *h);
void h1_server_fail(struct h1_server *h, enum reason why);

/* True if a request, or the rest of one, is still to come before the next answer. */
bool h1_server_awaits(const struct h1_server *h);

/* End the connection if it idles; a busy one ends after its answer, when env->draining is set. */
void h1_server_drain(struct h1_server *h);

/* Who speaks here is withdrawn: an idle connection ends, an answer that has begun is broken off, a
 * request without one is refused for why; nothing more is read. Returns true if there was a request
 * that why was told of. */
bool h1_server_withdraw(struct h1_server *h, enum reason why);

/* The link is closed: free everything. */
void h1_server_fini(struct h1_server *h);

/* Free what env->readers keeps. */
void h1_server_drop_spares(struct env *env);

#endif
