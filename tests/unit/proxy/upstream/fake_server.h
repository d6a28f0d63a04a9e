/* A server that answers as a test says, on a loopback socket in the test's own loop. Its memory
 * comes from malloc, so that failing allocations hit only what is tested. */
#ifndef TESTS_UNIT_PROXY_UPSTREAM_FAKE_SERVER_H
#define TESTS_UNIT_PROXY_UPSTREAM_FAKE_SERVER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/str.h"
#include "proxy/net/loop.h"

/* What happens behind the answer. */
enum fake_after { FAKE_KEEP = 0, FAKE_CLOSE, FAKE_RESET };

struct fake_server {
    struct loop *loop;
    int fd;
    struct loop_watch *watch;
    struct list conns;
    uint16_t port;
    /* What to do with a request */
    struct str answer; /* p NULL: none */
    uint64_t filler;   /* so many octets 'x' behind it */
    enum fake_after after;
    bool close_at_once;  /* close every connection unread */
    bool answer_at_once; /* do not wait for the head's end */
    unsigned unanswered; /* close instead of answering the request of this number */
    bool deaf;           /* never read */
    bool whole_body;     /* answer only when received holds expect octets */
    uint64_t expect;
    /* What came */
    unsigned accepted;
    unsigned requests;
    uint64_t received; /* octets, heads included */
    char first[4096];  /* the first octets of all */
    size_t first_n;
};

struct fake_conn {
    struct list link;
    struct fake_server *server;
    int fd;
    struct loop_watch *watch;
    struct loop_task task;
    struct str rest; /* of the answer */
    uint64_t filler;
    unsigned matched; /* of CR LF CR LF */
    bool answering;
    bool closing;
};

static inline void fake_conn_close(struct fake_conn *c)
{
    loop_task_cancel(&c->task);
    loop_watch_close(c->watch);
    list_remove(&c->link);
    (void)close(c->fd);
    free(c);
}

static inline void fake_conn_reset(struct fake_conn *c)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    fake_conn_close(c);
}

static inline void fake_answered(struct fake_conn *c)
{
    c->answering = false;
    if (c->server->after == FAKE_CLOSE || c->closing) {
        fake_conn_close(c);
    } else if (c->server->after == FAKE_RESET) {
        fake_conn_reset(c);
    }
}

/* Writes what the socket takes; goes on at the next turn. */
static inline void fake_on_task(struct loop_task *t)
{
    static char filler[65536];
    struct fake_conn *c = LIST_ENTRY(t, struct fake_conn, task);
    memset(filler, 'x', sizeof(filler));
    while (c->rest.n > 0 || c->filler > 0) {
        size_t most = c->filler < sizeof(filler) ? (size_t)c->filler : sizeof(filler);
        struct str piece = c->rest.n > 0 ? c->rest : (struct str){filler, most};
        ssize_t n = send(c->fd, piece.p, piece.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) {
            loop_defer(c->server->loop, &c->task);
            return;
        }
        if (c->rest.n > 0) {
            c->rest = str_slice(c->rest, (size_t)n, c->rest.n);
        } else {
            c->filler -= (uint64_t)n;
        }
    }
    fake_answered(c);
}

static inline void fake_begin_answer(struct fake_conn *c)
{
    struct fake_server *s = c->server;
    s->requests++;
    if (s->requests == s->unanswered) {
        c->answering = true;
        c->closing = true;
        loop_defer(s->loop, &c->task);
        return;
    }
    if (s->answer.p == NULL && s->after == FAKE_KEEP) {
        return;
    }
    c->answering = true;
    c->rest = s->answer;
    c->filler = s->filler;
    loop_defer(s->loop, &c->task);
}

static inline void fake_take(struct fake_conn *c, const char *octets, size_t n)
{
    static const char end[] = "\r\n\r\n";
    struct fake_server *s = c->server;
    s->received += n;
    for (size_t i = 0; i < n; i++) {
        if (s->first_n < sizeof(s->first)) {
            s->first[s->first_n++] = octets[i];
        }
        c->matched = octets[i] == end[c->matched] ? c->matched + 1 : (octets[i] == '\r' ? 1 : 0);
        if (c->matched == 4) {
            c->matched = 0;
            if (!s->whole_body && !s->answer_at_once && !c->answering) {
                fake_begin_answer(c);
            }
        }
    }
    if (s->whole_body && s->received >= s->expect && !c->answering) {
        fake_begin_answer(c);
    }
}

static inline void fake_on_readable(void *arg)
{
    static char octets[65536];
    struct fake_conn *c = arg;
    ssize_t n = recv(c->fd, octets, sizeof(octets), MSG_DONTWAIT);
    if (n > 0) {
        fake_take(c, octets, (size_t)n);
    } else if (n == 0) {
        fake_conn_close(c);
    }
}

static inline void fake_on_accept(void *arg)
{
    struct fake_server *s = arg;
    int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    s->accepted++;
    if (s->close_at_once) {
        (void)close(fd);
        return;
    }
    struct fake_conn *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    c->server = s;
    c->fd = fd;
    list_push_back(&s->conns, &c->link);
    loop_task_init(&c->task, fake_on_task);
    if (s->deaf) {
        const int small = 4096;
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    } else {
        c->watch = loop_watch_open(s->loop, fd, fake_on_readable, c);
        if (c->watch == NULL) { /* the one allocation that was to fail was ours */
            c->watch = loop_watch_open(s->loop, fd, fake_on_readable, c);
        }
        assert_non_null(c->watch);
    }
    if (s->answer_at_once) {
        fake_begin_answer(c);
    }
}

/* A socket bound to a free port of 127.0.0.1. */
static inline int fake_bind(uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static inline void fake_listen(struct fake_server *s)
{
    assert_int_equal(listen(s->fd, 64), 0);
    s->watch = loop_watch_open(s->loop, s->fd, fake_on_accept, s);
    assert_non_null(s->watch);
}

/* Takes connections from now on, unless refuses: then they are refused until fake_listen(). */
static inline void fake_open(struct fake_server *s, struct loop *loop, bool refuses)
{
    *s = (struct fake_server){.loop = loop};
    list_init(&s->conns);
    s->fd = fake_bind(&s->port);
    if (!refuses) {
        fake_listen(s);
    }
}

static inline void fake_drop_conns(struct fake_server *s)
{
    struct list *link = s->conns.next;
    while (link != &s->conns) {
        struct list *next = link->next;
        fake_conn_close(LIST_ENTRY(link, struct fake_conn, link));
        link = next;
    }
}

static inline void fake_close(struct fake_server *s)
{
    fake_drop_conns(s);
    loop_watch_close(s->watch);
    (void)close(s->fd);
}

#endif
