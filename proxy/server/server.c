/* Owns: the listening of one worker, admission at the door, the list of connections, drain and end.
 * Not: what happens on a connection (conn). On the loop's thread. */
#include "proxy/server/server.h"

#include <sys/resource.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "proxy/net/listen.h"
#include "proxy/server/conn.h"
#include "proxy/server/descriptors.h"
#include "proxy/server/h1_server.h"
#include "proxy/server/link.h"

/* Below so many handshakes there is nothing to share. */
enum { HANDSHAKES_SHARED = 16 };

/* A line in the log says at most so often that connections are refused. */
enum { REFUSALS_LOG_MS = 1000 };

/* Judging connections rests after so long, for the others' octets; the clock is looked at after so
 * many. */
enum { JUDGE_SLICE_US = 2000, JUDGE_STRIDE = 32 };

/* One address. It stays until it is no longer listened on and its last connection is gone. */
struct door {
    struct list place;
    struct server *server;
    struct listener *listener; /* NULL: closed */
    struct port port;
    char *address; /* owned: port.address borrows it */
    size_t conns;
};

struct server {
    struct conn_home home;
    uint64_t clients_max; /* connections for which there are descriptors */
    struct list doors;
    struct loop_task empty_task;
    struct loop_task judge_task;
    struct list unjudged; /* connections that wait to be judged */
    size_t ended;         /* by the judging under way */
    void (*judged)(void *arg, size_t ended);
    void *judged_arg;
    void (*empty)(void *arg);
    void *empty_arg;
    bool draining;
    uint64_t refusals; /* since the last line */
    uint64_t refusals_at_ms;
    struct link_shared shared;
};

/* ---- Doors ---- */

static void free_door_if_unused(struct door *d)
{
    if (d->listener == NULL && d->conns == 0) {
        list_remove(&d->place);
        mem_free(d->address);
        mem_free(d);
    }
}

static void close_door(struct door *d)
{
    /* What still waits there is turned away: the configuration in force knows no sites for it. */
    d->port.closed = true;
    listener_close(d->listener);
    d->listener = NULL;
}

static struct door *find_door(struct server *s, struct str address)
{
    for (struct list *n = s->doors.next; n != &s->doors; n = n->next) {
        struct door *d = LIST_ENTRY(n, struct door, place);
        if (d->listener != NULL && str_eq(d->port.address, address)) {
            return d;
        }
    }
    return NULL;
}

/* ---- Accepting ---- */

/* event: what is done about it. */
static void log_refusals(struct server *s, const char *event, enum reason why,
                         const struct stream *stream)
{
    char text[ADDR_TEXT_MAX];
    uint64_t now = clock_mono_ms();
    s->refusals++;
    if (s->refusals_at_ms != 0 && now - s->refusals_at_ms < REFUSALS_LOG_MS) {
        return;
    }
    LOG(s->home.env->log, LOG_LEVEL_WARNING, event, LOG_TEXT("reason", str_of(reason_token(why))),
        LOG_NUMBER("count", s->refusals),
        LOG_TEXT("client", stream != NULL ? addr_host_text(stream_peer(stream), text) : STR_NONE));
    s->refusals = 0;
    s->refusals_at_ms = now;
}

/* Once half of the handshakes are under way, one address gets a quarter of them at most: a few that
 * say nothing must not keep everybody out until they time out. */
static bool has_its_share(const struct server *s, uint32_t limit, const struct stream *stream)
{
    return limit >= HANDSHAKES_SHARED && s->home.handshakes >= limit / 2 &&
           stream_peer(stream)->kind == ADDR_INET &&
           conn_handshakes_from(&s->home, stream_peer(stream)) >= limit / 4;
}

/* Whether there is room for one more; *counted: it was counted in. The admin listener is let in
 * always: it must tell what goes on when nothing else gets in. */
static enum reason admit_one(struct server *s, const struct door *d, const struct stream *stream,
                             bool *counted)
{
    const struct conf_limits *limits = &s->home.env->runtime->conf->limits;
    *counted = false;
    if (!d->port.secure) {
        return REASON_OK;
    }
    if (s->home.handshakes >= limits->handshakes || has_its_share(s, limits->handshakes, stream)) {
        return REASON_HANDSHAKES_MAX;
    }
    if (s->home.admit == NULL) {
        return REASON_OK;
    }
    enum reason why = admit_enter(s->home.admit, stream_peer(stream), limits->connections,
                                  limits->connections_per_address);
    *counted = why == REASON_OK;
    return why;
}

static void on_accept(void *arg, struct stream *stream)
{
    struct door *d = arg;
    struct server *s = d->server;
    bool counted = false;
    bool open = !s->draining && !d->port.closed;
    enum reason why = open ? admit_one(s, d, stream, &counted) : REASON_DRAINING;
    if (why == REASON_OK) {
        d->conns++;
        if (conn_open(&s->home, &d->port, stream, counted) == 0) {
            return;
        }
        d->conns--;
        why = REASON_OUT_OF_MEMORY;
        if (counted) {
            admit_leave(s->home.admit, stream_peer(stream));
        }
    }
    metrics_reason(s->home.env->metrics, why);
    log_refusals(s, "connection_refused", why, stream);
    stream_abort(stream);
}

/* The admin listener may take of what is kept back. */
static bool has_room(void *arg)
{
    const struct door *d = arg;
    return !d->port.secure || d->server->home.count < d->server->clients_max;
}

static void on_rest(void *arg)
{
    struct door *d = arg;
    metrics_reason(d->server->home.env->metrics, REASON_OUT_OF_DESCRIPTORS);
    log_refusals(d->server, "accepting_rests", REASON_OUT_OF_DESCRIPTORS, NULL);
}

static void learn_room(struct server *s)
{
    struct rlimit limit;
    s->clients_max = getrlimit(RLIMIT_NOFILE, &limit) == 0
                         ? descriptors_for_clients(s->home.env->runtime->conf, limit.rlim_cur)
                         : UINT64_MAX;
}

static int open_door(struct server *s, struct str address, int fd, const struct port *port,
                     struct err *e)
{
    struct door *d = mem_calloc(1, sizeof(*d));
    char *text = mem_dup(address.p, address.n);
    if (d == NULL || text == NULL) {
        mem_free(d);
        mem_free(text);
        return err_set(e, ERR_NOMEM, "cannot listen on %.*s: out of memory", STR_ARG(address));
    }
    d->server = s;
    d->port = *port;
    d->address = text;
    d->port.address = (struct str){text, address.n};
    const struct listener_user user = {on_accept, has_room, on_rest, d};
    d->listener = listener_open(s->home.env->loop, fd, &user, e);
    if (d->listener == NULL) {
        mem_free(text);
        mem_free(d);
        return err_set(e, ERR_INTERNAL, "cannot listen on %.*s", STR_ARG(address));
    }
    list_push_back(&s->doors, &d->place);
    return 0;
}

int server_listen(struct server *s, struct str address, int fd, size_t index, struct err *e)
{
    struct door *d = find_door(s, address);
    if (d != NULL && d->port.secure) {
        d->port.index = index;
        return 0;
    }
    const struct port port = {.index = index, .secure = true};
    return open_door(s, address, fd, &port, e);
}

int server_listen_local(struct server *s, struct str address, int fd, local_fn local, void *arg,
                        struct err *e)
{
    struct door *d = find_door(s, address);
    if (d != NULL && !d->port.secure) {
        d->port.local = local;
        d->port.local_arg = arg;
        return 0;
    }
    const struct port port = {.local = local, .local_arg = arg};
    return open_door(s, address, fd, &port, e);
}

/* ---- Reload, drain, end ---- */

void server_adopt(struct server *s, bool (*keep)(void *arg, struct str address), void *arg)
{
    struct list *next;
    learn_room(s);
    for (struct list *n = s->doors.next; n != &s->doors; n = next) {
        struct door *d = LIST_ENTRY(n, struct door, place);
        next = n->next;
        if (d->listener != NULL && !keep(arg, d->port.address)) {
            close_door(d);
            free_door_if_unused(d);
        }
    }
}

static void on_empty(struct loop_task *t)
{
    struct server *s = LIST_ENTRY(t, struct server, empty_task);
    void (*empty)(void *arg) = s->empty;
    s->empty = NULL;
    if (empty != NULL) {
        empty(s->empty_arg);
    }
}

static void tell_empty(struct server *s)
{
    if (s->draining && s->home.count == 0 && s->empty != NULL) {
        loop_defer(s->home.env->loop, &s->empty_task);
    }
}

/* One less, where there was no room: nobody waits for the end of the rest. */
static void resume_doors(struct server *s)
{
    for (struct list *n = s->doors.next; n != &s->doors; n = n->next) {
        listener_resume(LIST_ENTRY(n, struct door, place)->listener);
    }
}

static void on_gone(struct conn_home *home, struct port *port)
{
    struct server *s = LIST_ENTRY(home, struct server, home);
    struct door *d = LIST_ENTRY(port, struct door, port);
    d->conns--;
    free_door_if_unused(d);
    if (home->count + 1 == s->clients_max) {
        resume_doors(s);
    }
    tell_empty(s);
}

static void for_each_in(struct list *conns, void (*fn)(struct conn *c))
{
    struct list *next;
    for (struct list *n = conns->next; n != conns; n = next) {
        next = n->next;
        fn(conn_of(n));
    }
}

static void for_each_conn(struct server *s, void (*fn)(struct conn *c))
{
    for_each_in(&s->home.conns, fn);
    for_each_in(&s->unjudged, fn);
}

void server_drain(struct server *s, void (*empty)(void *arg), void *arg)
{
    s->empty = empty;
    s->empty_arg = arg;
    s->home.env->draining = true;
    struct list *next;
    for (struct list *n = s->doors.next; n != &s->doors; n = next) {
        struct door *d = LIST_ENTRY(n, struct door, place);
        next = n->next;
        if (d->listener != NULL) {
            listener_close(d->listener);
            d->listener = NULL;
        }
        free_door_if_unused(d);
    }
    s->draining = true;
    for_each_conn(s, conn_drain);
    tell_empty(s);
}

/* Connections are taken from one list and put into the other, so that those that come and go
 * meanwhile are neither judged twice nor missed. */
static void on_judge(struct loop_task *t)
{
    struct server *s = LIST_ENTRY(t, struct server, judge_task);
    uint64_t until_us = clock_mono_us() + JUDGE_SLICE_US;
    struct list *n;
    for (unsigned i = 1; (n = list_pop_front(&s->unjudged)) != NULL; i++) {
        list_push_back(&s->home.conns, n);
        s->ended += conn_judge(conn_of(n)) ? 1 : 0;
        if (i % JUDGE_STRIDE == 0 && clock_mono_us() >= until_us) {
            break;
        }
    }
    if (!list_empty(&s->unjudged)) {
        loop_defer(s->home.env->loop, &s->judge_task);
        return;
    }
    void (*judged)(void *arg, size_t ended) = s->judged;
    s->judged = NULL;
    if (judged != NULL) {
        judged(s->judged_arg, s->ended);
    }
}

void server_judge(struct server *s, void (*done)(void *arg, size_t ended), void *arg)
{
    struct list *n;
    if (s->judged == NULL) {
        s->ended = 0;
    }
    if (done != NULL) {
        s->judged = done;
        s->judged_arg = arg;
    }
    while ((n = list_pop_front(&s->home.conns)) != NULL) {
        list_push_back(&s->unjudged, n);
    }
    loop_defer(s->home.env->loop, &s->judge_task);
}

static void close_conn(struct conn *c)
{
    conn_close(c, REASON_DRAINING);
}

void server_abort(struct server *s)
{
    for_each_conn(s, close_conn);
}

struct server *server_new(struct env *env, struct admit *admit)
{
    struct server *s = mem_calloc(1, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    s->home.env = env;
    s->home.admit = admit;
    s->home.shared = &s->shared;
    link_shared_init(&s->shared, env->loop);
    s->home.on_gone = on_gone;
    learn_room(s);
    list_init(&s->home.conns);
    list_init(&s->home.shaking);
    list_init(&s->doors);
    list_init(&s->unjudged);
    loop_task_init(&s->empty_task, on_empty);
    loop_task_init(&s->judge_task, on_judge);
    return s;
}

void server_free(struct server *s)
{
    if (s == NULL) {
        return;
    }
    struct list *n;
    while ((n = list_pop_front(&s->doors)) != NULL) {
        struct door *d = LIST_ENTRY(n, struct door, place);
        listener_close(d->listener);
        mem_free(d->address);
        mem_free(d);
    }
    loop_task_cancel(&s->empty_task);
    loop_task_cancel(&s->judge_task);
    h1_server_drop_spares(s->home.env);
    exchange_drop_spares(s->home.env);
    link_shared_fini(&s->shared);
    mem_free(s);
}
