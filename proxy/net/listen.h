/* Listening sockets: opened by the master, accepted from by the workers. */
#ifndef PROXY_NET_LISTEN_H
#define PROXY_NET_LISTEN_H

#include "base/addr.h"
#include "base/err.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"

struct listen_options {
    int backlog;
    bool v6_only;
    unsigned unix_mode; /* permission bits of a Unix socket */
};

/* Open a non-blocking, close-on-exec listening socket: SO_REUSEADDR; a Unix socket file that nobody
 * listens on is replaced, one that is in use is an error. ADDR_SYSTEMD: the descriptor of that name
 * from LISTEN_FDS/LISTEN_FDNAMES (sd_listen_fds(3)), checked to be a listening stream socket.
 * Returns the descriptor or a negative err_code with e saying what to do (port in use: by the
 * operator's words "another process listens on ..."). */
int listen_open(const struct addr *a, const struct listen_options *o, struct err *e);

struct listener;

/* Accept from fd (the caller keeps it) and hand each connection to on_accept(arg, stream): a paused
 * stream without user, now the callee's. out_of_descriptors(arg) is told when accept fails for want
 * of descriptors or memory; accepting then rests for 100 ms and goes on. NULL on failure. */
struct listener *listener_open(struct loop *l, int fd,
                               void (*on_accept)(void *arg, struct stream *s),
                               void (*out_of_descriptors)(void *arg), void *arg, struct err *e);

/* Take what is waiting in the queue (on_accept comes inside this call), then accept no more; frees
 * itself at the end of the turn, until when calling it again does nothing. NULL is fine. */
void listener_close(struct listener *l);

#endif
