/* A connected byte stream, TCP or Unix socket. Owns its handle; frees itself after closing. */
#ifndef PROXY_NET_STREAM_H
#define PROXY_NET_STREAM_H

#include "base/addr.h"
#include "base/reason.h"
#include "base/str.h"
#include "proxy/net/loop.h"

struct stream;

/* What a stream tells its user. After on_closed nothing comes any more. Any of them may call
 * stream_close(); the caller of a callback that may close must return at once. */
struct stream_ops {
    /* Octets came; borrowed for the call. Never comes while paused. */
    void (*on_data)(void *self, struct str octets);
    /* The peer sent its end; writing is still possible. */
    void (*on_eof)(void *self);
    /* The connection broke (reset, write error); only stream_close() is left to do. */
    void (*on_broken)(void *self);
    /* All queued octets are with the kernel (comes only after a write that had to be queued). */
    void (*on_drained)(void *self);
    /* Closed: the stream is freed after this returns. */
    void (*on_closed)(void *self);
};

/* Octets read at a time at most. */
#define STREAM_READ_MAX LOOP_READ_MAX

/* Begin reading; until then a new stream is paused. */
void stream_start(struct stream *s);

/* Set who is told; both borrowed until on_closed. */
void stream_set_user(struct stream *s, const struct stream_ops *ops, void *self);

/* Send octets: what the kernel takes at once is not copied, the rest is copied and queued. Returns
 * 0, -ERR_CLOSED (told broken, shut down or closing), -ERR_NOMEM (part of them may be gone: only
 * stream_close() is left to do). A break found while writing is told by on_broken at the end of
 * the turn, never inside; what the peer had sent before it is read first, unless paused, so that an
 * early answer is not lost. Until it is told, octets go nowhere and 0 is returned. */
int stream_write(struct stream *s, struct str octets) __attribute__((warn_unused_result));

/* The same, and then our end, as stream_shutdown() does it: both go in one segment where all octets
 * fit into the socket and are not more than that takes. */
int stream_write_last(struct stream *s, struct str octets) __attribute__((warn_unused_result));

/* Octets queued and not yet with the kernel. */
size_t stream_queued(const struct stream *s);

/* Octets ever taken by the kernel: changes while a slow peer makes progress. */
uint64_t stream_sent(const struct stream *s);

/* Stop reading, go on reading. Idempotent. Resume never calls on_data inside. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* Acknowledge what came at once, not together with what we send next (TCP_QUICKACK, tcp(7)): for a
 * peer without TCP_NODELAY, which holds its next octets back until then. Unix sockets: nothing. */
void stream_ack_now(struct stream *s);

/* Send our end after what is queued. Idempotent. */
void stream_shutdown(struct stream *s);

/* Close at once; what is queued is lost. Idempotent; on_closed comes later. */
void stream_close(struct stream *s);

/* Close with a TCP reset: for connections refused over a limit. */
void stream_abort(struct stream *s);

/* The other end's address; Unix sockets: kind ADDR_UNIX. */
const struct addr *stream_peer(const struct stream *s);

/* True if a stream that idles has been closed by its peer or has unread octets: not to be used for
 * another request. One recv(MSG_PEEK). */
bool stream_is_stale(const struct stream *s);

#endif
