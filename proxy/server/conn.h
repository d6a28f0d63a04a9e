/* One downstream connection: its link, who is at the other end, and the protocol spoken. Private to
 * proxy/server. */
#ifndef PROXY_SERVER_CONN_H
#define PROXY_SERVER_CONN_H

#include "base/list.h"
#include "proxy/net/stream.h"
#include "proxy/server/admit.h"
#include "proxy/server/standing.h"

struct conn;
struct link_shared;

/* What the connections of one worker share. Owned by the server. */
struct conn_home {
    struct env *env;
    struct admit *admit; /* NULL: no limits */
    struct link_shared *shared;
    struct list conns;
    size_t count;
    struct list shaking; /* those whose handshake is under way */
    size_t handshakes;
    /* A connection that came in by port is gone, and counted out. */
    void (*on_gone)(struct conn_home *home, struct port *port);
};

/* Take over stream, which came in by port (outlives it). counted: admit_enter() was asked and is to
 * be undone at the end. Returns 0, or -ERR_NOMEM (stream is still the caller's, and counted). */
int conn_open(struct conn_home *home, struct port *port, struct stream *stream, bool counted)
    __attribute__((warn_unused_result));

/* How many of home.shaking come from the network of peer (addr_count_key()). */
size_t conn_handshakes_from(const struct conn_home *home, const struct addr *peer);

/* End it if it idles; see h1_server_drain(). */
void conn_drain(struct conn *c);

/* Judge it by what is withdrawn and what the runtime asks now; end it if it may not stay. Returns
 * true if it was ended. A handshake under way is judged when it is done. */
bool conn_judge(struct conn *c);

/* Close it now. */
void conn_close(struct conn *c, enum reason why);

/* The connection whose place in conn_home.conns this is. */
struct conn *conn_of(struct list *node);

#endif
