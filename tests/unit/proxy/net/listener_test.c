/* proxy/net/listener.c: accepting, from a shared socket and without descriptors too. */
#include <netinet/tcp.h>
#include <sys/resource.h>

#include "proxy/net/listen.h"
#include "tests/unit/proxy/net/turn.h"

enum { CLIENTS_MAX = 32 };

struct door {
    struct listener *listener;
    struct stream *streams[CLIENTS_MAX];
    unsigned accepted;
    unsigned out;
    unsigned room; /* how many it takes */
    bool close_on_accept;
};

static void on_accept(void *arg, struct stream *s)
{
    struct door *d = arg;
    assert_true(d->accepted < CLIENTS_MAX);
    d->streams[d->accepted++] = s;
    if (d->close_on_accept) {
        listener_close(d->listener);
    }
}

static bool has_room(void *arg)
{
    const struct door *d = arg;
    return d->accepted < d->room;
}

static void on_rest(void *arg)
{
    struct door *d = arg;
    d->out++;
}

static int listen_on(struct addr *a)
{
    struct err e = {.code = ERR_OK};
    const struct listen_options o = {.backlog = CLIENTS_MAX};
    assert_int_equal(addr_parse(STR("127.0.0.1:0"), true, a, &e), 0);
    int fd = listen_open(a, &o, &e);
    assert_true(fd >= 0);
    socklen_t n = sizeof(a->in4);
    assert_int_equal(getsockname(fd, &a->sa, &n), 0);
    return fd;
}

static void door_open(struct loop *l, struct door *d, int fd)
{
    struct err e = {.code = ERR_OK};
    *d = (struct door){.room = CLIENTS_MAX};
    const struct listener_user user = {on_accept, has_room, on_rest, d};
    d->listener = listener_open(l, fd, &user, &e);
    assert_non_null(d->listener);
}

static void door_close(struct door *d)
{
    for (unsigned i = 0; i < d->accepted; i++) {
        stream_close(d->streams[i]);
    }
}

static int knock(const struct addr *a)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &a->sa, addr_len(a)), 0);
    return fd;
}

static void accepts(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct addr a;
    int fd = listen_on(&a);
    struct door d;
    door_open(l, &d, fd);
    int clients[CLIENTS_MAX];
    for (int i = 0; i < CLIENTS_MAX; i++) {
        clients[i] = knock(&a);
    }
    turn_until(l, &d.accepted, CLIENTS_MAX);
    struct sockaddr_in self;
    socklen_t n = sizeof(self);
    assert_int_equal(getsockname(clients[0], (struct sockaddr *)&self, &n), 0);
    const struct addr *peer = stream_peer(d.streams[0]);
    assert_int_equal(peer->kind, ADDR_INET);
    assert_int_equal(peer->in4.sin_port, self.sin_port);
    int value = 0;
    uv_os_fd_t accepted = -1;
    n = sizeof(value);
    assert_int_equal(uv_fileno(&d.streams[0]->handle.any, &accepted), 0);
    assert_int_equal(getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &value, &n), 0);
    assert_int_equal(value, 1);
    assert_true((fcntl(accepted, F_GETFD) & FD_CLOEXEC) != 0);
    listener_close(d.listener);
    listener_close(d.listener);
    door_close(&d);
    loop_run(l);
    for (int i = 0; i < CLIENTS_MAX; i++) {
        assert_int_equal(close(clients[i]), 0);
    }
    loop_free(l);
    assert_int_equal(close(fd), 0);
}

/* Two listeners on one socket: each connection goes to one of them, and the other goes on. */
static void shared_socket(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct addr a;
    int fd = listen_on(&a);
    struct door one;
    struct door two;
    door_open(l, &one, fd);
    door_open(l, &two, fd);
    for (unsigned i = 0; i < 10; i++) {
        int client = knock(&a);
        turn_some(l);
        assert_int_equal(one.accepted + two.accepted, i + 1);
        assert_int_equal(close(client), 0);
    }
    assert_int_equal(one.out + two.out, 0);
    listener_close(one.listener);
    int client = knock(&a);
    unsigned before = two.accepted;
    turn_until(l, &two.accepted, before + 1);
    listener_close(two.listener);
    door_close(&one);
    door_close(&two);
    loop_run(l);
    loop_free(l);
    assert_int_equal(close(client), 0);
    assert_int_equal(close(fd), 0);
}

/* What waits in the queue is not lost when accepting ends. */
static void last_ones(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct addr a;
    int fd = listen_on(&a);
    struct door d;
    door_open(l, &d, fd);
    int clients[3];
    for (int i = 0; i < 3; i++) {
        clients[i] = knock(&a);
    }
    listener_close(d.listener);
    assert_int_equal(d.accepted, 3);
    door_close(&d);
    loop_run(l);

    door_open(l, &d, fd);
    d.close_on_accept = true;
    int client = knock(&a);
    turn_until(l, &d.accepted, 1);
    door_close(&d);
    loop_run(l);
    loop_free(l);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(close(clients[i]), 0);
    }
    assert_int_equal(close(client), 0);
    assert_int_equal(close(fd), 0);
}

/* Without descriptors: it is told, nothing spins, and nobody who waits is lost. */
static void out_of_descriptors(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct addr a;
    int fd = listen_on(&a);
    struct door d;
    door_open(l, &d, fd);
    int clients[4];
    for (int i = 0; i < 4; i++) {
        clients[i] = knock(&a);
    }
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int lowest_free = dup(fd);
    assert_int_equal(close(lowest_free), 0);
    struct rlimit none = {.rlim_cur = (rlim_t)lowest_free, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    turn_until(l, &d.out, 1);
    for (int i = 0; i < 200; i++) {
        turn_once(l);
    }
    assert_true(d.out < 10); /* 200 turns, but it rests */
    assert_int_equal(d.accepted, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    turn_until(l, &d.accepted, 4);

    unsigned told = d.out;
    int late = knock(&a);
    mem_fail_after(1, true);
    turn_until(l, &d.out, told + 1); /* without memory that one is closed, and it rests */
    mem_fail_after(0, false);
    char c;
    assert_int_equal(read(late, &c, 1), 0);
    listener_close(d.listener);
    door_close(&d);
    loop_run(l);
    loop_free(l);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(close(clients[i]), 0);
    }
    assert_int_equal(close(late), 0);
    assert_int_equal(close(fd), 0);
}

/* Who has no more room leaves what waits to others, without spinning, and goes on when it has. */
static void no_room(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct addr a;
    int fd = listen_on(&a);
    struct door small;
    struct door large;
    door_open(l, &small, fd);
    small.room = 2;
    int clients[8];
    for (int i = 0; i < 8; i++) {
        clients[i] = knock(&a);
    }
    turn_until(l, &small.out, 1);
    for (int i = 0; i < 200; i++) {
        turn_once(l);
    }
    assert_int_equal(small.accepted, 2);
    assert_true(small.out < 10); /* 200 turns, but it rests */

    door_open(l, &large, fd);
    large.room = 5;
    turn_until(l, &large.accepted, 5);
    small.room++;
    listener_resume(small.listener);
    listener_resume(small.listener);
    turn_some(l); /* which is less than the rest */
    assert_int_equal(small.accepted, 3);
    assert_int_equal(large.accepted, 5);

    /* Nor is it overrun at the end. */
    int late = knock(&a);
    listener_close(small.listener);
    assert_int_equal(small.accepted, 3);
    large.room++;
    turn_until(l, &large.accepted, 6);
    listener_close(large.listener);
    door_close(&small);
    door_close(&large);
    loop_run(l);
    loop_free(l);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(close(clients[i]), 0);
    }
    assert_int_equal(close(late), 0);
    assert_int_equal(close(fd), 0);
}

static void cannot_open(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct err e = {.code = ERR_OK};
    const struct listener_user nobody = {on_accept, has_room, on_rest, NULL};
    assert_null(listener_open(l, -1, &nobody, &e));
    assert_int_equal(e.code, ERR_IO);
    err_clear(&e);
    mem_fail_after(1, true);
    assert_null(listener_open(l, 0, &nobody, &e));
    mem_fail_after(0, false);
    assert_int_equal(e.code, ERR_NOMEM);
    listener_close(NULL);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts),   cmocka_unit_test(shared_socket),
        cmocka_unit_test(last_ones), cmocka_unit_test(out_of_descriptors),
        cmocka_unit_test(no_room),   cmocka_unit_test(cannot_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
