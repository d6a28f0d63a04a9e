/* A set of upstreams in a loop, and fake servers. */
#ifndef TESTS_UNIT_PROXY_UPSTREAM_RIG_H
#define TESTS_UNIT_PROXY_UPSTREAM_RIG_H

#include <signal.h>
#include <stdio.h>

#include "base/mem.h"
#include "proxy/upstream/upstream.h"
#include "tests/support/check.h"
#include "tests/unit/proxy/upstream/fake_server.h"

#define RIG_SERVERS 3

struct rig {
    struct loop *loop;
    struct conf conf;
    struct conf_upstream group;
    struct conf_server servers[RIG_SERVERS];
    char texts[RIG_SERVERS][32];
    struct fake_server fakes[RIG_SERVERS];
    struct metrics_region *region;
    struct upstream_set *set;
    struct loop_timer rest;
    struct loop_task turn;
    unsigned open_calls;
};

static inline void on_rested(struct loop_timer *t)
{
    loop_stop(LIST_ENTRY(t, struct rig, rest)->loop);
}

/* Let the loop turn for at least ms. */
static inline void rig_rest(struct rig *r, uint64_t ms)
{
    loop_timer_start(r->loop, &r->rest, ms);
    loop_run(r->loop);
}

static inline void on_turn(struct loop_task *t)
{
    loop_stop(LIST_ENTRY(t, struct rig, turn)->loop);
}

/* One turn of the loop. */
static inline void rig_turn(struct rig *r)
{
    loop_defer(r->loop, &r->turn);
    loop_run(r->loop);
}

/* A group of n servers, all of which take connections; generous limits, no idle limit. */
static inline void rig_init(struct rig *r, size_t n)
{
    memset(r, 0, sizeof(*r));
    (void)signal(SIGPIPE, SIG_IGN); /* loop_new() asks for it */
    r->loop = loop_new();
    r->region = metrics_region_new(1);
    assert_non_null(r->loop);
    assert_non_null(r->region);
    loop_timer_init(&r->rest, on_rested);
    loop_task_init(&r->turn, on_turn);
    r->group = (struct conf_upstream){.name = {.p = "api"},
                                      .servers = r->servers,
                                      .server_count = n,
                                      .connect_timeout_ms = 5000,
                                      .response_timeout_ms = 5000,
                                      .body_idle_timeout_ms = 5000,
                                      .keepalive_ms = 60000,
                                      .keepalive_max = 8,
                                      .connections_max = 16,
                                      .queue_max = 4,
                                      .queue_timeout_ms = 5000,
                                      .fail_max = 3,
                                      .fail_ms = 3600000};
    r->conf.upstreams = &r->group;
    r->conf.upstream_count = 1;
    r->conf.limits = (struct conf_limits){.response_head_bytes = 8192,
                                          .field_count = 100,
                                          .target_bytes = 8192,
                                          .chunk_line_bytes = 256,
                                          .trailer_bytes = 4096,
                                          .buffer_bytes = 65536};
    for (size_t i = 0; i < n; i++) {
        fake_open(&r->fakes[i], r->loop, false);
        r->fakes[i].answer = STR("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        struct err e = {0};
        int len = snprintf(r->texts[i], sizeof(r->texts[i]), "127.0.0.1:%u", r->fakes[i].port);
        struct str text = {r->texts[i], (size_t)len};
        assert_int_equal(addr_parse(text, false, &r->servers[i].address, &e), 0);
        r->servers[i].text.p = r->texts[i];
    }
}

/* After the test has changed what it wants to change. */
static inline void rig_start(struct rig *r)
{
    r->set = upstream_set_new(&r->conf, r->loop, metrics_slot(r->region, 0));
    assert_non_null(r->set);
}

/* From now on server i refuses connections. */
static inline void rig_refuse(struct rig *r, size_t i)
{
    loop_watch_close(r->fakes[i].watch);
    r->fakes[i].watch = NULL;
    (void)close(r->fakes[i].fd);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons(r->fakes[i].port)};
    const int yes = 1;
    r->fakes[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(r->fakes[i].fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    assert_int_equal(bind(r->fakes[i].fd, (const struct sockaddr *)&a, sizeof(a)), 0);
}

static inline int64_t rig_metric(const struct rig *r, enum metric which)
{
    return metrics_sum(r->region, which);
}

/* Everything is given back: no connection is counted any more, the loop has nothing left. */
static inline void rig_fini(struct rig *r)
{
    upstream_set_close(r->set);
    for (size_t i = 0; i < r->group.server_count; i++) {
        fake_close(&r->fakes[i]);
    }
    loop_run(r->loop);
    assert_int_equal(rig_metric(r, METRIC_UPSTREAM_ACTIVE), 0);
    assert_int_equal(rig_metric(r, METRIC_UPSTREAM_IDLE), 0);
    assert_int_equal(rig_metric(r, METRIC_UPSTREAM_QUEUED), 0);
    loop_free(r->loop);
    metrics_region_free(r->region);
}

#endif
