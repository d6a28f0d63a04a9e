/* Owns: one connection to a server: its stream, its reader, its timer. Not: which server, who gets
 * the connection next (pool.c), retries (upstream.c). On the loop's thread.
 *
 * Whatever is not exactly one well-formed answer to one finished request ends the connection: it is
 * never used again. An idle connection is still read, so that an end or octets that nobody asked
 * for close it at once. */
#include "proxy/upstream/h1_client.h"

#include <errno.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "proxy/http/h1_reader.h"
#include "proxy/http/h1_write.h"
#include "proxy/net/dial.h"
#include "proxy/net/stream.h"

/* More interim answers than this to one request are no honest server's. */
#define INTERIM_MAX 10
/* What waits in our own buffers at once: a head, or one piece of body with its chunk lines. */
#define OUT_MAX_BYTES ((size_t)16 * 1024 * 1024)
/* Kept by a connection that idles, which is one of few. */
#define OUT_KEEP_BYTES ((size_t)4096)
#define HELD_MAX_BYTES ((size_t)2 * STREAM_READ_MAX)

enum over { OVER_NOT = 0, OVER_EOF, OVER_BROKEN };

struct h1_client {
    const struct h1_client_env *env;
    struct peer *peer;
    struct list link; /* the owner's */
    enum h1_client_state state;
    const struct h1_client_ops *ops; /* NULL: nobody uses it */
    void *self;
    struct dial *dial;
    struct stream *stream;
    struct h1_reader *reader;
    struct buf out;
    struct buf held;         /* octets that came before a pause was asked for */
    struct loop_timer timer; /* BUSY: the answer's; IDLE: of keeping it */
    struct loop_task task;   /* go on delivering, tell a failure, or free */
    enum reason failure;     /* to be told by task; REASON_OK: none */
    bool our_fault;
    uint64_t idle_turn; /* loop_turns() when it became idle */
    /* The present request */
    const struct http_request *request;
    uint64_t body_left; /* HTTP_FRAMING_LENGTH */
    uint64_t sent_seen; /* stream_sent() when the timer was last looked at */
    unsigned interim;   /* 1xx heads so far */
    enum over over;     /* the end came while paused */
    bool request_done;
    bool surprised; /* the final head came before the request was finished */
    bool deaf;      /* and the server wants no more of the body */
    bool told_full;
    bool answered;
    bool head_done; /* the final head was delivered */
    bool paused;
    bool half_delivered; /* the reader has not said H1_MORE yet */
};

static void on_task(struct loop_task *t);
static void on_timer(struct loop_timer *t);

static void client_free(struct h1_client *c)
{
    const struct h1_client_owner *owner = c->env->owner;
    void *arg = c->env->owner_arg;
    h1_reader_free(c->reader);
    buf_release(&c->out);
    buf_release(&c->held);
    mem_free(c);
    owner->on_gone(arg);
}

void h1_client_close(struct h1_client *c)
{
    if (c->state == H1_CLIENT_CLOSED) {
        return;
    }
    enum h1_client_state was = c->state;
    c->state = H1_CLIENT_CLOSED;
    c->ops = NULL;
    loop_timer_stop(&c->timer);
    loop_task_cancel(&c->task);
    if (c->dial != NULL) {
        dial_cancel(c->dial);
        c->dial = NULL;
    }
    if (c->stream != NULL) {
        stream_close(c->stream);
    } else {
        loop_defer(c->env->loop, &c->task); /* whoever called may still look at c */
    }
    c->env->owner->on_closed(c->env->owner_arg, c, was);
}

static void fail(struct h1_client *c, enum reason why)
{
    const struct h1_client_ops *ops = c->ops;
    void *self = c->self;
    h1_client_close(c);
    if (ops != NULL) {
        ops->on_failed(self, why);
    }
}

/* For failures found inside a call of the user, who must not be told there. */
static void fail_later(struct h1_client *c, enum reason why)
{
    if (c->failure == REASON_OK) {
        c->failure = why;
        loop_defer(c->env->loop, &c->task);
    }
}

/* True while only the client's body keeps the request from going on. */
static bool waits_for_client(const struct h1_client *c)
{
    return !c->request_done && !c->deaf && stream_queued(c->stream) == 0;
}

static void restart_timer(struct h1_client *c)
{
    const struct conf_upstream *rule = c->env->rule;
    c->sent_seen = stream_sent(c->stream);
    loop_timer_start(c->env->loop, &c->timer,
                     c->head_done ? rule->body_idle_timeout_ms : rule->response_timeout_ms);
}

static void on_timer(struct loop_timer *t)
{
    struct h1_client *c = LIST_ENTRY(t, struct h1_client, timer);
    if (c->state != H1_CLIENT_BUSY) {
        h1_client_close(c);
        return;
    }
    bool progress = !c->deaf && stream_sent(c->stream) != c->sent_seen;
    if (waits_for_client(c) || progress) {
        restart_timer(c);
        return;
    }
    fail(c, c->head_done ? REASON_UPSTREAM_BODY_TIMEOUT : REASON_UPSTREAM_RESPONSE_TIMEOUT);
}

/* The reader's reasons are about requests. */
static enum reason reason_of(enum reason why)
{
    if (why == REASON_HTTP_HEAD_TOO_LARGE || why == REASON_HTTP_FIELDS_TOO_MANY) {
        return REASON_UPSTREAM_HEAD_TOO_LARGE;
    }
    if (why == REASON_OUT_OF_MEMORY || why == REASON_INTERNAL) {
        return why;
    }
    return REASON_UPSTREAM_BAD_RESPONSE;
}

static bool is_reusable(const struct h1_client *c, size_t octets_left)
{
    const struct http_response *head = h1_reader_response(c->reader);
    return c->request_done && !c->surprised && head->keep_alive &&
           head->framing != HTTP_FRAMING_CLOSE && octets_left == 0 && c->over == OVER_NOT &&
           c->failure == REASON_OK && stream_queued(c->stream) == 0;
}

static void become_idle(struct h1_client *c)
{
    h1_reader_rest(c->reader);
    if (c->out.size > OUT_KEEP_BYTES) {
        buf_release(&c->out);
    }
    c->request = NULL;
    if (!c->env->owner->on_idle(c->env->owner_arg, c)) {
        h1_client_close(c);
        return;
    }
    c->state = H1_CLIENT_IDLE;
    c->idle_turn = loop_turns(c->env->loop);
    loop_timer_start(c->env->loop, &c->timer, c->env->rule->keepalive_ms);
    stream_resume(c->stream); /* it rests when the last octets were held back by a pause */
}

static void complete(struct h1_client *c, size_t octets_left)
{
    const struct h1_client_ops *ops = c->ops;
    void *self = c->self;
    bool reusable = is_reusable(c, octets_left);
    c->ops = NULL;
    loop_timer_stop(&c->timer);
    if (!reusable) {
        h1_client_close(c);
    }
    ops->on_end(self, h1_reader_trailers(c->reader));
    if (reusable) {
        become_idle(c);
    }
}

/* rest: what came behind the head. An answer whose fault is in hand is none: nothing of it is
 * passed on. Returns true if the reader may have more. */
static bool take_head(struct h1_client *c, struct str rest)
{
    struct http_response *head = h1_reader_response(c->reader);
    if (head->status < 200) {
        if (head->status == 101 || ++c->interim > INTERIM_MAX) {
            fail(c, REASON_UPSTREAM_BAD_RESPONSE);
            return false;
        }
    } else {
        enum reason why = h1_reader_foresee(c->reader, rest);
        if (why != REASON_OK) {
            fail(c, reason_of(why));
            return false;
        }
        c->head_done = true;
        c->surprised = !c->request_done || stream_queued(c->stream) > 0;
        /* A refusal, or an end announced, wants no more of the body; a server that answers a
         * success early may be answering to the body as it comes. */
        c->deaf = !c->request_done && (head->status >= 300 || !head->keep_alive);
        restart_timer(c);
    }
    c->ops->on_head(c->self, head);
    return true;
}

/* Returns true if the reader may have more; c is to be looked at again in any case. */
static bool take_event(struct h1_client *c, enum h1_event event, struct str rest)
{
    switch (event) {
    case H1_MORE:
        return false;
    case H1_HEAD:
        return take_head(c, rest);
    case H1_BODY:
        c->ops->on_body(c->self, h1_reader_body(c->reader));
        return true;
    case H1_END:
        complete(c, rest.n);
        return false;
    case H1_ERROR:
    default:
        fail(c, reason_of(h1_reader_reason(c->reader)));
        return false;
    }
}

/* Deliver octets as far as the user takes them, and keep the rest. */
static void deliver(struct h1_client *c, struct str octets)
{
    bool more = true;
    while (more && c->state == H1_CLIENT_BUSY && !c->paused) {
        size_t used = 0;
        enum h1_event event = h1_reader_next(c->reader, octets, &used);
        octets = str_slice(octets, used, octets.n);
        more = take_event(c, event, octets);
    }
    if (!more || c->state != H1_CLIENT_BUSY) {
        return;
    }
    c->half_delivered = true;
    if (buf_append(&c->held, octets) != 0) {
        fail(c, REASON_OUT_OF_MEMORY);
    }
}

/* The server's side has ended, and all that came before was delivered. */
static void take_over(struct h1_client *c)
{
    if (c->over == OVER_EOF && h1_reader_eof(c->reader) == H1_END) {
        complete(c, 0);
        return;
    }
    fail(c, c->answered ? REASON_UPSTREAM_TRUNCATED : REASON_UPSTREAM_CLOSED);
}

static void on_over(struct h1_client *c, enum over over)
{
    if (c->state != H1_CLIENT_BUSY) {
        h1_client_close(c);
        return;
    }
    c->over = over;
    if (!c->paused && !c->half_delivered) {
        take_over(c);
    }
}

static void go_on(struct h1_client *c)
{
    if (c->paused) {
        return;
    }
    if (c->half_delivered) {
        struct buf taken = c->held;
        buf_init(&c->held, HELD_MAX_BYTES);
        c->half_delivered = false;
        deliver(c, buf_str(&taken));
        buf_release(&taken);
    }
    if (c->state != H1_CLIENT_BUSY || c->paused || c->half_delivered) {
        return;
    }
    if (c->over != OVER_NOT) {
        take_over(c);
        return;
    }
    stream_resume(c->stream);
}

static void on_task(struct loop_task *t)
{
    struct h1_client *c = LIST_ENTRY(t, struct h1_client, task);
    if (c->state == H1_CLIENT_CLOSED) {
        client_free(c);
    } else if (c->failure != REASON_OK) {
        fail(c, c->failure);
    } else if (c->state == H1_CLIENT_BUSY) {
        go_on(c);
    }
}

static void on_data(void *self, struct str octets)
{
    struct h1_client *c = self;
    if (c->state != H1_CLIENT_BUSY) {
        h1_client_close(c); /* nobody asked: nothing on this connection can be trusted */
        return;
    }
    c->answered = true;
    if (c->head_done) {
        restart_timer(c);
    }
    deliver(c, octets);
}

static void on_eof(void *self)
{
    on_over(self, OVER_EOF);
}

static void on_broken(void *self)
{
    on_over(self, OVER_BROKEN);
}

static void on_drained(void *self)
{
    struct h1_client *c = self;
    if (c->state != H1_CLIENT_BUSY) {
        return;
    }
    if (!c->head_done && !c->paused) {
        restart_timer(c);
    }
    if (c->told_full) {
        c->told_full = false;
        c->ops->on_drained(c->self);
    }
}

static void on_closed(void *self)
{
    struct h1_client *c = self;
    c->stream = NULL;
    client_free(c);
}

static const struct stream_ops stream_user = {.on_data = on_data,
                                              .on_eof = on_eof,
                                              .on_broken = on_broken,
                                              .on_drained = on_drained,
                                              .on_closed = on_closed};

static void on_dialled(void *arg, struct stream *s, int error)
{
    struct h1_client *c = arg;
    c->dial = NULL;
    if (s == NULL) {
        c->our_fault =
            error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS;
        fail(c, error == -ETIMEDOUT ? REASON_UPSTREAM_CONNECT_TIMEOUT
                                    : REASON_UPSTREAM_CONNECT_FAILED);
        return;
    }
    c->stream = s;
    stream_set_user(s, &stream_user, c);
    const struct conf_limits *limits = c->env->limits;
    const struct h1_limits of_reader = {.head_bytes = limits->response_head_bytes,
                                        .field_count = limits->field_count,
                                        .target_bytes = limits->target_bytes,
                                        .chunk_line_bytes = limits->chunk_line_bytes,
                                        .trailer_bytes = limits->trailer_bytes,
                                        .body_bytes = UINT64_MAX};
    c->reader = h1_reader_new(true, &of_reader);
    if (c->reader == NULL) {
        c->our_fault = true;
        fail(c, REASON_OUT_OF_MEMORY);
        return;
    }
    c->state = H1_CLIENT_BUSY;
    c->ops->on_open(c->self);
}

struct h1_client *h1_client_open(const struct h1_client_env *env, struct peer *peer,
                                 const struct h1_client_ops *ops, void *self)
{
    struct h1_client *c = mem_calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    c->env = env;
    c->peer = peer;
    c->ops = ops;
    c->self = self;
    c->state = H1_CLIENT_CONNECTING;
    c->failure = REASON_OK;
    list_init(&c->link);
    buf_init(&c->out, OUT_MAX_BYTES);
    buf_init(&c->held, HELD_MAX_BYTES);
    loop_timer_init(&c->timer, on_timer);
    loop_task_init(&c->task, on_task);
    c->dial =
        dial_start(env->loop, &peer->conf->address, env->rule->connect_timeout_ms, on_dialled, c);
    if (c->dial == NULL) {
        mem_free(c);
        return NULL;
    }
    return c;
}

void h1_client_use(struct h1_client *c, const struct h1_client_ops *ops, void *self)
{
    loop_timer_stop(&c->timer);
    c->state = H1_CLIENT_BUSY;
    c->ops = ops;
    c->self = self;
}

/* Send what stands in out. A connection found broken is told by on_broken later. */
static void flush(struct h1_client *c)
{
    if (stream_write(c->stream, buf_str(&c->out)) == -ERR_NOMEM) {
        fail_later(c, REASON_OUT_OF_MEMORY);
    }
    buf_clear(&c->out);
}

static void begin_exchange(struct h1_client *c, const struct http_request *request)
{
    c->request = request;
    c->body_left = request->framing == HTTP_FRAMING_LENGTH ? request->length : 0;
    c->request_done = request->framing != HTTP_FRAMING_CHUNKED && c->body_left == 0;
    c->interim = 0;
    c->over = OVER_NOT;
    c->surprised = false;
    c->deaf = false;
    c->told_full = false;
    c->answered = false;
    c->head_done = false;
    c->paused = false;
    c->half_delivered = false;
}

int h1_client_send(struct h1_client *c, const struct http_request *request, struct arena *arena)
{
    begin_exchange(c, request);
    int rc = h1_write_request(&c->out, request);
    if (rc != 0) {
        return rc;
    }
    h1_reader_begin(c->reader, arena, request->method);
    flush(c);
    restart_timer(c);
    stream_start(c->stream);
    return 0;
}

static int frame_chunk(struct buf *out, struct str octets)
{
    int rc = h1_write_chunk_begin(out, octets.n);
    rc = rc == 0 ? buf_append(out, octets) : rc;
    return rc == 0 ? h1_write_chunk_end(out) : rc;
}

void h1_client_body(struct h1_client *c, struct str octets)
{
    if (c->state != H1_CLIENT_BUSY || c->deaf || octets.n == 0) {
        return;
    }
    bool chunked = c->request->framing == HTTP_FRAMING_CHUNKED;
    if (c->request_done || (!chunked && octets.n > c->body_left)) {
        fail_later(c, REASON_INTERNAL); /* one octet more would be the next request's first */
        return;
    }
    if (chunked) {
        /* Copied: three writes of their own would cost more than the copy. */
        if (frame_chunk(&c->out, octets) != 0) {
            fail_later(c, REASON_OUT_OF_MEMORY);
            return;
        }
        flush(c);
    } else {
        c->body_left -= octets.n;
        if (stream_write(c->stream, octets) == -ERR_NOMEM) {
            fail_later(c, REASON_OUT_OF_MEMORY);
        }
    }
    if (!c->head_done && !c->paused && stream_queued(c->stream) == 0) {
        restart_timer(c);
    }
}

void h1_client_finish(struct h1_client *c, const struct fields *trailers)
{
    if (c->state != H1_CLIENT_BUSY || c->deaf || c->request_done) {
        return;
    }
    if (c->body_left > 0) {
        fail_later(c, REASON_INTERNAL);
        return;
    }
    if (c->request->framing == HTTP_FRAMING_CHUNKED) {
        if (h1_write_last_chunk(&c->out, trailers) != 0) {
            fail_later(c, REASON_OUT_OF_MEMORY);
            return;
        }
        flush(c);
    }
    c->request_done = true;
    if (!c->head_done && !c->paused) {
        restart_timer(c);
    }
}

bool h1_client_full(struct h1_client *c)
{
    bool full = c->state == H1_CLIENT_BUSY && !c->deaf &&
                stream_queued(c->stream) > c->env->limits->buffer_bytes;
    c->told_full = c->told_full || full;
    return full;
}

void h1_client_pause(struct h1_client *c, bool paused)
{
    if (c->state != H1_CLIENT_BUSY || c->paused == paused) {
        return;
    }
    c->paused = paused;
    if (paused) {
        stream_pause(c->stream);
        loop_timer_stop(&c->timer);
    } else {
        restart_timer(c);
        loop_defer(c->env->loop, &c->task);
    }
}

bool h1_client_is_watched(const struct h1_client *c)
{
    return loop_looked(c->env->loop, c->idle_turn);
}

bool h1_client_is_stale(const struct h1_client *c)
{
    return !h1_client_is_watched(c) && stream_is_stale(c->stream);
}

bool h1_client_answered(const struct h1_client *c)
{
    return c->answered;
}

bool h1_client_our_fault(const struct h1_client *c)
{
    return c->our_fault;
}

struct peer *h1_client_peer(const struct h1_client *c)
{
    return c->peer;
}

struct list *h1_client_link(struct h1_client *c)
{
    return &c->link;
}

struct h1_client *h1_client_of(struct list *link)
{
    return LIST_ENTRY(link, struct h1_client, link);
}
