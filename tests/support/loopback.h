/* The exchange without a client, a gate and an upstream: a sink that gathers what would be
 * answered, a gate that says what the test wants, an upstream that the test plays, and an access
 * log that counts. Including this replaces the real gate_*, upstream_call_* and access_write(). */
#ifndef TESTS_SUPPORT_LOOPBACK_H
#define TESTS_SUPPORT_LOOPBACK_H

#include <stdio.h>

#include "auth/gate.h"
#include "base/buf.h"
#include "base/mem.h"
#include "proxy/exchange/exchange.h"
#include "proxy/http/h1_reader.h"
#include "tests/support/check.h"

/* ---- The gate ---- */

struct gate {
    struct gate_answer answer;
    gate_done_fn done;
    void *arg;
};

/* What the next gate says at once, and what was asked. */
static struct gate_answer gate_says;
static struct gate_question gate_asked;
static struct str gate_authorization;
static struct gate *gate_now; /* the one that lives; NULL: none */

struct gate *gate_run(const struct gate_question *q, gate_done_fn done, void *arg)
{
    struct gate *g = mem_alloc(sizeof(*g));
    if (g != NULL) {
        *g = (struct gate){.answer = gate_says, .done = done, .arg = arg};
        gate_asked = *q;
        gate_authorization = q->authorization;
        gate_now = g;
    }
    return g;
}

const struct gate_answer *gate_result(const struct gate *g)
{
    return &g->answer;
}

void gate_free(struct gate *g)
{
    if (g != NULL) {
        gate_now = NULL;
        mem_free(g);
    }
}

static inline void gate_will(enum verdict v, enum reason r, const char *step)
{
    gate_says = (struct gate_answer){.verdict = v, .reason = r, .step = step};
    if (v == VERDICT_ALLOW) {
        gate_says.user = STR("alice");
    }
}

/* The gate that waits has found out. */
static inline void gate_decides(enum verdict v, enum reason r, const char *step)
{
    gate_will(v, r, step);
    gate_now->answer = gate_says;
    gate_now->done(gate_now->arg);
}

/* ---- The upstream ---- */

struct upstream_call {
    const struct upstream_ops *ops;
    void *self;
    const struct http_request *request;
    struct arena *arena;
};

static struct upstream_call up_call;
static struct {
    bool open; /* a call is under way */
    unsigned starts;
    unsigned cancels;
    unsigned finishes;
    bool paused;
    bool full;
    struct buf body; /* of the request */
    struct buf trailers;
    struct http_response head;
} up;

static inline void loopback_fields(struct buf *out, const struct fields *fields)
{
    for (size_t i = 0; fields != NULL && i < fields->n; i++) {
        assert_int_equal(0, buf_printf(out, "%.*s: %.*s\n", STR_ARG(fields->v[i].name),
                                       STR_ARG(fields->v[i].value)));
    }
}

struct upstream_call *upstream_call_start(struct upstream_set *s, size_t group,
                                          const struct http_request *request, struct arena *arena,
                                          const struct upstream_ops *ops, void *self)
{
    (void)s;
    (void)group;
    void *memory = mem_alloc(1); /* so that it can fail */
    if (memory == NULL) {
        return NULL;
    }
    mem_free(memory);
    up_call = (struct upstream_call){.ops = ops, .self = self, .request = request, .arena = arena};
    up.open = true;
    up.starts++;
    return &up_call;
}

void upstream_call_body(struct upstream_call *c, struct str octets)
{
    (void)c;
    assert_true(up.open);
    assert_int_equal(0, buf_append(&up.body, octets));
}

void upstream_call_finish(struct upstream_call *c, const struct fields *trailers)
{
    (void)c;
    assert_true(up.open);
    up.finishes++;
    loopback_fields(&up.trailers, trailers);
}

bool upstream_call_full(const struct upstream_call *c)
{
    (void)c;
    assert_true(up.open);
    return up.full;
}

void upstream_call_pause(struct upstream_call *c, bool paused)
{
    (void)c;
    assert_true(up.open);
    up.paused = paused;
}

void upstream_call_cancel(struct upstream_call *c)
{
    (void)c;
    assert_true(up.open);
    up.open = false;
    up.cancels++;
}

struct str upstream_call_server(const struct upstream_call *c)
{
    (void)c;
    return STR("127.0.0.1:9000");
}

static inline void up_ready(void)
{
    assert_true(up.open);
    up_call.ops->on_ready(up_call.self);
}

static inline void up_head(unsigned status, enum http_framing framing, uint64_t length)
{
    assert_true(up.open);
    up.head = (struct http_response){.status = status,
                                     .phrase = http_status_phrase(status),
                                     .minor = 1,
                                     .framing = framing,
                                     .length = length,
                                     .keep_alive = false};
    fields_init(&up.head.fields, up_call.arena);
    assert_int_equal(0, fields_add(&up.head.fields, STR("X-Up"), STR("1")));
    up_call.ops->on_head(up_call.self, &up.head);
}

static inline void up_body(const char *octets)
{
    assert_true(up.open);
    up_call.ops->on_body(up_call.self, str_of(octets));
}

static inline void up_end(struct fields *trailers)
{
    assert_true(up.open);
    up_call.ops->on_end(up_call.self, trailers);
    up.open = false;
}

static inline void up_fail(enum reason why)
{
    assert_true(up.open);
    up_call.ops->on_failed(up_call.self, why);
    up.open = false;
}

static inline void up_drained(void)
{
    assert_true(up.open);
    up.full = false;
    up_call.ops->on_drained(up_call.self);
}

/* ---- The access log ---- */

static struct {
    unsigned records;
    enum reason reason;
    unsigned status;
    uint64_t received;
    uint64_t sent;
    char step[32];
    char user[32];
    char id[160];
} logged;

void access_write(struct access_log *a, const struct access_record *r)
{
    (void)a;
    logged.records++;
    logged.reason = r->reason;
    logged.status = r->status;
    logged.received = r->received_octets;
    logged.sent = r->sent_octets;
    (void)snprintf(logged.step, sizeof(logged.step), "%.*s", STR_ARG(r->step));
    (void)snprintf(logged.user, sizeof(logged.user), "%.*s", STR_ARG(r->user));
    (void)snprintf(logged.id, sizeof(logged.id), "%.*s", STR_ARG(r->request_id));
}

/* ---- A worker with one route of each kind ---- */

static struct conf_route loop_routes[] = {
    {.path.p = "/"},
    {.path.p = "/small", .body_max_bytes = 10},
    {.path.p = "/trailers", .forward_trailers = true},
    {.path.p = "/authorization", .forward_authorization = true},
    {.path.p = "/certificate", .require = CONF_REQUIRE_CERTIFICATE},
    {.host.p = "only.example", .path.p = "/yes"},
};

static struct conf loop_conf = {
    .routes = loop_routes,
    .route_count = ROWS(loop_routes),
    .users.realm.p = "a \"realm\"",
    .limits = {.head_bytes = 8192,
               .field_count = 50,
               .target_bytes = 1024,
               .body_bytes = 1000,
               .chunk_line_bytes = 64,
               .trailer_bytes = 1024,
               .response_head_bytes = 8192,
               .buffer_bytes = 16384,
               .drain_bytes = 64},
    .timeouts = {.head_ms = 10, .body_idle_ms = 20, .keepalive_ms = 30, .linger_ms = 40},
    .headers = {.user.p = "X-Client-User",
                .verify.p = "X-Client-Verify",
                .x_forwarded = true,
                .via = true,
                .via_name.p = "countersign"},
};

static struct runtime loop_runtime;
static struct env loop_env;
static struct exchange_peer loop_peer;

static inline void loopback_worker(void)
{
    loop_runtime = (struct runtime){.refs = 1, .conf = &loop_conf};
    loop_runtime.routes = route_table_new(&loop_conf);
    assert_non_null(loop_runtime.routes);
    loop_env = (struct env){.runtime = &loop_runtime, .id_seed = {1, 2, 3, 4, 5, 6, 7, 8}};
    loop_env.region = metrics_region_new(1);
    assert_non_null(loop_env.region);
    loop_env.metrics = metrics_slot(loop_env.region, 0);
    loop_peer = (struct exchange_peer){.gate.certificate = REASON_CLIENT_CERT_MISSING,
                                       .address.kind = ADDR_INET,
                                       .client_text = STR("192.0.2.1"),
                                       .secure = true};
    memset(&up, 0, sizeof(up));
    memset(&logged, 0, sizeof(logged));
    buf_init(&up.body, 65536);
    buf_init(&up.trailers, 4096);
    gate_will(VERDICT_ALLOW, REASON_OK, "pairing");
}

static inline void loopback_worker_end(void)
{
    route_table_free(loop_runtime.routes);
    metrics_region_free(loop_env.region);
    buf_release(&up.body);
    buf_release(&up.trailers);
    assert_false(up.open);
    assert_null(gate_now);
}

/* Reasons counted, by their metric. */
static inline uint64_t counted(enum reason why)
{
    return metrics_reason_sum(loop_env.region, why);
}

#endif
