/* Making of streams: what listener.c and dial.c need to know of them. Private to proxy/net. */
#ifndef PROXY_NET_STREAM_INNER_H
#define PROXY_NET_STREAM_INNER_H

#include <uv.h>

#include "proxy/net/loop_inner.h"
#include "proxy/net/stream.h"

struct stream {
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } handle; /* the only handle; the stream is freed when it is closed */
    struct loop *loop;
    const struct stream_ops *ops; /* NULL: nobody is told */
    void *self;
    struct loop_task break_task; /* queued once a write has failed */
    uint64_t accepted;           /* octets taken by stream_write() */
    bool reading;                /* the user wants octets */
    bool eof;                    /* the peer's end was seen */
    bool shut;                   /* our end was or will be sent */
    bool write_failed;           /* found, but perhaps not told */
    bool broken;                 /* told, or about to be told in this call */
    bool closing;
    _Alignas(
        struct addr) char peer[]; /* a struct addr, as far as its kind needs it (addr_size()) */
};

/* A stream without connection, for an address of kind ADDR_INET or ADDR_UNIX; peer is copied. NULL
 * on failure. */
struct stream *stream_new(struct loop *l, const struct addr *peer);

/* A paused stream on the connected descriptor fd, which it owns from then on (also on failure, when
 * fd is closed and NULL returned). peer tells the kind of socket. */
struct stream *stream_adopt(struct loop *l, int fd, const struct addr *peer);

#endif
