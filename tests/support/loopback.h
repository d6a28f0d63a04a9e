/* The exchange without a client, a gate and an upstream: a sink that gathers what would be
 * answered, a gate that says what the test wants, an upstream that the test plays, and an access
 * log that counts. Including this replaces the real gate_*, upstream_call_* and access_write(). */
#ifndef TESTS_SUPPORT_LOOPBACK_H
#define TESTS_SUPPORT_LOOPBACK_H

#include <stdio.h>

#include "proxy/exchange/exchange.h"
#include "proxy/http/h1_reader.h"
#include "tests/support/fake_gate.h"
#include "tests/support/fake_upstream.h"

/* ---- The access log ---- */

static struct {
    unsigned records;
    enum reason reason;
    unsigned status;
    uint64_t received;
    uint64_t sent;
    bool allowed;
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
    logged.allowed = r->allowed;
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
    {.path.p = "/report", .report_only = true, .forward_authorization = true},
};

static struct conf loop_conf = {
    .body_max_bytes = 1000,
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
static const struct addr loop_client = {.kind = ADDR_INET};
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
                                       .address = &loop_client,
                                       .client_text = STR("192.0.2.1"),
                                       .secure = true};
    memset(&up, 0, sizeof(up));
    memset(&logged, 0, sizeof(logged));
    buf_init(&up.body, 65536);
    buf_init(&up.trailers, 4096);
    gate_will(VERDICT_ALLOW, REASON_OK, "pairing");
    gate_says_then = (struct gate_answer){.verdict = VERDICT_ALLOW, .reason = REASON_OK};
    gate_says_of_claimed = REASON_OK;
}

static inline void loopback_worker_end(void)
{
    exchange_drop_spares(&loop_env);
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
