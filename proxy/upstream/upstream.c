/* Owns: the set of groups and the calls: when a request is sent, tried again, or given up. Not:
 * connections and their octets (pool.c, h1_client.c), which server is next (balance.c). On the
 * loop's thread.
 *
 * When every server of a group is set aside, a request is refused at once
 * (REASON_UPSTREAM_NONE_AVAILABLE) until the first time aside is over; then one request tries. */
#include "proxy/upstream/upstream.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/spares.h"
#include "proxy/upstream/pool.h"

struct upstream_set {
    struct loop *loop;
    struct metrics *metrics;
    size_t pool_count;
    size_t call_count;
    bool closing;
    struct loop_task free_task;
    struct spares calls;
    struct pool pools[];
};

struct upstream_call {
    struct upstream_set *set;
    struct pool *pool;
    const struct http_request *request;
    struct arena *arena;
    const struct upstream_ops *ops;
    void *self;
    struct pool_ticket ticket;
    struct loop_task begin;
    struct peer *peer;        /* of the server in use; NULL before one was chosen */
    struct h1_client *client; /* NULL before one was given, and after it failed */
    bool retried;
    bool told_ready;
    bool finished; /* the owner has said so */
    bool paused;
    bool judged; /* the server was found well or failed by this call */
};

static bool set_is_empty(const struct upstream_set *s)
{
    size_t clients = 0;
    for (size_t i = 0; i < s->pool_count; i++) {
        clients += s->pools[i].client_count;
    }
    return s->call_count == 0 && clients == 0;
}

static void set_free(struct upstream_set *s)
{
    loop_task_cancel(&s->free_task);
    for (size_t i = 0; i < s->pool_count; i++) {
        pool_fini(&s->pools[i]);
    }
    void *call;
    while ((call = spares_take(&s->calls)) != NULL) {
        mem_free(call);
    }
    mem_free(s);
}

static void on_free_task(struct loop_task *t)
{
    struct upstream_set *s = LIST_ENTRY(t, struct upstream_set, free_task);
    if (set_is_empty(s)) {
        set_free(s);
    }
}

/* Something of a closing set is gone: the last frees it, when nobody's frame is in it any more. */
static void on_empty(void *arg)
{
    struct upstream_set *s = arg;
    if (s->closing && set_is_empty(s)) {
        loop_defer(s->loop, &s->free_task);
    }
}

struct upstream_set *upstream_set_new(const struct conf *conf, struct loop *loop,
                                      struct metrics *metrics)
{
    struct upstream_set *s = mem_calloc(1, sizeof(*s) + conf->upstream_count * sizeof(struct pool));
    if (s == NULL) {
        return NULL;
    }
    s->loop = loop;
    s->metrics = metrics;
    loop_task_init(&s->free_task, on_free_task);
    for (size_t i = 0; i < conf->upstream_count; i++) {
        struct pool *p = &s->pools[i];
        if (pool_init(p, loop, &conf->upstreams[i], &conf->limits, metrics) != 0) {
            set_free(s);
            return NULL;
        }
        p->on_empty = on_empty;
        p->arg = s;
        s->pool_count++;
    }
    return s;
}

void upstream_set_close(struct upstream_set *s)
{
    if (s == NULL || s->closing) {
        return;
    }
    s->closing = true;
    for (size_t i = 0; i < s->pool_count; i++) {
        pool_close(&s->pools[i]);
    }
    if (set_is_empty(s)) {
        set_free(s);
    }
}

static void call_free(struct upstream_call *c)
{
    struct upstream_set *s = c->set;
    loop_task_cancel(&c->begin);
    pool_withdraw(&c->ticket);
    if (c->ticket.trying && !c->judged) {
        peer_untried(c->peer);
    }
    if (!spares_give(&s->calls, c)) {
        mem_free(c);
    }
    s->call_count--;
    on_empty(s);
}

/* The end of a call that failed. */
static void call_fail(struct upstream_call *c, enum reason why)
{
    c->client = NULL;
    c->ops->on_failed(c->self, why);
    call_free(c);
}

static void blame(struct upstream_call *c)
{
    c->judged = true;
    if (peer_failed(c->peer, c->pool->env.rule, loop_now_ms(c->set->loop))) {
        metrics_add(c->set->metrics, METRIC_UPSTREAM_SET_ASIDE_TOTAL, 1);
    }
}

static bool has_body(const struct http_request *r)
{
    return r->framing == HTTP_FRAMING_CHUNKED ||
           (r->framing == HTTP_FRAMING_LENGTH && r->length > 0);
}

/* The connection is there: send the request over it. */
static void call_send(struct upstream_call *c)
{
    int rc = h1_client_send(c->client, c->request, c->arena);
    if (rc != 0) {
        h1_client_close(c->client);
        call_fail(c, rc == -ERR_NOMEM ? REASON_OUT_OF_MEMORY : REASON_INTERNAL);
        return;
    }
    if (c->paused) {
        h1_client_pause(c->client, true);
    }
    if (!c->told_ready) {
        c->told_ready = true;
        c->ops->on_ready(c->self);
    }
}

static void take_answer(struct upstream_call *c, enum pool_answer answer)
{
    if (answer == POOL_QUEUED) {
        return;
    }
    if (answer == POOL_REFUSED) {
        call_fail(c, c->ticket.why);
        return;
    }
    c->client = c->ticket.client;
    c->peer = h1_client_peer(c->client);
    c->judged = false;
    if (c->ticket.kept) {
        metrics_add(c->set->metrics, METRIC_UPSTREAM_REUSED_TOTAL, 1);
        call_send(c);
    }
}

static void on_ticket_answer(struct pool_ticket *t, enum pool_answer answer)
{
    take_answer(LIST_ENTRY(t, struct upstream_call, ticket), answer);
}

static void on_begin(struct loop_task *t)
{
    struct upstream_call *c = LIST_ENTRY(t, struct upstream_call, begin);
    take_answer(c, pool_ask(&c->ticket));
}

static void on_open(void *self)
{
    struct upstream_call *c = self;
    metrics_add(c->set->metrics, METRIC_UPSTREAM_CONNECTS_TOTAL, 1);
    call_send(c);
}

static void on_head(void *self, struct http_response *head)
{
    struct upstream_call *c = self;
    if (head->status >= 200) {
        c->judged = true;
        peer_succeeded(c->peer);
    }
    c->ops->on_head(c->self, head);
}

static void on_body(void *self, struct str octets)
{
    struct upstream_call *c = self;
    c->ops->on_body(c->self, octets);
}

static void on_end(void *self, struct fields *trailers)
{
    struct upstream_call *c = self;
    c->client = NULL;
    c->ops->on_end(c->self, trailers);
    call_free(c);
}

static void on_drained(void *self)
{
    struct upstream_call *c = self;
    c->ops->on_drained(c->self);
}

/* Ask once more, on another server (not_this) or on a fresh connection. If that cannot be, the
 * first failure is the answer. */
static void call_retry(struct upstream_call *c, const struct peer *not_this, enum reason why)
{
    if (c->ticket.trying && !c->judged) {
        peer_untried(c->peer);
    }
    c->retried = true;
    c->client = NULL;
    c->ticket.trying = false;
    c->ticket.not_this = not_this;
    c->ticket.fresh = not_this == NULL;
    enum pool_answer answer = pool_ask(&c->ticket);
    if (answer == POOL_REFUSED) {
        call_fail(c, why);
        return;
    }
    metrics_add(c->set->metrics, METRIC_UPSTREAM_RETRIES_TOTAL, 1);
    take_answer(c, answer);
}

static void on_failed(void *self, enum reason why)
{
    struct upstream_call *c = self;
    bool unreachable =
        why == REASON_UPSTREAM_CONNECT_FAILED || why == REASON_UPSTREAM_CONNECT_TIMEOUT;
    /* It ended a connection that idled, as it may; that was not known when the request was sent. */
    bool stale = c->ticket.kept && why == REASON_UPSTREAM_CLOSED && !h1_client_answered(c->client);
    bool servers_fault =
        reason_class(why) == REASON_CLASS_UPSTREAM && !stale && !h1_client_our_fault(c->client);
    if (servers_fault && !c->judged) {
        blame(c);
    }
    if (unreachable && !c->retried) {
        call_retry(c, c->peer, why);
    } else if (stale && !c->retried && http_method_is_idempotent(c->request->method) &&
               !has_body(c->request)) {
        call_retry(c, NULL, why);
    } else {
        call_fail(c, why);
    }
}

static const struct h1_client_ops client_user = {.on_open = on_open,
                                                 .on_head = on_head,
                                                 .on_body = on_body,
                                                 .on_end = on_end,
                                                 .on_failed = on_failed,
                                                 .on_drained = on_drained};

struct upstream_call *upstream_call_start(struct upstream_set *s, size_t group,
                                          const struct http_request *request, struct arena *arena,
                                          const struct upstream_ops *ops, void *self)
{
    struct upstream_call *c = spares_take(&s->calls);
    if (c == NULL) {
        c = mem_alloc(sizeof(*c));
    }
    if (c == NULL) {
        return NULL;
    }
    *c = (struct upstream_call){.set = s,
                                .pool = &s->pools[group],
                                .request = request,
                                .arena = arena,
                                .ops = ops,
                                .self = self};
    pool_ticket_init(&c->ticket, c->pool);
    c->ticket.ops = &client_user;
    c->ticket.self = c;
    c->ticket.on_answer = on_ticket_answer;
    loop_task_init(&c->begin, on_begin);
    loop_defer(s->loop, &c->begin);
    s->call_count++;
    return c;
}

void upstream_call_body(struct upstream_call *c, struct str octets)
{
    if (c->client != NULL) {
        h1_client_body(c->client, octets);
    }
}

void upstream_call_finish(struct upstream_call *c, const struct fields *trailers)
{
    if (c->client != NULL && !c->finished) {
        c->finished = true;
        h1_client_finish(c->client, trailers);
    }
}

bool upstream_call_full(const struct upstream_call *c)
{
    return c->client != NULL && h1_client_full(c->client);
}

void upstream_call_pause(struct upstream_call *c, bool paused)
{
    c->paused = paused;
    if (c->client != NULL) {
        h1_client_pause(c->client, paused);
    }
}

void upstream_call_cancel(struct upstream_call *c)
{
    if (c->client != NULL) {
        h1_client_close(c->client);
    }
    call_free(c);
}

struct str upstream_call_server(const struct upstream_call *c)
{
    return c->peer != NULL ? str_of(c->peer->conf->text.p) : STR("");
}

void upstream_set_each(const struct upstream_set *s,
                       void (*each)(void *arg, struct str group, struct str server, bool aside,
                                    size_t active, size_t idle),
                       void *arg)
{
    for (size_t i = 0; i < s->pool_count; i++) {
        const struct pool *p = &s->pools[i];
        for (size_t k = 0; k < p->peer_count; k++) {
            const struct peer *peer = &p->peers[k];
            each(arg, str_of(p->env.rule->name.p), str_of(peer->conf->text.p), peer->aside,
                 peer->active_count, peer->idle_count);
        }
    }
}
