/* Who the client of one connection is, under the configuration in force: made once after the
 * handshake, judged anew only when the configuration has changed. Private to proxy/server. */
#ifndef PROXY_SERVER_STANDING_H
#define PROXY_SERVER_STANDING_H

#include "proxy/exchange/exchange.h"
#include "proxy/tls/session.h"

/* Longest IPv6 text, and "unix:". */
#define STANDING_CLIENT_MAX 48

/* The address that a connection came in by. Shared by its connections. */
struct port {
    struct str address; /* for logs; owned by the port's maker */
    size_t index;       /* of the listener in the configuration in force */
    bool closed;        /* no longer listened on: requests are misdirected */
    bool secure;
    local_fn local; /* the admin listener's */
    void *local_arg;
};

struct standing {
    struct env *env;
    const struct port *port;
    const struct tls_session *session; /* NULL without TLS */
    struct runtime *runtime;           /* a reference: what the below was judged by */
    size_t index;                      /* of the port's listener in it */
    const struct tls_site *site;       /* borrowed from the runtime */
    struct identity *identity;         /* owned */
    struct told *told;                 /* owned */
    struct token_slot slot;            /* the token that was used last */
    bool sighted;                      /* the certificate was told of as one in use */
    enum reason certificate;           /* the handshake's verdict, or a later one */
    bool gone;                         /* the site is no longer there */
    struct str user;                   /* whom the last request was let through as; owned */
    struct exchange_peer peer;
    char client[STANDING_CLIENT_MAX];
};

/* Prepare st for a connection from address (borrowed until standing_fini) that came in by port,
 * under the runtime in force. */
void standing_init(struct standing *st, struct env *env, const struct port *port,
                   const struct addr *address);

/* The handshake is done: read from session (borrowed until standing_fini) who the client is.
 * Returns 0 or -ERR_NOMEM. */
int standing_take(struct standing *st, const struct tls_session *session)
    __attribute__((warn_unused_result));

/* Before a request: nothing if the configuration is the one that was judged by, else judge anew by
 * it. Returns REASON_OK, or why no request can be served on this connection any more. */
enum reason standing_renew(struct standing *st);

/* Is this connection to be closed, and why: its certificate was good and is no longer, by the deny
 * list in force, by what the runtime in force asks for, or by a responder's word, which is asked
 * for anew when it is no longer fresh; or its user is withdrawn: who the last
 * request was let through as, before the first whom the certificate names. REASON_OK: it may stay.
 * Changes nothing. */
enum reason standing_ask(const struct standing *st);

/* Release everything. */
void standing_fini(struct standing *st);

#endif
