/* Owns: accepting from a listening socket. The descriptor is duplicated, so that several listeners
 * and several processes may accept from one socket. On the loop's thread. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/mem.h"
#include "proxy/net/listen.h"
#include "proxy/net/stream_inner.h"

/* Accept at most so many in a row: connections that are open get their turn, and other workers get
 * their share. */
#define ACCEPT_BATCH 8

/* The most that listener_close() takes from the queue. */
#define LAST_ACCEPTS_MAX 4096

#define REST_MS 100

struct listener {
    uv_poll_t poll;
    struct loop *loop;
    struct loop_timer rest;
    int fd; /* our duplicate */
    struct listener_user user;
    bool closing;
};

static void on_readable(uv_poll_t *handle, int status, int events);

static void on_rested(struct loop_timer *t)
{
    struct listener *l = LIST_ENTRY(t, struct listener, rest);
    (void)uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

/* What waits stays in the kernel's queue and is not lost. */
static void take_rest(struct listener *l)
{
    if (!l->closing) {
        (void)uv_poll_stop(&l->poll);
        loop_timer_start(l->loop, &l->rest, REST_MS);
    }
}

/* True if it was only that one connection that failed (accept(2)). */
static bool accept_failed(struct listener *l, int error)
{
    switch (error) {
    case EAGAIN:
        return false;
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
        return true;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        take_rest(l);
        l->user.on_rest(l->user.arg);
        return false;
    default:
        take_rest(l);
        return false;
    }
}

/* Accepts one connection; false when there is none or accepting must rest. */
static bool accept_one(struct listener *l)
{
    union {
        struct sockaddr sa;
        struct sockaddr_storage storage;
    } from = {.storage = {.ss_family = AF_UNSPEC}};
    socklen_t n = sizeof(from);
    int fd = accept4(l->fd, &from.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return accept_failed(l, errno);
    }
    struct addr peer;
    addr_from_sockaddr(&peer, &from.sa, n);
    struct stream *s = stream_adopt(l->loop, fd, &peer);
    if (s == NULL) {
        return accept_failed(l, ENOMEM);
    }
    l->user.on_accept(l->user.arg, s);
    return true;
}

static bool has_room(const struct listener *l)
{
    return l->user.has_room(l->user.arg);
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
    (void)events;
    struct listener *l = handle->data;
    if (status != 0) {
        take_rest(l);
        return;
    }
    if (!has_room(l)) {
        take_rest(l);
        l->user.on_rest(l->user.arg);
        return;
    }
    for (int i = 0; i < ACCEPT_BATCH && !l->closing && has_room(l); i++) {
        if (!accept_one(l)) {
            return;
        }
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    (void)close(l->fd);
    mem_free(l);
}

struct listener *listener_open(struct loop *l, int fd, const struct listener_user *u, struct err *e)
{
    struct listener *r = mem_calloc(1, sizeof(*r));
    if (r == NULL) {
        (void)err_set(e, ERR_NOMEM, "out of memory");
        return NULL;
    }
    r->loop = l;
    r->user = *u;
    loop_timer_init(&r->rest, on_rested);
    r->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    int error = r->fd < 0 ? -errno : uv_poll_init(&l->uv, &r->poll, r->fd);
    if (error != 0) {
        (void)err_set_errno(e, ERR_IO, -error, "cannot accept from a listening socket");
        if (r->fd >= 0) {
            (void)close(r->fd);
        }
        mem_free(r);
        return NULL;
    }
    r->poll.data = r;
    /* Accepted sockets inherit it; a Unix socket has no such option. */
    const int yes = 1;
    (void)setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    (void)uv_poll_start(&r->poll, UV_READABLE, on_readable);
    return r;
}

void listener_resume(struct listener *l)
{
    if (l != NULL && loop_timer_running(&l->rest)) {
        loop_timer_stop(&l->rest);
        on_rested(&l->rest);
    }
}

void listener_close(struct listener *l)
{
    if (l == NULL || l->closing) {
        return;
    }
    l->closing = true;
    loop_timer_stop(&l->rest);
    (void)uv_poll_stop(&l->poll);
    for (int i = 0; i < LAST_ACCEPTS_MAX && has_room(l) && accept_one(l); i++) {
    }
    uv_close((uv_handle_t *)&l->poll, on_closed);
}
