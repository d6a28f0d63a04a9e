/* An owner of calls that does as a test says and writes down what it is told. */
#ifndef TESTS_UNIT_PROXY_UPSTREAM_OWNER_H
#define TESTS_UNIT_PROXY_UPSTREAM_OWNER_H

#include <inttypes.h>
#include <stdio.h>

#include "tests/unit/proxy/upstream/rig.h"

/* When an owner gives up. */
enum cancel_at {
    CANCEL_NEVER = 0,
    CANCEL_AT_READY,
    CANCEL_AT_HEAD,
    CANCEL_AT_BODY,
    CANCEL_AT_DRAINED
};

/* One call and its owner. */
struct owner {
    struct rig *rig;
    struct upstream_call *call; /* NULL once it ended */
    struct arena arena;
    struct http_request request;
    /* What it does */
    uint64_t to_send; /* octets of body; 0: finishes at once */
    size_t piece;     /* octets a piece */
    bool pauses;      /* after every piece of the answer, for a turn */
    bool never_finishes;
    bool leaves_loop_running;
    enum cancel_at cancel_at;
    /* What it was told */
    char told[512];
    bool failed;
    enum reason why;
    unsigned status;
    uint64_t received;
    uint64_t sent;
    unsigned drained;
    unsigned trailers;
    bool paused;
    unsigned deliveries_while_paused;
    char server[32];
    struct loop_task go_on;
};

static inline void tell(struct owner *o, const char *what)
{
    size_t n = strlen(o->told);
    (void)snprintf(o->told + n, sizeof(o->told) - n, "%s%s", n > 0 ? " " : "", what);
}

static inline void ended(struct owner *o)
{
    o->call = NULL;
    loop_task_cancel(&o->go_on);
    o->rig->open_calls--;
    if (o->rig->open_calls == 0 && !o->leaves_loop_running) {
        loop_stop(o->rig->loop);
    }
}

static inline bool cancels(struct owner *o, enum cancel_at here)
{
    if (o->cancel_at != here) {
        return false;
    }
    struct upstream_call *call = o->call;
    tell(o, "cancel");
    ended(o);
    upstream_call_cancel(call);
    return true;
}

static inline void note_server(struct owner *o)
{
    struct str server = upstream_call_server(o->call);
    (void)snprintf(o->server, sizeof(o->server), "%.*s", STR_ARG(server));
}

static inline void send_more(struct owner *o)
{
    static char octets[65536];
    while (o->sent < o->to_send && !upstream_call_full(o->call)) {
        uint64_t left = o->to_send - o->sent;
        size_t n = left < o->piece ? (size_t)left : o->piece;
        memset(octets, 'u', n);
        o->sent += n;
        upstream_call_body(o->call, (struct str){octets, n});
    }
    if (o->sent == o->to_send && !o->never_finishes) {
        upstream_call_finish(o->call, NULL);
    }
}

static inline void on_ready(void *self)
{
    struct owner *o = self;
    tell(o, "ready");
    note_server(o);
    if (!cancels(o, CANCEL_AT_READY)) {
        send_more(o);
    }
}

static inline void on_head(void *self, struct http_response *head)
{
    struct owner *o = self;
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", head->status);
    tell(o, text);
    o->status = head->status;
    (void)cancels(o, CANCEL_AT_HEAD);
}

static inline void on_body(void *self, struct str octets)
{
    struct owner *o = self;
    o->deliveries_while_paused += o->paused ? 1 : 0;
    o->received += octets.n;
    if (cancels(o, CANCEL_AT_BODY)) {
        return;
    }
    if (o->pauses) {
        o->paused = true;
        upstream_call_pause(o->call, true);
        loop_defer(o->rig->loop, &o->go_on);
    }
}

static inline void on_go_on(struct loop_task *t)
{
    struct owner *o = LIST_ENTRY(t, struct owner, go_on);
    o->paused = false;
    upstream_call_pause(o->call, false);
}

static inline void on_end(void *self, struct fields *trailers)
{
    struct owner *o = self;
    char text[48];
    o->deliveries_while_paused += o->paused ? 1 : 0;
    o->trailers = (unsigned)trailers->n;
    (void)snprintf(text, sizeof(text), "body:%" PRIu64 " end", o->received);
    tell(o, text);
    note_server(o);
    ended(o);
}

static inline void on_failed(void *self, enum reason why)
{
    struct owner *o = self;
    o->failed = true;
    o->why = why;
    tell(o, reason_token(why));
    note_server(o);
    ended(o);
}

static inline void on_drained(void *self)
{
    struct owner *o = self;
    o->drained++;
    if (!cancels(o, CANCEL_AT_DRAINED)) {
        send_more(o);
    }
}

static const struct upstream_ops owner_ops = {.on_ready = on_ready,
                                              .on_head = on_head,
                                              .on_body = on_body,
                                              .on_end = on_end,
                                              .on_failed = on_failed,
                                              .on_drained = on_drained};

/* A GET without body, not started yet. */
static inline void owner_init(struct owner *o, struct rig *r)
{
    *o = (struct owner){.rig = r, .piece = 65536};
    arena_init(&o->arena, 1024 * 1024);
    o->request = (struct http_request){.method = HTTP_METHOD_GET,
                                       .target = STR("/x"),
                                       .path = STR("/x"),
                                       .authority = STR("api"),
                                       .host = STR("api"),
                                       .minor = 1};
    fields_init(&o->request.fields, &o->arena);
    loop_task_init(&o->go_on, on_go_on);
}

static inline void owner_start(struct owner *o)
{
    o->call = upstream_call_start(o->rig->set, 0, &o->request, &o->arena, &owner_ops, o);
    if (o->call != NULL) {
        o->rig->open_calls++;
    }
}

static inline void owner_fini(struct owner *o)
{
    assert_null(o->call);
    arena_release(&o->arena);
}

/* One GET to its end. */
static inline void rig_get(struct rig *r, struct owner *o)
{
    owner_init(o, r);
    owner_start(o);
    assert_non_null(o->call);
    loop_run(r->loop);
    owner_fini(o);
}

#endif
