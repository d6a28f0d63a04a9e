/* Owns: opening of connections, with resolving and a time-out over all of it. Not: pooling. On the
 * loop's thread; libuv resolves on its own threads. */
#include "proxy/net/dial.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>

#include "base/mem.h"
#include "proxy/net/stream_inner.h"

/* One try of one address; outlives the dial if libuv still holds it. */
struct attempt {
    uv_connect_t request;
    struct stream *stream; /* ours until it is connected or closed */
    struct dial *dial;     /* NULL: nobody waits any more */
};

/* A resolution under way; outlives the dial in the same way. */
struct lookup {
    uv_getaddrinfo_t request;
    struct dial *dial;
};

struct dial {
    struct loop *loop;
    dial_done_fn done;
    void *arg;
    uint64_t deadline_ms;
    struct loop_timer timer;       /* of the present step */
    struct loop_task failed_early; /* a failure inside dial_start() */
    struct lookup *lookup;
    struct attempt *attempt;
    struct addrinfo *found; /* owned; NULL unless a name was resolved */
    struct addrinfo *next;  /* to be tried, in found */
    int error;              /* of the last attempt */
};

static void abandon_attempt(struct dial *d)
{
    if (d->attempt != NULL) {
        d->attempt->dial = NULL;
        stream_close(d->attempt->stream);
        d->attempt = NULL;
    }
}

static void dial_free(struct dial *d)
{
    loop_timer_stop(&d->timer);
    loop_task_cancel(&d->failed_early);
    abandon_attempt(d);
    if (d->lookup != NULL) {
        d->lookup->dial = NULL;
        (void)uv_cancel((uv_req_t *)&d->lookup->request);
    }
    uv_freeaddrinfo(d->found);
    mem_free(d);
}

static void finish(struct dial *d, struct stream *s, int error)
{
    dial_done_fn done = d->done;
    void *arg = d->arg;
    dial_free(d);
    done(arg, s, error);
}

static void try_next(struct dial *d);

static void on_connect(uv_connect_t *request, int status)
{
    struct attempt *a = request->data;
    struct dial *d = a->dial;
    struct stream *s = a->stream;
    mem_free(a);
    if (d == NULL) {
        return; /* the stream is closed already */
    }
    d->attempt = NULL;
    if (status == 0) {
        finish(d, s, 0);
        return;
    }
    stream_close(s);
    d->error = status;
    try_next(d);
}

/* Begins to connect to peer. Returns 0 or a negated errno. */
static int attempt_start(struct dial *d, const struct addr *peer)
{
    struct attempt *a = mem_calloc(1, sizeof(*a));
    struct stream *s = a != NULL ? stream_new(d->loop, peer) : NULL;
    if (s == NULL) {
        mem_free(a);
        return -ENOMEM;
    }
    a->request.data = a;
    a->stream = s;
    a->dial = d;
    int error = 0;
    if (peer->kind == ADDR_UNIX) {
        uv_pipe_connect(&a->request, &s->handle.pipe, peer->un.sun_path, on_connect);
    } else {
        (void)uv_tcp_nodelay(&s->handle.tcp, 1);
        error = uv_tcp_connect(&a->request, &s->handle.tcp, &peer->sa, on_connect);
    }
    if (error != 0) {
        stream_close(s);
        mem_free(a);
        return error;
    }
    d->attempt = a;
    return 0;
}

/* Gives the next address its share of the time that is left. */
static void start_timer(struct dial *d)
{
    uint64_t now = loop_now_ms(d->loop);
    uint64_t left = d->deadline_ms > now ? d->deadline_ms - now : 0;
    uint64_t shares = 1;
    for (const struct addrinfo *ai = d->next; ai != NULL; ai = ai->ai_next) {
        shares++;
    }
    loop_timer_start(d->loop, &d->timer, left / shares);
}

static void try_next(struct dial *d)
{
    while (d->next != NULL && loop_now_ms(d->loop) < d->deadline_ms) {
        struct addr peer;
        addr_from_sockaddr(&peer, d->next->ai_addr, d->next->ai_addrlen);
        d->next = d->next->ai_next;
        int error = attempt_start(d, &peer);
        if (error == 0) {
            start_timer(d);
            return;
        }
        d->error = error;
    }
    finish(d, NULL, d->error);
}

static void on_timeout(struct loop_timer *t)
{
    struct dial *d = LIST_ENTRY(t, struct dial, timer);
    d->error = -ETIMEDOUT;
    abandon_attempt(d);
    try_next(d);
}

static void on_failed_early(struct loop_task *t)
{
    struct dial *d = LIST_ENTRY(t, struct dial, failed_early);
    finish(d, NULL, d->error);
}

static int errno_of_lookup(int status)
{
    switch (status) {
    case UV_EAI_MEMORY:
    case UV_ENOMEM:
        return -ENOMEM;
    case UV_EAI_AGAIN:
        return -EAGAIN;
    default:
        return -EHOSTUNREACH;
    }
}

static void on_lookup(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct lookup *l = request->data;
    struct dial *d = l->dial;
    mem_free(l);
    if (d == NULL) {
        uv_freeaddrinfo(found);
        return;
    }
    d->lookup = NULL;
    d->found = found;
    d->next = found;
    d->error = status == 0 ? -ETIMEDOUT : errno_of_lookup(status);
    try_next(d);
}

static int lookup_start(struct dial *d, const struct addr *a)
{
    struct lookup *l = mem_calloc(1, sizeof(*l));
    if (l == NULL) {
        return -ENOMEM;
    }
    l->request.data = l;
    l->dial = d;
    char port[8];
    (void)snprintf(port, sizeof(port), "%u", a->port);
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int error = uv_getaddrinfo(&d->loop->uv, &l->request, on_lookup, a->name, port, &hints);
    if (error != 0) {
        mem_free(l);
        return errno_of_lookup(error);
    }
    d->lookup = l;
    return 0;
}

struct dial *dial_start(struct loop *l, const struct addr *a, uint32_t timeout_ms,
                        dial_done_fn done, void *arg)
{
    struct dial *d = mem_calloc(1, sizeof(*d));
    if (d == NULL) {
        return NULL;
    }
    d->loop = l;
    d->done = done;
    d->arg = arg;
    d->deadline_ms = loop_now_ms(l) + timeout_ms;
    loop_timer_init(&d->timer, on_timeout);
    loop_task_init(&d->failed_early, on_failed_early);
    d->error = a->kind == ADDR_NAME ? lookup_start(d, a) : attempt_start(d, a);
    if (d->error == -ENOMEM) {
        dial_free(d);
        return NULL;
    }
    if (d->error != 0) {
        loop_defer(l, &d->failed_early);
    } else {
        start_timer(d);
    }
    return d;
}

void dial_cancel(struct dial *d)
{
    if (d != NULL) {
        dial_free(d);
    }
}
