/* Owns: the life of one downstream connection from accept to its last handle, and the record of a
 * handshake that failed. Not: octets (link), requests (h1_server), identity (standing). On the
 * loop's thread. */
#include "proxy/server/conn.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "proxy/server/h1_server.h"
#include "proxy/server/link.h"

struct conn {
    struct list place;
    struct conn_home *home;
    struct port *port;
    uint64_t accepted_us;
    bool counted;
    bool shaking; /* in conn_home.handshakes, and shaker in conn_home.shaking */
    struct list shaker;
    bool withdrawn; /* and told to end for it */
    struct standing standing;
    struct link link;
    struct h1_server h1;
};

struct conn *conn_of(struct list *node)
{
    return LIST_ENTRY(node, struct conn, place);
}

static struct env *env_of(const struct conn *c)
{
    return c->home->env;
}

static void leave_handshake(struct conn *c)
{
    if (c->shaking) {
        c->shaking = false;
        c->home->handshakes--;
        list_remove(&c->shaker);
        metrics_add(env_of(c)->metrics, METRIC_HANDSHAKES_ACTIVE, -1);
    }
}

/* ---- A handshake that failed ---- */

static void record_failure(struct conn *c, enum reason why, struct str detail)
{
    struct env *env = env_of(c);
    const struct exchange_peer *peer = &c->standing.peer;
    struct str name = c->link.tls != NULL ? tls_session_name(c->link.tls) : STR_NONE;
    struct access_record r = {
        .wall_ms = clock_wall_ms(),
        .client = peer->client_text,
        .listener = peer->listener_text,
        /* The only failure that is answered in HTTP. */
        .status = why == REASON_PLAIN_HTTP_ON_TLS_PORT ? reason_status(why) : 0,
        .reason = why,
        .step = STR("handshake"),
        .duration_us = clock_mono_us() - c->accepted_us,
        .tls_name = name,
    };
    access_write(env->access, &r);
    metrics_reason(env->metrics, why);
    LOG(env->log, log_level_of(why), "handshake_failed",
        LOG_TEXT("reason", str_of(reason_token(why))), LOG_TEXT("detail", detail),
        LOG_TEXT("client", peer->client_text), LOG_TEXT("listener", peer->listener_text),
        LOG_TEXT("name", name));
}

/* Handed to the stream as it is: this client would not understand TLS. */
static void answer_plain_http(struct conn *c)
{
    static const char body[] = "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
                               "\"detail\":\"this port speaks HTTPS only\"}\n";
    char text[320];
    int n = snprintf(text, sizeof(text),
                     "HTTP/1.1 400 Bad Request\r\n"
                     "Content-Type: application/problem+json\r\n"
                     "Cache-Control: no-store\r\n"
                     "Content-Length: %zu\r\n"
                     "Connection: close\r\n"
                     "\r\n"
                     "%s",
                     sizeof(body) - 1, body);
    link_write_raw(&c->link, (struct str){text, (size_t)n});
}

/* ---- A client that is withdrawn ---- */

static void log_withdrawn(const struct conn *c, enum reason why)
{
    const struct standing *st = &c->standing;
    struct env *env = env_of(c);
    LOG(env->log, log_level_of(why), "connection_withdrawn",
        LOG_TEXT("reason", str_of(reason_token(why))), LOG_TEXT("client", st->peer.client_text),
        LOG_TEXT("listener", st->peer.listener_text),
        LOG_TEXT("certificate_user", st->identity != NULL ? st->identity->user : STR_NONE),
        LOG_TEXT("certificate_serial", st->identity != NULL ? st->identity->serial : STR_NONE),
        LOG_TEXT("user", st->user));
}

bool conn_judge(struct conn *c)
{
    if (c->shaking || c->withdrawn || !c->port->secure) {
        return false;
    }
    enum reason why = standing_ask(&c->standing);
    if (why == REASON_OK) {
        return false;
    }
    c->withdrawn = true;
    log_withdrawn(c, why);
    metrics_add(env_of(c)->metrics, METRIC_CONNECTIONS_WITHDRAWN_TOTAL, 1);
    if (!h1_server_withdraw(&c->h1, why)) {
        metrics_reason(env_of(c)->metrics, why); /* else the request's record counts it */
    }
    return true;
}

/* ---- What the link tells ---- */

static enum reason on_request(void *arg)
{
    struct conn *c = arg;
    enum reason why = standing_renew(&c->standing);
    link_configure(&c->link, c->standing.runtime->conf);
    return why;
}

static void on_ready(void *self)
{
    struct conn *c = self;
    struct env *env = env_of(c);
    leave_handshake(c);
    metrics_add(env->metrics, METRIC_HANDSHAKES_OK_TOTAL, 1);
    if (tls_session_resumed(c->link.tls)) {
        metrics_add(env->metrics, METRIC_HANDSHAKES_RESUMED_TOTAL, 1);
    }
    metrics_time(env->metrics, METRIC_TIME_HANDSHAKE, clock_mono_us() - c->accepted_us);
    if (standing_take(&c->standing, c->link.tls) != 0) {
        metrics_reason(env->metrics, REASON_OUT_OF_MEMORY);
        link_close(&c->link);
        return;
    }
    h1_server_start(&c->h1);
}

static size_t on_octets(void *self, struct str octets)
{
    struct conn *c = self;
    turns_served(&c->home->shared->turns);
    return h1_server_octets(&c->h1, octets);
}

static bool awaits(const void *self)
{
    const struct conn *c = self;
    return h1_server_awaits(&c->h1);
}

static void on_eof(void *self)
{
    struct conn *c = self;
    h1_server_eof(&c->h1);
}

static void on_drained(void *self)
{
    struct conn *c = self;
    h1_server_drained(&c->h1);
}

static void on_failed(void *self, enum reason why, struct str detail)
{
    struct conn *c = self;
    if (!c->shaking) {
        h1_server_fail(&c->h1, why);
        return;
    }
    leave_handshake(c);
    record_failure(c, why, detail);
    if (why == REASON_PLAIN_HTTP_ON_TLS_PORT) {
        answer_plain_http(c);
    }
}

/* The exchange goes first: it borrows from everything else. */
static void release(struct conn *c)
{
    h1_server_fini(&c->h1);
    standing_fini(&c->standing);
    list_remove(&c->place);
    mem_free(c);
}

static void on_closed(void *self)
{
    struct conn *c = self;
    struct conn_home *home = c->home;
    struct port *port = c->port;
    leave_handshake(c);
    if (c->counted) {
        admit_leave(home->admit, c->standing.peer.address);
    }
    metrics_add(home->env->metrics, METRIC_CONNECTIONS_ACTIVE, -1);
    release(c);
    home->count--;
    home->on_gone(home, port);
}

static const struct link_ops link_user = {
    .on_ready = on_ready,
    .on_octets = on_octets,
    .awaits = awaits,
    .on_eof = on_eof,
    .on_drained = on_drained,
    .on_failed = on_failed,
    .on_closed = on_closed,
};

/* ---- For the server ---- */

size_t conn_handshakes_from(const struct conn_home *home, const struct addr *peer)
{
    uint64_t key = addr_count_key(peer);
    size_t count = 0;
    for (struct list *n = home->shaking.next; n != &home->shaking; n = n->next) {
        const struct conn *c = LIST_ENTRY(n, struct conn, shaker);
        count += addr_count_key(c->standing.peer.address) == key ? 1 : 0;
    }
    return count;
}

int conn_open(struct conn_home *home, struct port *port, struct stream *stream, bool counted)
{
    struct env *env = home->env;
    struct conn *c = mem_calloc(1, sizeof(*c));
    if (c == NULL) {
        return -ERR_NOMEM;
    }
    c->home = home;
    c->port = port;
    c->counted = counted;
    c->accepted_us = clock_mono_us();
    struct tls_sites *sites = port->secure ? env->runtime->sites[port->index] : NULL;
    if (link_init(&c->link, env->loop, stream, sites, &link_user, c) != 0) {
        mem_free(c);
        return -ERR_NOMEM;
    }
    if (c->link.tls != NULL) {
        tls_session_withdraw(c->link.tls, &env->deny);
    }
    standing_init(&c->standing, env, port, stream_peer(stream));
    link_configure(&c->link, env->runtime->conf);
    h1_server_init(&c->h1, env, &c->link, &c->standing.peer, on_request, c);
    list_push_back(&home->conns, &c->place);
    home->count++;
    metrics_add(env->metrics, METRIC_CONNECTIONS_TOTAL, 1);
    metrics_add(env->metrics, METRIC_CONNECTIONS_ACTIVE, 1);
    if (port->secure) {
        c->shaking = true;
        home->handshakes++;
        list_push_back(&home->shaking, &c->shaker);
        metrics_add(env->metrics, METRIC_HANDSHAKES_ACTIVE, 1);
    } else {
        h1_server_start(&c->h1);
    }
    link_start(&c->link, home->shared);
    return 0;
}

void conn_drain(struct conn *c)
{
    if (!c->shaking) {
        h1_server_drain(&c->h1);
    }
}

void conn_close(struct conn *c, enum reason why)
{
    if (!c->shaking) {
        h1_server_fail(&c->h1, why);
    }
    link_close(&c->link);
}
