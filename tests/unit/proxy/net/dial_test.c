/* proxy/net/dial.c: connecting, by address and by name, and what fails. */
#include "proxy/net/dial.h"
#include "proxy/net/listen.h"
#include "tests/unit/proxy/net/turn.h"

struct caller {
    unsigned done;
    struct stream *stream;
    int error;
    bool inside;
};

static void on_done(void *arg, struct stream *s, int error)
{
    struct caller *c = arg;
    assert_false(c->inside);
    assert_int_equal(c->done, 0);
    c->done++;
    c->stream = s;
    c->error = error;
}

static struct addr address(const char *text)
{
    struct addr a;
    struct err e = {.code = ERR_OK};
    assert_int_equal(addr_parse(str_of(text), true, &a, &e), 0);
    return a;
}

static int listen_on(struct addr *a, int backlog)
{
    struct err e = {.code = ERR_OK};
    const struct listen_options o = {.backlog = backlog, .unix_mode = 0600};
    int fd = listen_open(a, &o, &e);
    if (fd < 0) {
        fail_msg("%s", e.text);
    }
    if (a->kind == ADDR_INET) {
        socklen_t n = sizeof(a->in4);
        assert_int_equal(getsockname(fd, &a->sa, &n), 0);
        a->port = ntohs(a->in4.sin_port);
    }
    return fd;
}

static struct dial *start(struct loop *l, const struct addr *a, uint32_t timeout_ms,
                          struct caller *c)
{
    *c = (struct caller){.inside = true};
    struct dial *d = dial_start(l, a, timeout_ms, on_done, c);
    c->inside = false;
    return d;
}

static void expect(struct loop *l, const struct addr *a, uint32_t timeout_ms, int error)
{
    struct caller c;
    assert_non_null(start(l, a, timeout_ms, &c));
    loop_run(l);
    assert_int_equal(c.done, 1);
    assert_int_equal(c.error, error);
    assert_int_equal(c.stream != NULL, error == 0);
    if (c.stream != NULL) {
        assert_false(stream_is_stale(c.stream));
        assert_int_equal(stream_write(c.stream, STR("hello")), 0);
        stream_close(c.stream);
        loop_run(l);
    }
}

static void connects(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct addr inet = address("127.0.0.1:0");
    int fd = listen_on(&inet, 8);
    expect(l, &inet, 5000, 0);
    /* "localhost" may be ::1 first, where nobody listens. */
    struct addr name = address("localhost:1");
    name.port = inet.port;
    expect(l, &name, 5000, 0);
    assert_int_equal(close(fd), 0);

    char path[] = "/tmp/countersign-dial-XXXXXX";
    assert_non_null(mkdtemp(path));
    char text[64];
    (void)snprintf(text, sizeof(text), "unix:%s/s", path);
    struct addr local = address(text);
    expect(l, &local, 5000, -ENOENT);
    fd = listen_on(&local, 8);
    expect(l, &local, 5000, 0);
    assert_int_equal(close(fd), 0);
    expect(l, &local, 5000, -ECONNREFUSED);
    assert_int_equal(unlink(local.un.sun_path), 0);
    assert_int_equal(rmdir(path), 0);
    loop_free(l);
}

static void refused(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct addr a = address("127.0.0.1:0");
    int fd = listen_on(&a, 1);
    assert_int_equal(close(fd), 0);
    expect(l, &a, 5000, -ECONNREFUSED);
    struct addr name = address("localhost:1");
    name.port = a.port;
    expect(l, &name, 5000, -ECONNREFUSED);
    struct addr nowhere = address("255.255.255.255:9");
    struct caller c;
    assert_non_null(start(l, &nowhere, 5000, &c));
    loop_run(l); /* fails inside dial_start(), but is told later */
    assert_int_equal(c.done, 1);
    assert_null(c.stream);
    assert_true(c.error < 0);
    struct addr unknown = address("no-such-name.invalid:80");
    assert_non_null(start(l, &unknown, 20000, &c));
    loop_run(l);
    assert_int_equal(c.done, 1);
    assert_true(c.error == -EHOSTUNREACH || c.error == -EAGAIN);
    loop_free(l);
}

/* A full queue lets a connect wait: the kernel drops what comes. */
static void too_slow(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct addr a = address("127.0.0.1:0");
    int fd = listen_on(&a, 0);
    int filler[3];
    for (int i = 0; i < 3; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(filler[i], &a.sa, addr_len(&a));
    }
    uint64_t begin = loop_now_ms(l);
    expect(l, &a, 150, -ETIMEDOUT);
    assert_true(loop_now_ms(l) >= begin + 150);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(close(filler[i]), 0);
    }
    assert_int_equal(close(fd), 0);
    loop_free(l);
}

static void cancelled(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct addr a = address("127.0.0.1:0");
    int fd = listen_on(&a, 8);
    struct addr others[] = {a, address("localhost:1"), address("255.255.255.255:9")};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        for (int late = 0; late < 2; late++) {
            struct caller c;
            struct dial *d = start(l, &others[i], 5000, &c);
            assert_non_null(d);
            if (late != 0) {
                turn_once(l);
            }
            if (c.done == 0) {
                dial_cancel(d);
            } else if (c.stream != NULL) {
                stream_close(c.stream);
            }
            unsigned before = c.done;
            loop_run(l);
            assert_int_equal(c.done, before);
        }
    }
    dial_cancel(NULL);
    assert_int_equal(close(fd), 0);
    loop_free(l);
}

static void without_memory(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct addr a = address("127.0.0.1:0");
    int fd = listen_on(&a, 8);
    struct addr name = address("localhost:1");
    name.port = a.port;
    const struct addr *both[] = {&a, &name};
    for (unsigned long nth = 1; nth <= 5; nth++) {
        for (int i = 0; i < 2; i++) {
            struct caller c;
            mem_fail_after(nth, true);
            struct dial *d = start(l, both[i], 5000, &c);
            loop_run(l);
            mem_fail_after(0, false);
            assert_int_equal(c.done, d != NULL);
            if (c.stream != NULL) {
                stream_close(c.stream);
            }
            loop_run(l);
        }
    }
    assert_int_equal(close(fd), 0);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects),  cmocka_unit_test(refused),        cmocka_unit_test(too_slow),
        cmocka_unit_test(cancelled), cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
