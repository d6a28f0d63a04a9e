/* Owns: one connected socket, its reading, its write queue and its end. Not: how it came to be
 * connected. On the loop's thread. */
#include "proxy/net/stream.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "proxy/net/stream_inner.h"

/* Read at most this often from a socket whose writing has failed, before that is told. */
#define LAST_READS_MAX 16

/* What the kernel did not take at once. */
struct queued_write {
    uv_write_t request;
    struct stream *stream;
    char octets[];
};

static int fd_of(const struct stream *s)
{
    uv_os_fd_t fd = -1;
    return uv_fileno(&s->handle.any, &fd) == 0 ? fd : -1;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct stream *s = handle->data;
    if (s->ops != NULL) {
        s->ops->on_closed(s->self);
    }
    mem_free(s);
}

static void stop_reading(struct stream *s)
{
    (void)uv_read_stop(&s->handle.stream);
}

static void tell_broken(struct stream *s)
{
    if (s->broken || s->closing) {
        return;
    }
    s->broken = true;
    stop_reading(s);
    if (s->ops != NULL) {
        s->ops->on_broken(s->self);
    }
}

/* What the peer sent before it broke off is still with the kernel: an answer, perhaps. */
static void on_break_task(struct loop_task *t)
{
    struct stream *s = LIST_ENTRY(t, struct stream, break_task);
    int fd = fd_of(s);
    stop_reading(s);
    for (int i = 0; i < LAST_READS_MAX && s->reading && !s->eof && !s->closing; i++) {
        ssize_t n = recv(fd, s->loop->read_buffer, STREAM_READ_MAX, MSG_DONTWAIT);
        if (n <= 0) {
            break;
        }
        if (s->ops != NULL) {
            s->ops->on_data(s->self, (struct str){s->loop->read_buffer, (size_t)n});
        }
    }
    tell_broken(s);
}

static void writing_failed(struct stream *s)
{
    if (!s->write_failed && !s->broken && !s->closing) {
        s->write_failed = true;
        loop_defer(s->loop, &s->break_task);
    }
}

struct stream *stream_new(struct loop *l, const struct addr *peer)
{
    size_t size = addr_size(peer);
    struct stream *s = mem_calloc(1, sizeof(*s) + size);
    if (s == NULL) {
        return NULL;
    }
    s->loop = l;
    memcpy(s->peer, peer, size);
    loop_task_init(&s->break_task, on_break_task);
    int failed = peer->kind == ADDR_UNIX ? uv_pipe_init(&l->uv, &s->handle.pipe, 0)
                                         : uv_tcp_init(&l->uv, &s->handle.tcp);
    if (failed != 0) {
        mem_free(s);
        return NULL;
    }
    s->handle.any.data = s;
    return s;
}

struct stream *stream_adopt(struct loop *l, int fd, const struct addr *peer)
{
    struct stream *s = stream_new(l, peer);
    if (s == NULL) {
        (void)close(fd);
        return NULL;
    }
    int failed = peer->kind == ADDR_UNIX ? uv_pipe_open(&s->handle.pipe, fd)
                                         : uv_tcp_open(&s->handle.tcp, fd);
    if (failed != 0) {
        (void)close(fd);
        stream_close(s);
        return NULL;
    }
    return s;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct stream *s = handle->data;
    buffer->base = s->loop->read_buffer;
    buffer->len = STREAM_READ_MAX;
}

/* libuv takes a hang-up behind a short read for the end of the stream (its POLLHUP short cut). The
 * socket knows better: octets may have come meanwhile, and a reset is no end. */
static void on_hangup(struct stream *s)
{
    char c;
    ssize_t n = recv(fd_of(s), &c, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0) {
        s->reading = false;
        stream_resume(s);
        return;
    }
    stop_reading(s);
    if (n < 0 && errno != EAGAIN) {
        tell_broken(s);
        return;
    }
    s->eof = true;
    if (s->ops != NULL && !s->write_failed) {
        s->ops->on_eof(s->self);
    }
}

static void on_read(uv_stream_t *handle, ssize_t n, const uv_buf_t *buffer)
{
    struct stream *s = handle->data;
    if (n > 0) {
        if (s->ops != NULL) {
            s->ops->on_data(s->self, (struct str){buffer->base, (size_t)n});
        }
    } else if (n == UV_EOF) {
        on_hangup(s);
    } else if (n < 0) {
        tell_broken(s);
    }
}

void stream_start(struct stream *s)
{
    stream_resume(s);
}

void stream_set_user(struct stream *s, const struct stream_ops *ops, void *self)
{
    s->ops = ops;
    s->self = self;
}

void stream_pause(struct stream *s)
{
    if (s->reading) {
        s->reading = false;
        stop_reading(s);
    }
}

void stream_resume(struct stream *s)
{
    if (s->reading || s->closing || s->broken) {
        return;
    }
    s->reading = true;
    if (!s->eof && uv_read_start(&s->handle.stream, on_alloc, on_read) != 0) {
        writing_failed(s);
    }
}

void stream_ack_now(struct stream *s)
{
    int one = 1;
    if (stream_peer(s)->kind != ADDR_UNIX && !s->closing) {
        (void)setsockopt(fd_of(s), IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
    }
}

static void send_end(struct stream *s)
{
    (void)shutdown(fd_of(s), SHUT_WR);
}

static void on_written(uv_write_t *request, int status)
{
    struct queued_write *w = request->data;
    struct stream *s = w->stream;
    mem_free(w);
    if (status != 0) {
        writing_failed(s); /* or cancelled by closing, when this does nothing */
        return;
    }
    if (s->closing || uv_stream_get_write_queue_size(&s->handle.stream) > 0) {
        return;
    }
    if (s->shut) {
        send_end(s);
    }
    if (s->ops != NULL && !s->write_failed && !s->broken) {
        s->ops->on_drained(s->self);
    }
}

static int queue_write(struct stream *s, struct str octets)
{
    struct queued_write *w = mem_alloc(sizeof(*w) + octets.n);
    if (w == NULL) {
        return -ERR_NOMEM;
    }
    memcpy(w->octets, octets.p, octets.n);
    w->stream = s;
    w->request.data = w;
    uv_buf_t buffer = {.base = w->octets, .len = octets.n};
    if (uv_write(&w->request, &s->handle.stream, &buffer, 1, on_written) != 0) {
        mem_free(w);
        writing_failed(s);
        return 0;
    }
    s->accepted += octets.n;
    return 0;
}

int stream_write(struct stream *s, struct str octets)
{
    if (s->closing || s->broken || s->shut) {
        return -ERR_CLOSED;
    }
    if (s->write_failed || octets.n == 0) {
        return 0;
    }
    /* libuv's buffers are not const, though writing only reads them. */
    uv_buf_t buffer = {.base = (char *)(uintptr_t)octets.p, .len = octets.n};
    int n = uv_try_write(&s->handle.stream, &buffer, 1);
    if (n == UV_EAGAIN) {
        n = 0;
    }
    if (n < 0) {
        writing_failed(s);
        return 0;
    }
    s->accepted += (size_t)n;
    struct str rest = str_slice(octets, (size_t)n, octets.n);
    return rest.n > 0 ? queue_write(s, rest) : 0;
}

/* Octets that the kernel took, to be sent with what follows; 0: none. */
static size_t hold_back(struct stream *s, struct str octets)
{
    ssize_t n = send(fd_of(s), octets.p, octets.n, MSG_MORE | MSG_NOSIGNAL | MSG_DONTWAIT);
    s->accepted += n > 0 ? (size_t)n : 0;
    return n > 0 ? (size_t)n : 0;
}

int stream_write_last(struct stream *s, struct str octets)
{
    bool free = !s->closing && !s->broken && !s->shut && stream_queued(s) == 0;
    size_t n = free && !s->write_failed && octets.n > 0 ? hold_back(s, octets) : 0;
    int failed = stream_write(s, str_slice(octets, n, octets.n));
    stream_shutdown(s);
    return failed;
}

size_t stream_queued(const struct stream *s)
{
    return s->write_failed ? 0 : uv_stream_get_write_queue_size(&s->handle.stream);
}

uint64_t stream_sent(const struct stream *s)
{
    return s->accepted - uv_stream_get_write_queue_size(&s->handle.stream);
}

void stream_shutdown(struct stream *s)
{
    if (s->shut || s->closing || s->broken) {
        return;
    }
    s->shut = true;
    if (stream_queued(s) == 0) {
        send_end(s);
    }
}

void stream_close(struct stream *s)
{
    if (s->closing) {
        return;
    }
    s->closing = true;
    s->reading = false;
    loop_task_cancel(&s->break_task);
    uv_close(&s->handle.any, on_handle_closed);
}

void stream_abort(struct stream *s)
{
    if (!s->closing) {
        const struct linger reset = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(fd_of(s), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
    stream_close(s);
}

const struct addr *stream_peer(const struct stream *s)
{
    return (const struct addr *)(const void *)s->peer;
}

bool stream_is_stale(const struct stream *s)
{
    if (s->closing || s->broken || s->write_failed || s->eof) {
        return true;
    }
    char c;
    ssize_t n = recv(fd_of(s), &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || errno != EAGAIN;
}
