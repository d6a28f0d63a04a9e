/* Owns: the connections of a group while nobody uses them, their number, and the queue for them.
 * Not: what goes over them (h1_client.c), the choice of a server (balance.c). On the loop's
 * thread. */
#include "proxy/upstream/pool.h"

#include "base/err.h"
#include "base/mem.h"
#include "proxy/upstream/balance.h"

static void count(struct pool *p, enum metric which, int64_t n)
{
    metrics_add(p->metrics, which, n);
}

static void leave_idle(struct pool *p, struct h1_client *c)
{
    list_remove(h1_client_link(c));
    h1_client_peer(c)->idle_count--;
    count(p, METRIC_UPSTREAM_IDLE, -1);
}

static void leave_active(struct pool *p, struct h1_client *c)
{
    h1_client_peer(c)->active_count--;
    count(p, METRIC_UPSTREAM_ACTIVE, -1);
    if (p->waiting_count > 0) {
        loop_defer(p->env.loop, &p->task);
    }
}

static void enter_active(struct pool *p, struct peer *peer)
{
    peer->active_count++;
    count(p, METRIC_UPSTREAM_ACTIVE, 1);
}

static bool on_idle(void *arg, struct h1_client *c)
{
    struct pool *p = arg;
    struct peer *peer = h1_client_peer(c);
    if (p->closing || p->env.rule->keepalive_ms == 0 ||
        peer->idle_count >= p->env.rule->keepalive_max) {
        return false;
    }
    leave_active(p, c);
    list_push_front(&peer->idle, h1_client_link(c));
    peer->idle_count++;
    count(p, METRIC_UPSTREAM_IDLE, 1);
    return true;
}

static void on_closed(void *arg, struct h1_client *c, enum h1_client_state was)
{
    struct pool *p = arg;
    if (was == H1_CLIENT_IDLE) {
        leave_idle(p, c);
    } else {
        leave_active(p, c);
    }
}

static void on_gone(void *arg)
{
    struct pool *p = arg;
    if (--p->client_count == 0) {
        p->on_empty(p->arg);
    }
}

static const struct h1_client_owner owner = {
    .on_idle = on_idle, .on_closed = on_closed, .on_gone = on_gone};

/* The connection that was used last, so that those not needed end by themselves; but one that need
 * not be asked for octets before one that must: under load there is nearly always one that idles
 * for longer. */
static struct h1_client *choose_kept(const struct peer *peer)
{
    struct h1_client *last_used = h1_client_of(peer->idle.next);
    struct h1_client *first_used = h1_client_of(peer->idle.prev);
    return !h1_client_is_watched(last_used) && h1_client_is_watched(first_used) ? first_used
                                                                                : last_used;
}

/* An idle connection of peer to t's liking, now active; NULL if there is none. One that holds
 * octets which nobody asked for would give them to this request as its answer. */
static struct h1_client *take_kept(struct pool_ticket *t, struct peer *peer)
{
    struct pool *p = t->pool;
    while (!t->fresh && !list_empty(&peer->idle)) {
        struct h1_client *c = choose_kept(peer);
        if (h1_client_is_stale(c)) {
            h1_client_close(c);
            continue;
        }
        leave_idle(p, c);
        enter_active(p, peer);
        h1_client_use(c, t->ops, t->self);
        return c;
    }
    return NULL;
}

static struct h1_client *open_fresh(struct pool_ticket *t, struct peer *peer)
{
    struct pool *p = t->pool;
    uint32_t max = p->env.rule->connections_max;
    if (max != 0 && !list_empty(&peer->idle) && peer->active_count + peer->idle_count >= max) {
        h1_client_close(h1_client_of(peer->idle.prev));
    }
    struct h1_client *c = h1_client_open(&p->env, peer, t->ops, t->self);
    if (c != NULL) {
        p->client_count++;
        enter_active(p, peer);
    }
    return c;
}

static enum pool_answer refuse(struct pool_ticket *t, enum reason why)
{
    t->why = why;
    return POOL_REFUSED;
}

/* A connection for t if there is one now; POOL_QUEUED: every server in use is full. */
static enum pool_answer grant(struct pool_ticket *t)
{
    struct pool *p = t->pool;
    struct peer *peer = NULL;
    switch (balance_pick(p->peers, p->env.rule, loop_now_ms(p->env.loop), t->not_this, &p->cursor,
                         &peer)) {
    case BALANCE_FOUND:
        break;
    case BALANCE_FULL:
        return POOL_QUEUED;
    case BALANCE_NONE:
    default:
        return refuse(t, REASON_UPSTREAM_NONE_AVAILABLE);
    }
    t->client = take_kept(t, peer);
    t->kept = t->client != NULL;
    if (!t->kept) {
        t->client = open_fresh(t, peer);
    }
    if (t->client == NULL) {
        return refuse(t, REASON_OUT_OF_MEMORY);
    }
    t->trying = peer_begin(peer);
    return POOL_GRANTED;
}

static void leave_queue(struct pool_ticket *t)
{
    list_remove(&t->link);
    loop_timer_stop(&t->timer);
    t->pool->waiting_count--;
    count(t->pool, METRIC_UPSTREAM_QUEUED, -1);
}

static enum pool_answer enter_queue(struct pool_ticket *t)
{
    struct pool *p = t->pool;
    if (t->not_this != NULL || p->waiting_count >= p->env.rule->queue_max) {
        return refuse(t, REASON_UPSTREAM_QUEUE_FULL);
    }
    list_push_back(&p->waiting, &t->link);
    p->waiting_count++;
    count(p, METRIC_UPSTREAM_QUEUED, 1);
    loop_timer_start(p->env.loop, &t->timer, p->env.rule->queue_timeout_ms);
    return POOL_QUEUED;
}

static void on_queue_timeout(struct loop_timer *timer)
{
    struct pool_ticket *t = LIST_ENTRY(timer, struct pool_ticket, timer);
    leave_queue(t);
    t->why = REASON_UPSTREAM_QUEUE_FULL;
    t->on_answer(t, POOL_REFUSED);
}

/* First come, first served. Told here, a turn after the place was free: never inside a call. */
static void on_task(struct loop_task *task)
{
    struct pool *p = LIST_ENTRY(task, struct pool, task);
    if (list_empty(&p->waiting)) {
        return;
    }
    struct pool_ticket *t = LIST_ENTRY(p->waiting.next, struct pool_ticket, link);
    enum pool_answer answer = grant(t);
    if (answer == POOL_QUEUED) {
        return;
    }
    leave_queue(t);
    if (p->waiting_count > 0) {
        loop_defer(p->env.loop, &p->task); /* the next one a turn later: p may be gone with t */
    }
    t->on_answer(t, answer);
}

int pool_init(struct pool *p, struct loop *loop, const struct conf_upstream *rule,
              const struct conf_limits *limits, struct metrics *metrics)
{
    *p = (struct pool){
        .env = {.loop = loop, .rule = rule, .limits = limits, .owner = &owner, .owner_arg = p},
        .metrics = metrics,
        .peer_count = rule->server_count};
    list_init(&p->waiting);
    loop_task_init(&p->task, on_task);
    p->peers = mem_calloc(rule->server_count, sizeof(*p->peers));
    if (p->peers == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < rule->server_count; i++) {
        peer_init(&p->peers[i], &rule->servers[i]);
    }
    return 0;
}

void pool_fini(struct pool *p)
{
    loop_task_cancel(&p->task);
    mem_free(p->peers);
    p->peers = NULL;
}

void pool_close(struct pool *p)
{
    p->closing = true;
    for (size_t i = 0; i < p->peer_count; i++) {
        while (!list_empty(&p->peers[i].idle)) {
            h1_client_close(h1_client_of(p->peers[i].idle.next));
        }
    }
}

void pool_ticket_init(struct pool_ticket *t, struct pool *p)
{
    *t = (struct pool_ticket){.pool = p};
    list_init(&t->link);
    loop_timer_init(&t->timer, on_queue_timeout);
}

enum pool_answer pool_ask(struct pool_ticket *t)
{
    /* Nobody overtakes those who wait already. */
    enum pool_answer answer =
        t->pool->waiting_count > 0 && t->not_this == NULL ? POOL_QUEUED : grant(t);
    return answer == POOL_QUEUED ? enter_queue(t) : answer;
}

void pool_withdraw(struct pool_ticket *t)
{
    if (!list_empty(&t->link)) {
        leave_queue(t);
    }
}
