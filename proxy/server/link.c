/* Owns: the stream and the TLS engine of one connection, its write gathering, its held-back input,
 * and the three ways in which it ends. Not: HTTP. On the loop's thread. */
#include "proxy/server/link.h"

#include "base/err.h"
#include "base/mem.h"

/* A head as large as the limits allow, and a piece of body behind it. */
enum { PENDING_MAX = 4 * 1024 * 1024, REST_MAX = 2 * STREAM_READ_MAX };

/* Cipher octets that go to the stream in one call, unless the last record makes it more; memory for
 * them that is kept; and a block for what is gathered. */
enum { GATHER_MAX = 64 * 1024, OUT_KEEP = 128 * 1024, LINK_BLOCK = LINK_PIECE + 1024 };

static void link_fail(struct link *l, enum reason why);

/* ---- Sending ---- */

/* Lend the engine memory for what it has to send: it needs it only until that is sent. */
static void lend_out(struct link *l)
{
    struct buf *out = tls_session_out(l->tls);
    if (out->p == NULL && l->shared != NULL) {
        struct buf shared = l->shared->out;
        buf_init(&l->shared->out, shared.cap);
        shared.cap = out->cap;
        *out = shared;
    }
}

/* Give back what was lent, or what the engine has got itself: memory of a usual size stays with the
 * worker. */
static void return_out(struct link *l)
{
    struct buf *out = tls_session_out(l->tls);
    if (out->p != NULL && buf_len(out) == 0 && l->shared != NULL && l->shared->out.p == NULL &&
        out->size <= OUT_KEEP) {
        struct buf own = *out;
        buf_init(out, own.cap);
        own.cap = l->shared->out.cap;
        l->shared->out = own;
    }
}

/* What the engine has ready goes to the stream, by write, be it nothing. */
static void push_by(struct link *l, int (*write)(struct stream *s, struct str octets))
{
    struct buf *out = l->tls != NULL ? tls_session_out(l->tls) : NULL;
    if (write(l->stream, out != NULL ? buf_str(out) : STR_NONE) == -ERR_NOMEM) {
        link_doom(l, REASON_OUT_OF_MEMORY);
    }
    if (out != NULL) {
        buf_clear(out);
        return_out(l);
    }
}

static void push_cipher(struct link *l)
{
    push_by(l, stream_write);
}

/* The same, and no more. */
static void push_last(struct link *l)
{
    push_by(l, stream_write_last);
}

/* Encrypt at most LINK_PIECE octets: one record. Records are gathered, so that those of a large
 * piece of a body go in one call. */
static void send_piece(struct link *l, struct str octets)
{
    if (l->tls == NULL) {
        if (stream_write(l->stream, octets) == -ERR_NOMEM) {
            link_doom(l, REASON_OUT_OF_MEMORY);
        }
        return;
    }
    lend_out(l);
    if (tls_session_write(l->tls, octets) != TLS_OK) {
        link_doom(l, tls_session_reason(l->tls));
        return;
    }
    if (buf_len(tls_session_out(l->tls)) >= GATHER_MAX) {
        push_cipher(l);
    }
}

/* Memory for what is gathered: a record, and a head or chunk lines beside it. What needs more
 * grows; without memory, appending fails. */
static void take_block(struct link *l)
{
    if (l->pending.p != NULL) {
        return;
    }
    l->pending.p = l->shared != NULL ? spares_take(&l->shared->blocks) : NULL;
    if (l->pending.p == NULL) {
        l->pending.p = mem_alloc(LINK_BLOCK);
    }
    l->pending.size = l->pending.p != NULL ? LINK_BLOCK : 0;
}

static void give_block(struct link *l)
{
    struct buf *b = &l->pending;
    mem_wipe(b->p, b->tail);
    if (b->size == LINK_BLOCK && l->shared != NULL && spares_give(&l->shared->blocks, b->p)) {
        b->p = NULL;
    }
    buf_wipe(b);
}

static void encrypt_pending(struct link *l)
{
    while (buf_len(&l->pending) > 0 && l->doomed == REASON_OK) {
        struct str piece = str_slice(buf_str(&l->pending), 0, LINK_PIECE);
        send_piece(l, piece);
        mem_wipe(l->pending.p + l->pending.head, piece.n);
        buf_consume(&l->pending, piece.n);
    }
    mem_wipe(l->pending.p, l->pending.tail);
    buf_clear(&l->pending);
}

static void send_pending(struct link *l)
{
    encrypt_pending(l);
    push_cipher(l);
}

/* The client must take something within send_idle_ms while something waits. */
static void watch_sending(struct link *l)
{
    if (stream_queued(l->stream) == 0) {
        loop_timer_stop(&l->timer);
    } else if (!loop_timer_running(&l->timer)) {
        l->sent_before = stream_sent(l->stream);
        loop_timer_start(l->loop, &l->timer, l->send_idle_ms);
    }
}

static void tell_drained(struct link *l)
{
    if (l->was_full && l->state == LINK_OPEN && !link_full(l)) {
        l->was_full = false;
        l->ops->on_drained(l->self);
    }
}

static void on_flush(struct loop_task *t)
{
    struct link *l = LIST_ENTRY(t, struct link, flush);
    if (l->state != LINK_OPEN) {
        return;
    }
    send_pending(l);
    if (l->doomed != REASON_OK) {
        link_fail(l, l->doomed);
        return;
    }
    watch_sending(l);
    tell_drained(l);
}

void link_doom(struct link *l, enum reason why)
{
    if (l->doomed == REASON_OK) {
        l->doomed = why;
    }
    loop_defer(l->loop, &l->flush);
}

void link_write(struct link *l, struct str octets)
{
    while (octets.n > 0 && l->state == LINK_OPEN && l->doomed == REASON_OK) {
        size_t gathered = buf_len(&l->pending);
        if (gathered >= LINK_PIECE) {
            encrypt_pending(l);
            continue;
        }
        struct str piece = str_slice(octets, 0, LINK_PIECE - gathered);
        octets = str_slice(octets, piece.n, octets.n);
        if (piece.n == LINK_PIECE) {
            send_piece(l, piece);
            continue;
        }
        take_block(l);
        if (buf_append(&l->pending, piece) != 0) {
            link_doom(l, REASON_OUT_OF_MEMORY);
        }
    }
    push_cipher(l);
    link_touch(l);
}

struct buf *link_pending(struct link *l)
{
    take_block(l);
    return &l->pending;
}

void link_touch(struct link *l)
{
    if (l->state == LINK_OPEN) {
        loop_defer(l->loop, &l->flush);
    }
}

void link_put_off(struct link *l)
{
    loop_task_cancel(&l->flush);
    link_touch(l);
}

void link_write_raw(struct link *l, struct str octets)
{
    if (stream_write(l->stream, octets) != 0) {
        stream_shutdown(l->stream);
    }
}

bool link_full(struct link *l)
{
    if (stream_queued(l->stream) + buf_len(&l->pending) > l->buffer_max) {
        l->was_full = true;
        return true;
    }
    return false;
}

/* ---- Ending ---- */

void link_close(struct link *l)
{
    if (l->state == LINK_CLOSED) {
        return;
    }
    l->state = LINK_CLOSED;
    turns_leave(&l->place);
    loop_timer_stop(&l->timer);
    loop_task_cancel(&l->flush);
    loop_task_cancel(&l->resume);
    stream_close(l->stream);
}

static void enter_linger(struct link *l)
{
    if (l->stream_end) {
        link_close(l);
        return;
    }
    l->state = LINK_LINGER;
    loop_timer_start(l->loop, &l->timer, l->linger_ms);
}

static void enter_flush(struct link *l)
{
    l->state = LINK_FLUSH;
    turns_leave(&l->place);
    loop_task_cancel(&l->flush);
    loop_task_cancel(&l->resume);
    loop_timer_stop(&l->timer);
    push_last(l);
    stream_resume(l->stream);
    if (stream_queued(l->stream) == 0) {
        enter_linger(l);
    } else {
        watch_sending(l);
    }
}

void link_finish(struct link *l)
{
    if (l->state >= LINK_FLUSH) {
        return;
    }
    encrypt_pending(l);
    if (l->tls != NULL && l->state == LINK_OPEN) {
        lend_out(l);
        tls_session_shutdown(l->tls); /* goes with the last of the answer */
    }
    enter_flush(l);
}

/* Whether something can still be said to the client: an alert, or why its plain HTTP is wrong here.
 */
static void link_fail(struct link *l, enum reason why)
{
    if (l->state == LINK_CLOSED) {
        return;
    }
    bool speaks = l->state < LINK_FLUSH && why != REASON_CLIENT_CLOSED &&
                  why != REASON_SEND_TIMEOUT && why != REASON_TLS_HANDSHAKE_ABORTED;
    struct str detail = l->tls != NULL ? tls_session_detail(l->tls) : STR_NONE;
    if (speaks) {
        l->state = LINK_FLUSH;
        push_cipher(l); /* the alert: who is told of the failure may close at once */
    }
    if (!l->failed) {
        l->failed = true;
        l->ops->on_failed(l->self, why, detail);
    }
    if (l->state == LINK_CLOSED) {
        return;
    }
    if (speaks) {
        enter_flush(l);
    } else {
        link_close(l);
    }
}

static void on_timer(struct loop_timer *t)
{
    struct link *l = LIST_ENTRY(t, struct link, timer);
    switch (l->state) {
    case LINK_HANDSHAKE:
        link_fail(l, REASON_TLS_HANDSHAKE_TIMEOUT);
        break;
    case LINK_OPEN:
    case LINK_FLUSH:
        if (stream_queued(l->stream) > 0 && stream_sent(l->stream) == l->sent_before) {
            link_fail(l, REASON_SEND_TIMEOUT);
        } else {
            watch_sending(l);
        }
        break;
    case LINK_LINGER:
        link_close(l);
        break;
    case LINK_CLOSED:
        break;
    }
}

/* ---- Receiving ---- */

static void deliver(struct link *l, struct str octets)
{
    size_t used = l->ops->on_octets(l->self, octets);
    if (l->state != LINK_OPEN || used >= octets.n) {
        return;
    }
    l->held = true;
    stream_pause(l->stream);
    if (buf_append(&l->rest, str_slice(octets, used, octets.n)) != 0) {
        link_fail(l, REASON_OUT_OF_MEMORY);
    }
}

/* Decrypt and deliver as long as there is input and the user takes it. */
static void pump(struct link *l)
{
    while (l->state == LINK_OPEN && !l->held && !l->end_seen && tls_session_may_read(l->tls)) {
        size_t n = 0;
        enum tls_result r =
            tls_session_read(l->tls, l->shared->scratch, sizeof(l->shared->scratch), &n);
        if (r == TLS_OK) {
            deliver(l, (struct str){l->shared->scratch, n});
        } else if (r == TLS_CLOSED) {
            l->notified = true;
            l->end_seen = true;
        } else if (r == TLS_FAILED) {
            link_fail(l, tls_session_reason(l->tls));
            return;
        } else {
            return;
        }
    }
}

static void tell_end(struct link *l)
{
    if (l->state == LINK_OPEN && l->end_seen && !l->end_told && !l->held) {
        l->end_told = true;
        l->ops->on_eof(l->self);
    }
}

/* After the engine was fed or asked: send what it has to say, keep what it has not read. */
static void settle(struct link *l)
{
    if (l->state != LINK_OPEN) {
        tls_session_unlend(l->tls); /* nobody reads any more, and it goes with this call */
    }
    if (l->state == LINK_CLOSED) {
        return;
    }
    push_cipher(l);
    if (l->state == LINK_OPEN && tls_session_settle(l->tls) != 0) {
        link_fail(l, REASON_OUT_OF_MEMORY);
        return;
    }
    tell_end(l);
}

static void shake_hands(struct link *l)
{
    enum tls_result r = tls_session_handshake(l->tls);
    push_cipher(l);
    switch (r) {
    case TLS_OK:
        loop_timer_stop(&l->timer);
        l->state = LINK_OPEN;
        l->ops->on_ready(l->self);
        pump(l);
        if (l->state == LINK_OPEN && l->ops->awaits(l->self)) {
            stream_ack_now(l->stream);
        }
        break;
    case TLS_WANT:
        if (tls_session_settle(l->tls) != 0) {
            link_fail(l, REASON_OUT_OF_MEMORY);
        }
        return;
    case TLS_FAILED:
    case TLS_CLOSED:
        link_fail(l, tls_session_reason(l->tls));
        return;
    }
    settle(l);
}

static void go_on_shaking(struct link *l, struct str octets)
{
    lend_out(l);
    tls_session_input(l->tls, octets);
    shake_hands(l);
}

/* Computing a handshake takes as long as serving ten requests: it waits until what else came in
 * this turn is served. Seldom does a client send more meanwhile; then reading rests. */
static void await_turn(struct link *l, struct str octets)
{
    if (turns_is_waiting(&l->place)) {
        stream_pause(l->stream);
    }
    if (buf_append(&l->rest, octets) != 0) {
        link_fail(l, REASON_OUT_OF_MEMORY);
        return;
    }
    turns_wait(&l->shared->turns, &l->place, l->handshake_steps);
}

static void on_eof(void *self);
static void on_broken(void *self);

static void on_turn(struct turns_place *p)
{
    struct link *l = LIST_ENTRY(p, struct link, place);
    struct buf waited = l->rest;
    enum link_end end = l->end;
    buf_init(&l->rest, REST_MAX);
    l->end = LINK_END_NONE;
    go_on_shaking(l, buf_str(&waited));
    buf_release(&waited);
    if (l->state <= LINK_OPEN && !l->held) {
        stream_resume(l->stream);
    }
    if (end == LINK_END_EOF) {
        on_eof(l);
    } else if (end == LINK_END_BROKEN) {
        on_broken(l);
    }
}

static void on_data(void *self, struct str octets)
{
    struct link *l = self;
    if (l->state == LINK_HANDSHAKE && l->handshake_steps == 0) {
        go_on_shaking(l, octets);
    } else if (l->state == LINK_HANDSHAKE) {
        await_turn(l, octets);
    } else if (l->state == LINK_OPEN && l->tls == NULL) {
        deliver(l, octets);
    } else if (l->state == LINK_OPEN && !l->end_seen) {
        tls_session_input(l->tls, octets);
        pump(l);
        settle(l);
    }
}

static void on_eof(void *self)
{
    struct link *l = self;
    if (turns_is_waiting(&l->place)) {
        l->end = LINK_END_EOF; /* what came before goes first */
        return;
    }
    l->stream_end = true;
    switch (l->state) {
    case LINK_HANDSHAKE:
        link_fail(l, REASON_TLS_HANDSHAKE_ABORTED);
        break;
    case LINK_OPEN:
        l->end_seen = true;
        l->end_told = false; /* once more, if close_notify came before */
        tell_end(l);
        break;
    case LINK_LINGER:
        link_close(l);
        break;
    case LINK_FLUSH:
    case LINK_CLOSED:
        break;
    }
}

static void on_broken(void *self)
{
    struct link *l = self;
    if (turns_is_waiting(&l->place)) {
        l->end = LINK_END_BROKEN;
        return;
    }
    link_fail(l, l->state == LINK_HANDSHAKE ? REASON_TLS_HANDSHAKE_ABORTED : REASON_CLIENT_CLOSED);
}

static void on_stream_drained(void *self)
{
    struct link *l = self;
    if (l->state == LINK_FLUSH) {
        enter_linger(l);
    } else if (l->state == LINK_OPEN) {
        watch_sending(l);
        tell_drained(l);
    }
}

static void on_stream_closed(void *self)
{
    struct link *l = self;
    tls_session_free(l->tls);
    l->tls = NULL;
    give_block(l);
    buf_wipe(&l->rest);
    l->ops->on_closed(l->self);
}

static const struct stream_ops stream_user = {
    .on_data = on_data,
    .on_eof = on_eof,
    .on_broken = on_broken,
    .on_drained = on_stream_drained,
    .on_closed = on_stream_closed,
};

/* The kept octets first, then kept cipher input, then the stream. */
static void on_resume(struct loop_task *t)
{
    struct link *l = LIST_ENTRY(t, struct link, resume);
    if (l->state != LINK_OPEN) {
        return;
    }
    l->held = false;
    size_t used = l->ops->on_octets(l->self, buf_str(&l->rest));
    if (l->state != LINK_OPEN) {
        return;
    }
    buf_consume(&l->rest, used);
    if (buf_len(&l->rest) > 0) {
        l->held = true;
        return;
    }
    if (l->tls != NULL) {
        pump(l);
        settle(l);
    } else {
        tell_end(l);
    }
    if (l->state == LINK_OPEN && !l->held) {
        stream_resume(l->stream);
    }
}

void link_resume(struct link *l)
{
    if (l->state == LINK_OPEN) {
        loop_defer(l->loop, &l->resume);
    }
}

bool link_may_be_gone(const struct link *l)
{
    return l->tls != NULL && l->stream_end && l->notified &&
           str_eq(tls_session_version(l->tls), STR("TLSv1.3"));
}

bool link_is_gone(const struct link *l)
{
    return l->tls != NULL && l->stream_end && !link_may_be_gone(l);
}

bool link_has_input(const struct link *l)
{
    return l->state == LINK_OPEN && (buf_len(&l->rest) > 0 || (l->tls != NULL && !l->end_seen &&
                                                               tls_session_has_input(l->tls)));
}

void link_idle(struct link *l)
{
    if (buf_len(&l->rest) == 0) {
        buf_wipe(&l->rest);
    }
    if (buf_len(&l->pending) == 0) {
        give_block(l);
    }
    if (l->tls != NULL) {
        tls_session_idle(l->tls);
    }
}

/* ---- Beginning ---- */

int link_init(struct link *l, struct loop *loop, struct stream *stream, struct tls_sites *sites,
              const struct link_ops *ops, void *self)
{
    *l = (struct link){.loop = loop,
                       .stream = stream,
                       .ops = ops,
                       .self = self,
                       .state = sites != NULL ? LINK_HANDSHAKE : LINK_OPEN,
                       .doomed = REASON_OK};
    if (sites != NULL) {
        l->tls = tls_session_new(sites);
        if (l->tls == NULL) {
            return -ERR_NOMEM;
        }
    }
    loop_timer_init(&l->timer, on_timer);
    loop_task_init(&l->flush, on_flush);
    loop_task_init(&l->resume, on_resume);
    turns_place_init(&l->place, on_turn);
    buf_init(&l->pending, PENDING_MAX);
    buf_init(&l->rest, REST_MAX);
    return 0;
}

void link_configure(struct link *l, const struct conf *conf)
{
    l->handshake_ms = conf->timeouts.handshake_ms;
    l->handshake_steps = conf->tuning.handshake_steps;
    l->send_idle_ms = conf->timeouts.send_idle_ms;
    l->linger_ms = conf->timeouts.linger_ms;
    l->buffer_max = conf->limits.buffer_bytes;
}

void link_start(struct link *l, struct link_shared *shared)
{
    l->shared = shared;
    stream_set_user(l->stream, &stream_user, l);
    if (l->state == LINK_HANDSHAKE) {
        loop_timer_start(l->loop, &l->timer, l->handshake_ms);
    }
    stream_start(l->stream);
}

void link_shared_init(struct link_shared *s, struct loop *loop)
{
    turns_init(&s->turns, loop);
    s->blocks.n = 0;
    buf_init(&s->out, TLS_SESSION_OUT_MAX);
}

void link_shared_fini(struct link_shared *s)
{
    void *block;
    turns_fini(&s->turns);
    while ((block = spares_take(&s->blocks)) != NULL) {
        mem_free(block);
    }
    buf_wipe(&s->out);
}
