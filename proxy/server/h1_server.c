/* Owns: the order of requests and answers on one connection, its timers, and what becomes of bodies
 * that nobody wants. Not: the octets' way (link), the request's fate (exchange). The end of an
 * exchange is always worked off in a deferred turn, never inside a callback. On the loop's thread.
 */
#include "proxy/server/h1_server.h"

#include "base/err.h"
#include "proxy/http/h1_write.h"

static const struct conf *conf_of(const struct h1_server *h)
{
    return h->env->runtime->conf;
}

static void start_timer(struct h1_server *h, uint32_t after_ms)
{
    loop_timer_start(h->env->loop, &h->timer, after_ms);
}

static void turn_later(struct h1_server *h)
{
    loop_defer(h->env->loop, &h->turn);
}

/* Nothing more is read; what was answered is sent, then the connection ends. */
static void end_connection(struct h1_server *h)
{
    h->in = H1_IN_DEAD;
    loop_timer_stop(&h->timer);
    link_finish(h->link);
}

/* ---- The sink: the answer's way out ---- */

/* Whether the client may go on afterwards. An unread body that it may or may not send (RFC 9110
 * 10.1.1), or that is more than we would read away, forbids it. */
static bool may_keep(const struct h1_server *h, const struct http_response *head)
{
    const struct conf_limits *limits = &conf_of(h)->limits;
    bool last =
        limits->requests_per_connection != 0 && h->requests >= limits->requests_per_connection;
    bool body_unread = h->in == H1_IN_BODY && !h->wanted;
    bool body_too_long = h->body_left != UINT64_MAX && h->body_left > limits->drain_bytes;
    return h->keep && head->keep_alive && !h->env->draining && !last && h->in != H1_IN_DEAD &&
           !(h->in == H1_IN_BODY && h->expects) && !(body_unread && body_too_long);
}

/* How the body is written to this client: an end that only the upstream's closing tells becomes
 * chunks, for HTTP/1.0 our own closing. */
static void frame_answer(struct h1_server *h, struct http_response *head)
{
    bool is_open = head->framing == HTTP_FRAMING_CHUNKED || head->framing == HTTP_FRAMING_CLOSE;
    h->bodiless = h->is_head || head->status == 204 || head->status == 304;
    h->chunked = false;
    if (!is_open) {
        return;
    }
    if (h->minor > 0) {
        bool told = !h->bodiless || head->framing == HTTP_FRAMING_CHUNKED;
        head->framing = told ? HTTP_FRAMING_CHUNKED : HTTP_FRAMING_NONE;
        h->chunked = !h->bodiless;
    } else if (h->bodiless) {
        head->framing = HTTP_FRAMING_NONE;
    } else {
        head->framing = HTTP_FRAMING_CLOSE;
        h->keep = false;
    }
}

static void write_head(struct h1_server *h, const struct http_response *head)
{
    if (h1_write_response(link_pending(h->link), head, h->minor) != 0) {
        h->doomed = REASON_OUT_OF_MEMORY;
        turn_later(h);
        return;
    }
    link_touch(h->link);
}

static void sink_head(void *self, const struct http_response *head)
{
    struct h1_server *h = self;
    if (head->status < 200) {
        write_head(h, head);
        return;
    }
    struct http_response own = *head;
    h->out = H1_OUT_BODY;
    h->keep = may_keep(h, head);
    frame_answer(h, &own);
    own.keep_alive = h->keep;
    write_head(h, &own);
}

static void sink_body(void *self, struct str octets)
{
    struct h1_server *h = self;
    if (h->bodiless || octets.n == 0 || h->doomed != REASON_OK) {
        return;
    }
    if (!h->chunked) {
        link_write(h->link, octets);
        return;
    }
    int r = h1_write_chunk_begin(link_pending(h->link), octets.n);
    link_write(h->link, octets);
    if (r == 0) {
        r = h1_write_chunk_end(link_pending(h->link));
    }
    if (r != 0) {
        h->doomed = REASON_OUT_OF_MEMORY;
        turn_later(h);
    }
}

static void sink_end(void *self, const struct fields *trailers)
{
    struct h1_server *h = self;
    if (h->chunked && h1_write_last_chunk(link_pending(h->link), trailers) != 0) {
        h->doomed = REASON_OUT_OF_MEMORY;
    }
    h->out = H1_OUT_DONE;
    turn_later(h);
    if (h->keep) {
        link_touch(h->link);
    } else {
        link_put_off(h->link);
    }
}

static void sink_abort(void *self, enum reason why)
{
    (void)why;
    struct h1_server *h = self;
    h->in = H1_IN_DEAD;
    h->out = H1_OUT_DONE;
    loop_timer_stop(&h->timer);
    link_close(h->link);
}

static bool sink_full(void *self)
{
    struct h1_server *h = self;
    return link_full(h->link);
}

static void sink_want_body(void *self, bool want)
{
    struct h1_server *h = self;
    if (h->in != H1_IN_BODY) {
        return;
    }
    h->wanted = want;
    if (!want) {
        loop_timer_stop(&h->timer);
        return;
    }
    if (h->expects) {
        h->expects = false;
        link_write(h->link, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    start_timer(h, conf_of(h)->timeouts.body_idle_ms);
    link_resume(h->link);
}

static const struct sink_ops sink = {
    .head = sink_head,
    .body = sink_body,
    .end = sink_end,
    .abort = sink_abort,
    .full = sink_full,
    .want_body = sink_want_body,
};

/* ---- Requests in ---- */

/* What one reader may let through is at most what some route allows. */
static struct h1_limits limits_of(const struct conf *conf)
{
    return (struct h1_limits){
        .head_bytes = conf->limits.head_bytes,
        .field_count = conf->limits.field_count,
        .target_bytes = conf->limits.target_bytes,
        .chunk_line_bytes = conf->limits.chunk_line_bytes,
        .trailer_bytes = conf->limits.trailer_bytes,
        .body_bytes = conf->body_max_bytes,
    };
}

static struct h1_reader *take_reader(struct h1_server *h)
{
    struct h1_limits limits = limits_of(conf_of(h));
    struct h1_reader *r = spares_take(&h->env->readers);
    if (r == NULL) {
        return h1_reader_new(false, &limits);
    }
    h1_reader_limit(r, &limits);
    return r;
}

static void give_reader(struct h1_server *h)
{
    struct h1_reader *r = h->reader;
    h->reader = NULL;
    if (r == NULL) {
        return;
    }
    h1_reader_rest(r);
    if (!spares_give(&h->env->readers, r)) {
        h1_reader_free(r);
    }
}

void h1_server_drop_spares(struct env *env)
{
    struct h1_reader *r;
    while ((r = spares_take(&env->readers)) != NULL) {
        h1_reader_free(r);
    }
}

/* The first octet of a request is there. */
static void begin_request(struct h1_server *h)
{
    (void)h->on_request(h->arg);
    h->reader = take_reader(h);
    h->x = exchange_new(h->env, h->peer, &sink, h);
    if (h->reader == NULL || h->x == NULL) {
        exchange_free(h->x);
        h->x = NULL;
        metrics_reason(h->env->metrics, REASON_OUT_OF_MEMORY);
        h->in = H1_IN_DEAD;
        h->keep = false;
        turn_later(h);
        return;
    }
    h1_reader_begin(h->reader, exchange_arena(h->x), HTTP_METHOD_NONE);
    h->in = H1_IN_HEAD;
    h->out = H1_OUT_NONE;
    h->minor = 1;
    h->keep = true;
    h->wanted = false;
    h->expects = false;
    h->is_head = false;
    h->requests++;
    start_timer(h, conf_of(h)->timeouts.head_ms);
}

/* The request cannot be served: answer why, if that is possible, and end the connection. */
static void refuse(struct h1_server *h, struct http_request *head, enum reason why)
{
    h->in = H1_IN_DEAD;
    h->keep = false;
    loop_timer_stop(&h->timer);
    exchange_refuse(h->x, head, why);
}

static void fail_body(struct h1_server *h, enum reason why)
{
    h->in = H1_IN_DEAD;
    h->keep = false;
    loop_timer_stop(&h->timer);
    exchange_fail(h->x, why);
}

/* rest: what came behind the head. */
static void take_head(struct h1_server *h, struct str rest)
{
    struct http_request *head = h1_reader_request(h->reader);
    loop_timer_stop(&h->timer);
    h->in = H1_IN_BODY;
    h->minor = head->minor;
    h->keep = head->keep_alive;
    h->expects = head->expect_continue && head->minor > 0;
    h->is_head = head->method == HTTP_METHOD_HEAD;
    h->body_left = head->framing == HTTP_FRAMING_CHUNKED ? UINT64_MAX : head->length;
    if (head->framing == HTTP_FRAMING_NONE) {
        h->body_left = 0;
    }
    if (h->body_left == 0) {
        h->expects = false;
    }
    enum reason why = h->on_request(h->arg);
    exchange_renew(h->x);
    if (why == REASON_OK) {
        why = h1_reader_foresee(h->reader, rest);
    }
    if (why != REASON_OK) {
        refuse(h, head, why);
        return;
    }
    exchange_begin(h->x, head);
}

static void take_body(struct h1_server *h, struct str piece)
{
    if (h->body_left != UINT64_MAX) {
        h->body_left -= piece.n;
    }
    if (h->in == H1_IN_DISCARD) {
        if (piece.n > h->discard_left) {
            h->in = H1_IN_DEAD;
            turn_later(h);
            return;
        }
        h->discard_left -= piece.n;
        return;
    }
    start_timer(h, conf_of(h)->timeouts.body_idle_ms);
    exchange_body(h->x, piece);
}

static void take_end(struct h1_server *h, struct fields *trailers)
{
    bool discarded = h->in == H1_IN_DISCARD;
    h->in = H1_IN_DONE;
    loop_timer_stop(&h->timer);
    if (!discarded) {
        exchange_body_end(h->x, trailers);
    }
    if (h->out == H1_OUT_DONE) {
        turn_later(h);
    }
}

static void take_error(struct h1_server *h)
{
    enum reason why = h1_reader_reason(h->reader);
    if (h->in == H1_IN_HEAD) {
        refuse(h, NULL, why);
    } else if (h->in == H1_IN_BODY) {
        fail_body(h, why);
    } else {
        h->in = H1_IN_DEAD;
        turn_later(h);
    }
}

/* True if the reader is to be asked for its next event. A request without a body ends without being
 * wanted. */
static bool reads_on(const struct h1_server *h)
{
    switch (h->in) {
    case H1_IN_HEAD:
    case H1_IN_DISCARD:
        return true;
    case H1_IN_BODY:
        return h->wanted || h->body_left == 0;
    case H1_IN_IDLE:
    case H1_IN_HELD:
    case H1_IN_DONE:
    case H1_IN_DEAD:
        break;
    }
    return false;
}

size_t h1_server_octets(struct h1_server *h, struct str octets)
{
    size_t used = 0;
    if (h->in == H1_IN_IDLE && octets.n > 0) {
        begin_request(h);
    }
    while (reads_on(h)) {
        size_t n = 0;
        enum h1_event event = h1_reader_next(h->reader, str_slice(octets, used, octets.n), &n);
        used += n;
        switch (event) {
        case H1_MORE:
            return used;
        case H1_HEAD:
            take_head(h, str_slice(octets, used, octets.n));
            break;
        case H1_BODY:
            take_body(h, h1_reader_body(h->reader));
            break;
        case H1_END:
            take_end(h, h1_reader_trailers(h->reader));
            break;
        case H1_ERROR:
            take_error(h);
            break;
        }
    }
    return h->in == H1_IN_DEAD ? octets.n : used;
}

/* Nobody is left to read the answer. */
static void give_up(struct h1_server *h)
{
    if (h->x != NULL && !exchange_finished(h->x)) {
        h->doomed = REASON_CLIENT_CLOSED;
        turn_later(h);
    }
}

void h1_server_eof(struct h1_server *h)
{
    h->eof = true;
    switch (h->in) {
    case H1_IN_IDLE:
    case H1_IN_HELD:
    case H1_IN_DISCARD:
        end_connection(h);
        break;
    case H1_IN_HEAD:
        refuse(h, NULL, REASON_HTTP_TRUNCATED);
        break;
    case H1_IN_BODY:
        if (h1_reader_eof(h->reader) == H1_END) {
            take_end(h, NULL);
        } else {
            fail_body(h, REASON_HTTP_TRUNCATED);
        }
        break;
    case H1_IN_DONE:
        /* A half-closed client gets its answer (RFC 9112 9.6): plain TCP, or TLS that has sent
         * close_notify. When the TCP connection under TLS ends too, most have gone; some may still
         * read, and those are not kept waiting for long. */
        if (link_is_gone(h->link)) {
            give_up(h);
        } else if (link_may_be_gone(h->link) && h->out == H1_OUT_NONE) {
            start_timer(h, conf_of(h)->timeouts.linger_ms);
        }
        break;
    case H1_IN_DEAD:
        break;
    }
}

void h1_server_fail(struct h1_server *h, enum reason why)
{
    h->in = H1_IN_DEAD;
    loop_timer_stop(&h->timer);
    if (h->x != NULL && !exchange_finished(h->x)) {
        exchange_fail(h->x, why);
    } else if (why != REASON_CLIENT_CLOSED) {
        metrics_reason(h->env->metrics, why);
    }
}

/* ---- Between requests ---- */

static void wait_for_request(struct h1_server *h)
{
    const struct conf_timeouts *t = &conf_of(h)->timeouts;
    h->in = H1_IN_IDLE;
    h->out = H1_OUT_NONE;
    start_timer(h, h->requests == 0 ? t->head_ms : t->keepalive_ms);
}

/* While the answers so far wait for the client, its next request does, too: else one that sends
 * without reading would have us keep an answer to each. The link's own time-out runs meanwhile. */
static void next_request(struct h1_server *h)
{
    exchange_free(h->x);
    h->x = NULL;
    give_reader(h);
    bool more = link_has_input(h->link);
    if (!h->keep || h->env->draining || (h->eof && !more)) {
        end_connection(h);
        return;
    }
    if (link_full(h->link)) {
        h->in = H1_IN_HELD;
        return;
    }
    wait_for_request(h);
    if (more) {
        link_resume(h->link);
    } else {
        link_idle(h->link);
    }
}

void h1_server_drained(struct h1_server *h)
{
    if (h->in == H1_IN_HELD) {
        next_request(h);
    } else if (h->x != NULL && !exchange_finished(h->x)) {
        exchange_drained(h->x);
    }
}

/* The answer is complete before the request: read the rest away if that is little. */
static void settle_early_answer(struct h1_server *h)
{
    uint32_t most = conf_of(h)->limits.drain_bytes;
    if (!h->keep || h->eof || (h->body_left != UINT64_MAX && h->body_left > most)) {
        end_connection(h);
        return;
    }
    h->in = H1_IN_DISCARD;
    h->discard_left = most;
    start_timer(h, conf_of(h)->timeouts.linger_ms);
    link_resume(h->link);
}

static void on_turn(struct loop_task *t)
{
    struct h1_server *h = LIST_ENTRY(t, struct h1_server, turn);
    if (h->doomed != REASON_OK) {
        h->in = H1_IN_DEAD;
        if (h->x != NULL && !exchange_finished(h->x)) {
            exchange_fail(h->x, h->doomed);
        }
        link_close(h->link);
        return;
    }
    switch (h->in) {
    case H1_IN_DEAD:
        end_connection(h);
        break;
    case H1_IN_BODY:
        settle_early_answer(h);
        break;
    case H1_IN_DONE:
        next_request(h);
        break;
    case H1_IN_IDLE:
    case H1_IN_HELD:
    case H1_IN_HEAD:
    case H1_IN_DISCARD:
        break;
    }
}

static void on_timer(struct loop_timer *t)
{
    struct h1_server *h = LIST_ENTRY(t, struct h1_server, timer);
    switch (h->in) {
    case H1_IN_IDLE:
        metrics_reason(h->env->metrics,
                       h->requests == 0 ? REASON_HEAD_TIMEOUT : REASON_KEEPALIVE_TIMEOUT);
        end_connection(h);
        break;
    case H1_IN_HEAD:
        refuse(h, NULL, REASON_HEAD_TIMEOUT);
        break;
    case H1_IN_BODY:
        fail_body(h, REASON_BODY_TIMEOUT);
        break;
    case H1_IN_DISCARD:
        end_connection(h);
        break;
    case H1_IN_DONE:
        if (h->out == H1_OUT_NONE) {
            give_up(h);
        }
        break;
    case H1_IN_HELD:
    case H1_IN_DEAD:
        break;
    }
}

void h1_server_init(struct h1_server *h, struct env *env, struct link *link,
                    const struct exchange_peer *peer, enum reason (*on_request)(void *arg),
                    void *arg)
{
    *h = (struct h1_server){.env = env,
                            .link = link,
                            .peer = peer,
                            .on_request = on_request,
                            .arg = arg,
                            .doomed = REASON_OK};
    loop_timer_init(&h->timer, on_timer);
    loop_task_init(&h->turn, on_turn);
}

void h1_server_start(struct h1_server *h)
{
    wait_for_request(h);
}

bool h1_server_awaits(const struct h1_server *h)
{
    return h->in < H1_IN_DONE;
}

void h1_server_drain(struct h1_server *h)
{
    if (h->in == H1_IN_HELD || (h->in == H1_IN_IDLE && !link_has_input(h->link))) {
        end_connection(h);
    }
}

bool h1_server_withdraw(struct h1_server *h, enum reason why)
{
    bool busy = h->x != NULL && !exchange_finished(h->x);
    if (h->in == H1_IN_DEAD) {
        return busy; /* it is ending */
    }
    h->keep = false;
    if (!busy) {
        end_connection(h);
    } else if (h->in == H1_IN_HEAD) {
        refuse(h, NULL, why);
    } else {
        h->in = H1_IN_DEAD;
        loop_timer_stop(&h->timer);
        exchange_withdraw(h->x, why);
    }
    return busy;
}

void h1_server_fini(struct h1_server *h)
{
    loop_timer_stop(&h->timer);
    loop_task_cancel(&h->turn);
    exchange_free(h->x);
    h->x = NULL;
    give_reader(h);
}
