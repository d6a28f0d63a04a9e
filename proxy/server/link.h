/* One downstream connection's octets: the stream, the TLS engine on it, and the orderly end. Not
 * what the octets mean. Private to proxy/server. */
#ifndef PROXY_SERVER_LINK_H
#define PROXY_SERVER_LINK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/spares.h"
#include "conf/model.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"
#include "proxy/server/turns.h"
#include "proxy/tls/session.h"

/* Octets decrypted at a time, and gathered for one TLS record. */
#define LINK_PIECE 16384

/* What the links of one worker have in common: memory that each needs only for a moment. */
struct link_shared {
    char scratch[TLS_SESSION_READ_ROOM]; /* plain octets on their way to the user */
    struct buf out;                      /* cipher octets on their way to the stream */
    struct spares blocks;                /* for link.pending */
    struct turns turns;                  /* of handshakes */
};

/* What a link tells its user. Any of them may call link_finish() or link_close(). */
struct link_ops {
    /* The handshake is done. Not told for a link without TLS, which is open from the start. */
    void (*on_ready)(void *self);
    /* Plain octets, borrowed for the call; they may be empty after link_resume(). Returns how many
     * were taken; the others are kept, reading rests, and all come again after link_resume(). */
    size_t (*on_octets)(void *self, struct str octets);
    /* True if the client is to send something before it gets an answer. Asked once, when on_ready
     * was told and what came with the end of the handshake was delivered: such octets are then
     * acknowledged at once. */
    bool (*awaits)(const void *self);
    /* The client has sent its end, and all octets before it were taken. Comes twice if a TLS client
     * sends close_notify first and ends the connection later. */
    void (*on_eof)(void *self);
    /* link_full() was true and no longer is. Never comes inside a link_ function. */
    void (*on_drained)(void *self);
    /* The handshake failed, or the connection broke. The link ends by itself (a TLS alert is still
     * sent). detail: for the log, may be empty. At most once. */
    void (*on_failed)(void *self, enum reason why, struct str detail);
    /* Closed and gone: self may be freed. */
    void (*on_closed)(void *self);
};

/* In the order of a connection's life. */
enum link_state {
    LINK_HANDSHAKE = 0,
    LINK_OPEN,
    LINK_FLUSH,  /* our end is queued behind what waits; input is thrown away */
    LINK_LINGER, /* all is sent: the client may close first, so that it loses nothing to a reset */
    LINK_CLOSED
};

/* How the stream ended, if it did. */
enum link_end { LINK_END_NONE = 0, LINK_END_EOF, LINK_END_BROKEN };

struct link {
    struct loop *loop;
    struct stream *stream;
    struct tls_session *tls; /* NULL: plain */
    const struct link_ops *ops;
    void *self;
    struct link_shared *shared; /* borrowed */
    struct loop_timer timer;
    struct loop_task flush;
    struct loop_task resume;
    struct buf pending; /* plain octets to be encrypted at the end of the turn */
    struct buf rest;    /* plain octets that the user did not take yet; before the link is open,
                         * cipher octets that wait for the handshake's turn */
    struct turns_place place;
    enum link_end end; /* came while they waited */
    uint64_t sent_before;
    uint32_t handshake_ms;
    uint32_t handshake_steps; /* a turn; 0: any number */
    uint32_t send_idle_ms;
    uint32_t linger_ms;
    uint32_t buffer_max;
    enum link_state state;
    enum reason doomed; /* OK, or why a write could not be done */
    bool held;          /* the user did not take all */
    bool was_full;
    bool end_seen; /* close_notify, or the stream's end */
    bool end_told;
    bool notified;   /* close_notify was seen */
    bool stream_end; /* the stream's end was seen */
    bool failed;     /* on_failed was told */
};

/* Make l the user of stream, which it owns from here on. sites NULL: no TLS. Returns 0 or
 * -ERR_NOMEM (the stream is then still the caller's). */
int link_init(struct link *l, struct loop *loop, struct stream *stream, struct tls_sites *sites,
              const struct link_ops *ops, void *self) __attribute__((warn_unused_result));

/* Take over the time-outs and limits of a configuration. */
void link_configure(struct link *l, const struct conf *conf);

/* Begin to read; the handshake's time runs. shared: see above, borrowed. */
void link_start(struct link *l, struct link_shared *shared);

/* Prepare s; free what it holds, when no link uses it any more. */
void link_shared_init(struct link_shared *s, struct loop *loop);
void link_shared_fini(struct link_shared *s);

/* Queue plain octets (copied or encrypted at once); sent at the end of the turn, or as soon as a
 * record is full. */
void link_write(struct link *l, struct str octets);

/* The buffer of gathered plain octets, to append a head to directly; link_touch() afterwards. */
struct buf *link_pending(struct link *l);
void link_touch(struct link *l);

/* Let what waits go behind the tasks that are queued by now: one of them may end the link, and its
 * last words then go with the rest. */
void link_put_off(struct link *l);

/* A write could not be prepared: fail at the end of the turn. */
void link_doom(struct link *l, enum reason why);

/* Send octets as they are, without TLS: the answer to a client that does not speak it. Only inside
 * on_failed. */
void link_write_raw(struct link *l, struct str octets);

/* True if more than the limit waits to be sent; on_drained is then owed. */
bool link_full(struct link *l);

/* Offer the kept octets again (even if there are none), and go on reading, after this turn. */
void link_resume(struct link *l);

/* True if the connection under TLS has ended, and nobody is left to read: without close_notify, or
 * with TLS 1.2, where that ends both directions (RFC 5246 7.2.1). */
bool link_is_gone(const struct link *l);

/* True if it has ended behind close_notify of TLS 1.3: the client may have closed its own direction
 * only (RFC 8446 6.1), or be gone. Writing shows which. */
bool link_may_be_gone(const struct link *l);

/* True if octets of the client wait to be taken. */
bool link_has_input(const struct link *l);

/* Give back what an idle connection need not keep. */
void link_idle(struct link *l);

/* End in order: send what waits, close_notify, our end; throw input away until the client has
 * closed or linger_ms are over. Idempotent. */
void link_finish(struct link *l);

/* Close at once. Idempotent; on_closed comes later. */
void link_close(struct link *l);

#endif
