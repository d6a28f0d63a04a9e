/* What the tests of this folder share: turning the loop by hand, and pairs of connected sockets. */
#ifndef TESTS_UNIT_PROXY_NET_TURN_H
#define TESTS_UNIT_PROXY_NET_TURN_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream_inner.h"

struct turn {
    struct loop_task task;
    struct loop *loop;
};

static inline void turn_end(struct loop_task *t)
{
    loop_stop(LIST_ENTRY(t, struct turn, task)->loop);
}

/* One turn of the loop, without waiting. */
static inline void turn_once(struct loop *l)
{
    struct turn t = {.loop = l};
    loop_task_init(&t.task, turn_end);
    loop_defer(l, &t.task);
    loop_run(l);
}

/* Enough turns for everything that is under way in this machine to arrive. */
static inline void turn_some(struct loop *l)
{
    for (int i = 0; i < 20; i++) {
        turn_once(l);
        (void)usleep(500);
    }
}

/* Turns until *n is at least wanted; fails after some seconds. */
static inline void turn_until(struct loop *l, const unsigned *n, unsigned wanted)
{
    for (int i = 0; i < 20000 && *n < wanted; i++) {
        turn_once(l);
        (void)usleep(200);
    }
    assert_true(*n >= wanted);
}

/* Two connected TCP sockets on the loopback interface. */
static inline void turn_tcp_pair(int fds[2])
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(a);
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&a, &n), 0);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&a, sizeof(a)), 0);
    fds[1] = accept(listening, NULL, NULL);
    assert_true(fds[1] >= 0);
    assert_int_equal(close(listening), 0);
}

/* A pair of that kind: a stream on l, and the other end as a non-blocking descriptor. */
static inline struct stream *turn_stream(struct loop *l, enum addr_kind kind, int *other)
{
    int fds[2];
    if (kind == ADDR_UNIX) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    } else {
        turn_tcp_pair(fds);
    }
    assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    *other = fds[1];
    const struct addr peer = {.kind = kind};
    struct stream *s = stream_adopt(l, fds[0], &peer);
    assert_non_null(s);
    return s;
}

#endif
