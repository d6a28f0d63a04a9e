/* A loop and a link that the test drives, beneath the real h1_server and exchange. Including this
 * replaces the real loop_* and link_*. */
#ifndef TESTS_UNIT_PROXY_SERVER_WIRE_H
#define TESTS_UNIT_PROXY_SERVER_WIRE_H

#include "base/clock.h"
#include "proxy/server/h1_server.h"
#include "tests/support/fake_loop.h"
#include "tests/support/loopback.h"

static struct {
    struct link link;
    struct h1_server h;
    struct buf out;
    struct buf rest;
    bool resume;
    bool finished;
    bool closed;
    bool full;
    bool gone;
    bool may_be_gone;
    enum reason on_request;
} wire;

struct buf *link_pending(struct link *l)
{
    (void)l;
    return &wire.out;
}

void link_touch(struct link *l)
{
    (void)l;
}

void link_put_off(struct link *l)
{
    link_touch(l);
}

void link_write(struct link *l, struct str octets)
{
    (void)l;
    if (!wire.finished && !wire.closed) {
        assert_int_equal(0, buf_append(&wire.out, octets));
    }
}

bool link_full(struct link *l)
{
    (void)l;
    return wire.full;
}

void link_resume(struct link *l)
{
    (void)l;
    wire.resume = true;
}

bool link_is_gone(const struct link *l)
{
    (void)l;
    return wire.gone;
}

bool link_may_be_gone(const struct link *l)
{
    (void)l;
    return wire.may_be_gone;
}

bool link_has_input(const struct link *l)
{
    (void)l;
    return buf_len(&wire.rest) > 0;
}

void link_idle(struct link *l)
{
    (void)l;
}

void link_finish(struct link *l)
{
    (void)l;
    wire.finished = true;
}

void link_close(struct link *l)
{
    (void)l;
    wire.closed = true;
}

static inline bool is_over(void)
{
    return wire.finished || wire.closed;
}

static inline void offer(void)
{
    if (!is_over()) {
        buf_consume(&wire.rest, h1_server_octets(&wire.h, buf_str(&wire.rest)));
    }
}

/* Turns of the loop until nothing is left to do. */
static inline void turn(void)
{
    fake_loop_turn();
    while (wire.resume) {
        wire.resume = false;
        offer();
        fake_loop_turn();
    }
}

/* What the client sends, in pieces of this size. */
static size_t piece_octets = SIZE_MAX;

static inline void feed(const char *text)
{
    struct str all = str_of(text);
    while (all.n > 0) {
        struct str piece = str_slice(all, 0, piece_octets);
        all = str_slice(all, piece.n, all.n);
        bool held = buf_len(&wire.rest) > 0;
        assert_int_equal(0, buf_append(&wire.rest, piece));
        if (!held) {
            offer();
        }
        turn();
    }
}

static inline void fire(void)
{
    fake_loop_fire(&wire.h.timer);
    turn();
}

static inline enum reason on_request(void *arg)
{
    (void)arg;
    return wire.on_request;
}

static inline void start(void)
{
    memset(&wire, 0, sizeof(wire));
    wire.on_request = REASON_OK;
    buf_init(&wire.out, 1 << 20);
    buf_init(&wire.rest, 1 << 20);
    loopback_worker();
    clock_fake(1000, 784111777000);
    h1_server_init(&wire.h, &loop_env, &wire.link, &loop_peer, on_request, NULL);
    h1_server_start(&wire.h);
}

static inline void stop(void)
{
    h1_server_fini(&wire.h);
    h1_server_drop_spares(&loop_env);
    buf_release(&wire.out);
    buf_release(&wire.rest);
    assert_true(list_empty(&tasks));
    clock_fake(-1, -1);
    loopback_worker_end();
}

/* The upstream answers the request that it has. */
static inline void answer(unsigned status, enum http_framing framing, const char *body)
{
    up_ready();
    turn();
    up_head(status, framing, strlen(body));
    if (body[0] != '\0') {
        up_body(body);
    }
    up_end(NULL);
    turn();
}

/* What was sent since the last time, without the lines that are the same everywhere. */
static inline struct str sent(void)
{
    static char text[16384];
    size_t n = 0;
    struct str all = buf_str(&wire.out);
    while (all.n > 0) {
        size_t end = str_chr(all, '\n');
        struct str line = str_slice(all, 0, end == STR_NPOS ? all.n : end + 1);
        all = str_slice(all, line.n, all.n);
        bool same = str_starts(line, STR("Date:")) || str_starts(line, STR("X-Request-Id:")) ||
                    str_starts(line, STR("X-Up:")) || str_starts(line, STR("Via:")) ||
                    str_starts(line, STR("Cache-Control:")) || str_starts(line, STR("{\"type\"")) ||
                    str_starts(line, STR("Content-Type:")) ||
                    str_starts(line, STR("WWW-Authenticate:"));
        if (!same) {
            memcpy(text + n, line.p, line.n);
            n += line.n;
        }
    }
    buf_clear(&wire.out);
    return (struct str){text, n};
}

#endif
