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

/* Whom the connections are for. */
struct listener_user {
    /* A connection: a paused stream without user, now the callee's. */
    void (*on_accept)(void *arg, struct stream *s);
    /* Whether there is room for one more; asked before each is accepted. */
    bool (*has_room)(void *arg);
    /* One waits, but there is no room, or accept failed for want of descriptors or memory:
     * accepting rests for 100 ms, or until listener_resume(). What waits is left to other
     * processes, or until then. */
    void (*on_rest)(void *arg);
    void *arg;
};

/* Accept from fd (the caller keeps it) for u, which is copied. NULL on failure. */
struct listener *listener_open(struct loop *l, int fd, const struct listener_user *u,
                               struct err *e);

/* There may be room again: rest no longer. NULL is fine. */
void listener_resume(struct listener *l);

/* Take what is waiting in the queue, as far as there is room (on_accept comes inside this call),
 * then accept no more; frees itself at the end of the turn, until when calling it again does
 * nothing. NULL is fine. */
void listener_close(struct listener *l);

#endif
