/* proxy/net/stream.c, on real sockets. */
#include <signal.h>

#include "tests/support/check.h"
#include "tests/unit/proxy/net/turn.h"

/* A user that writes down what it is told. */
struct user {
    struct stream *stream;
    char got[64]; /* the first octets */
    size_t n;     /* all that came */
    unsigned data;
    unsigned eof;
    unsigned broken;
    unsigned drained;
    unsigned closed;
    bool inside; /* a call of ours is under way: nothing may be told */
    bool close_on_data;
    bool close_on_eof;
    bool close_on_drained;
    bool close_on_broken;
    bool pause_on_data;
};

static void on_data(void *self, struct str octets)
{
    struct user *u = self;
    assert_false(u->inside);
    assert_int_equal(u->closed + u->broken + u->eof, 0);
    assert_true(octets.n > 0 && octets.n <= STREAM_READ_MAX);
    for (size_t i = 0; i < octets.n && u->n + i < sizeof(u->got); i++) {
        u->got[u->n + i] = octets.p[i];
    }
    u->n += octets.n;
    u->data++;
    if (u->pause_on_data) {
        stream_pause(u->stream);
    }
    if (u->close_on_data) {
        stream_close(u->stream);
    }
}

static void on_eof(void *self)
{
    struct user *u = self;
    assert_false(u->inside);
    assert_int_equal(u->closed + u->broken + u->eof, 0);
    u->eof++;
    if (u->close_on_eof) {
        stream_close(u->stream);
    }
}

static void on_broken(void *self)
{
    struct user *u = self;
    assert_false(u->inside);
    assert_int_equal(u->closed + u->broken, 0);
    u->broken++;
    if (u->close_on_broken) {
        stream_close(u->stream);
    }
}

static void on_drained(void *self)
{
    struct user *u = self;
    assert_false(u->inside);
    assert_int_equal(u->closed + u->broken, 0);
    u->drained++;
    if (u->close_on_drained) {
        stream_close(u->stream);
    }
}

static void on_closed(void *self)
{
    struct user *u = self;
    assert_false(u->inside);
    assert_int_equal(u->closed, 0);
    u->closed++;
}

static const struct stream_ops ops = {.on_data = on_data,
                                      .on_eof = on_eof,
                                      .on_broken = on_broken,
                                      .on_drained = on_drained,
                                      .on_closed = on_closed};

struct pair {
    struct loop *loop;
    struct user user;
    int other;
};

static void pair_open(struct pair *p, enum addr_kind kind)
{
    *p = (struct pair){.loop = loop_new()};
    p->user.stream = turn_stream(p->loop, kind, &p->other);
    stream_set_user(p->user.stream, &ops, &p->user);
}

static void pair_close(struct pair *p)
{
    if (p->user.closed == 0) {
        p->user.inside = true;
        stream_close(p->user.stream);
        stream_close(p->user.stream);
        p->user.inside = false;
    }
    turn_until(p->loop, &p->user.closed, 1);
    loop_run(p->loop);
    loop_free(p->loop);
    (void)close(p->other);
}

static const enum addr_kind kinds[] = {ADDR_INET, ADDR_UNIX};

static void send_text(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* All that can be read from fd now; the last result of recv() in *end. */
static size_t take_all(int fd, ssize_t *end)
{
    static char scratch[65536];
    size_t total = 0;
    while ((*end = recv(fd, scratch, sizeof(scratch), 0)) > 0) {
        total += (size_t)*end;
    }
    return total;
}

static int write_n(struct user *u, size_t n)
{
    char *octets = malloc(n);
    assert_non_null(octets);
    memset(octets, 'w', n);
    u->inside = true;
    int r = stream_write(u->stream, (struct str){octets, n});
    u->inside = false;
    free(octets);
    return r;
}

static void both_ways(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct pair p;
        pair_open(&p, kinds[k]);
        send_text(p.other, "hello");
        turn_some(p.loop);
        assert_int_equal(p.user.data, 0); /* a new stream is paused */
        stream_start(p.user.stream);
        turn_until(p.loop, &p.user.data, 1);
        assert_memory_equal(p.user.got, "hello", 5);
        assert_int_equal(write_n(&p.user, 1000), 0);
        assert_int_equal(stream_queued(p.user.stream), 0);
        assert_int_equal(stream_sent(p.user.stream), 1000);
        assert_int_equal(stream_write(p.user.stream, STR("")), 0);
        ssize_t end;
        assert_int_equal(take_all(p.other, &end), 1000);
        turn_some(p.loop);
        assert_int_equal(p.user.drained, 0); /* nothing had to be queued */
        assert_int_equal(stream_peer(p.user.stream)->kind, kinds[k]);
        pair_close(&p);
    }
}

static void resume_twice(struct user *u)
{
    u->inside = true;
    stream_pause(u->stream);
    stream_resume(u->stream);
    stream_resume(u->stream);
    u->inside = false;
}

static void pause_and_resume(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct pair p;
        pair_open(&p, kinds[k]);
        p.user.pause_on_data = true;
        stream_start(p.user.stream);
        send_text(p.other, "one");
        turn_until(p.loop, &p.user.data, 1);
        send_text(p.other, "two");
        assert_int_equal(shutdown(p.other, SHUT_WR), 0);
        turn_some(p.loop);
        assert_int_equal(p.user.data, 1);
        assert_int_equal(p.user.eof, 0);
        resume_twice(&p.user);
        turn_until(p.loop, &p.user.data, 2);
        assert_memory_equal(p.user.got, "onetwo", 6);
        stream_resume(p.user.stream);
        turn_until(p.loop, &p.user.eof, 1);
        stream_pause(p.user.stream);
        stream_resume(p.user.stream);
        turn_some(p.loop); /* the end is told once */
        pair_close(&p);
    }
}

static void slow_reader(void **state)
{
    (void)state;
    const size_t n = 4000000;
    for (size_t k = 0; k < 2; k++) {
        struct pair p;
        pair_open(&p, kinds[k]);
        stream_start(p.user.stream);
        assert_int_equal(write_n(&p.user, n), 0);
        assert_int_equal(write_n(&p.user, n), 0);
        size_t queued = stream_queued(p.user.stream);
        assert_true(queued > n && queued < 2 * n);
        uint64_t sent = stream_sent(p.user.stream);
        assert_int_equal(sent + queued, 2 * n);
        turn_some(p.loop);
        assert_int_equal(p.user.drained, 0);
        assert_int_equal(stream_sent(p.user.stream), sent); /* no progress without a reader */
        size_t got = 0;
        for (int i = 0; i < 20000 && got < 2 * n; i++) {
            ssize_t end;
            got += take_all(p.other, &end);
            turn_once(p.loop);
            assert_true(stream_sent(p.user.stream) >= sent);
            sent = stream_sent(p.user.stream);
        }
        assert_int_equal(got, 2 * n);
        turn_until(p.loop, &p.user.drained, 1);
        assert_int_equal(stream_queued(p.user.stream), 0);
        assert_int_equal(stream_sent(p.user.stream), 2 * n);
        pair_close(&p);
    }
}

/* Octets and the end behind them, as a large piece that must be queued and as a small one. */
static void last_octets(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 300, 100000, 4000000};
    for (size_t k = 0; k < 4 * ROWS(sizes); k++) {
        struct pair p;
        const size_t n = sizes[k / 4];
        const bool queued_before = k % 4 / 2 == 1;
        char *octets = calloc(n + 1, 1);
        assert_non_null(octets);
        pair_open(&p, kinds[k % 2]);
        stream_start(p.user.stream);
        assert_int_equal(queued_before ? write_n(&p.user, 4000000) : 0, 0);
        assert_int_equal(stream_write_last(p.user.stream, (struct str){octets, n}), 0);
        assert_int_equal(stream_write_last(p.user.stream, STR("late")), -ERR_CLOSED);
        assert_int_equal(stream_write(p.user.stream, STR("late")), -ERR_CLOSED);
        size_t got = 0;
        ssize_t end = -1;
        for (int i = 0; i < 20000 && end != 0; i++) {
            got += take_all(p.other, &end);
            turn_once(p.loop);
        }
        assert_int_equal(end, 0);
        assert_int_equal(got, n + (queued_before ? 4000000 : 0));
        assert_int_equal(stream_sent(p.user.stream), got);
        assert_int_equal(p.user.broken, 0);
        send_text(p.other, "still");
        turn_until(p.loop, &p.user.data, 1);
        pair_close(&p);
        free(octets);
    }
}

/* Our end comes after what is queued; the other direction goes on. */
static void half_close(void **state)
{
    (void)state;
    const size_t n = 4000000;
    for (size_t k = 0; k < 2; k++) {
        struct pair p;
        pair_open(&p, kinds[k]);
        stream_start(p.user.stream);
        assert_int_equal(write_n(&p.user, n), 0);
        stream_shutdown(p.user.stream);
        stream_shutdown(p.user.stream);
        assert_int_equal(stream_write(p.user.stream, STR("late")), -ERR_CLOSED);
        size_t got = 0;
        ssize_t end = -1;
        for (int i = 0; i < 20000 && end != 0; i++) {
            got += take_all(p.other, &end);
            turn_once(p.loop);
        }
        assert_int_equal(end, 0);
        assert_int_equal(got, n);
        send_text(p.other, "still here");
        turn_until(p.loop, &p.user.data, 1);
        assert_int_equal(p.user.n, 10);
        assert_int_equal(shutdown(p.other, SHUT_WR), 0);
        turn_until(p.loop, &p.user.eof, 1);
        assert_int_equal(p.user.broken, 0);
        pair_close(&p);
    }
}

/* The peer's end first: writing is still possible. */
static void answer_after_eof(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct pair p;
        pair_open(&p, kinds[k]);
        stream_start(p.user.stream);
        send_text(p.other, "request");
        assert_int_equal(shutdown(p.other, SHUT_WR), 0);
        turn_until(p.loop, &p.user.eof, 1);
        assert_int_equal(p.user.n, 7);
        assert_int_equal(write_n(&p.user, 50), 0);
        stream_shutdown(p.user.stream);
        ssize_t end;
        assert_int_equal(take_all(p.other, &end), 50);
        assert_int_equal(end, 0);
        pair_close(&p);
    }
}

static void reset_by_us(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, ADDR_INET);
    stream_start(p.user.stream);
    stream_abort(p.user.stream);
    assert_int_equal(stream_write(p.user.stream, STR("late")), -ERR_CLOSED);
    turn_until(p.loop, &p.user.closed, 1);
    ssize_t end;
    assert_int_equal(take_all(p.other, &end), 0);
    assert_int_equal(end, -1);
    assert_int_equal(errno, ECONNRESET);
    pair_close(&p);
    pair_open(&p, ADDR_UNIX);
    stream_abort(p.user.stream);
    pair_close(&p);
}

static void reset_other(const struct pair *p)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(p->other, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    assert_int_equal(close(p->other), 0);
}

static void reset_by_peer(void **state)
{
    (void)state;
    for (int closing = 0; closing < 2; closing++) {
        struct pair p;
        pair_open(&p, ADDR_INET);
        p.user.close_on_broken = closing != 0;
        stream_start(p.user.stream);
        reset_other(&p);
        turn_until(p.loop, &p.user.broken, 1);
        if (closing == 0) {
            assert_int_equal(stream_write(p.user.stream, STR("late")), -ERR_CLOSED);
            assert_true(stream_is_stale(p.user.stream));
            stream_resume(p.user.stream);
            turn_some(p.loop);
        }
        pair_close(&p);
    }
}

/* A peer that answers before it has read everything and closes: its answer is told before the
 * break, and what is written until then goes nowhere. */
static void early_answer(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct pair p;
        pair_open(&p, kinds[k]);
        stream_start(p.user.stream);
        assert_int_equal(write_n(&p.user, 1000), 0);
        send_text(p.other, "too large");
        assert_int_equal(close(p.other), 0); /* with 1000 octets unread: a reset */
        (void)usleep(1000);
        assert_int_equal(write_n(&p.user, 1000), 0);
        assert_int_equal(write_n(&p.user, 1000), 0);
        turn_until(p.loop, &p.user.broken, 1);
        assert_int_equal(p.user.n, 9);
        assert_memory_equal(p.user.got, "too large", 9);
        assert_int_equal(write_n(&p.user, 1), -ERR_CLOSED);
        pair_close(&p);
    }
}

/* A paused stream is told at once that writing failed. */
static void broken_while_paused(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct pair p;
        pair_open(&p, kinds[k]);
        assert_int_equal(write_n(&p.user, 10), 0);
        assert_int_equal(close(p.other), 0);
        (void)usleep(1000);
        assert_int_equal(write_n(&p.user, 4000000), 0);
        turn_until(p.loop, &p.user.broken, 1);
        assert_int_equal(p.user.data, 0);
        assert_int_equal(stream_queued(p.user.stream), 0);
        pair_close(&p);
    }
}

/* Broken while octets are queued. */
static void broken_with_queue(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct pair p;
        pair_open(&p, kinds[k]);
        stream_start(p.user.stream);
        assert_int_equal(write_n(&p.user, 4000000), 0);
        assert_int_equal(write_n(&p.user, 4000000), 0);
        assert_int_equal(close(p.other), 0);
        turn_until(p.loop, &p.user.broken, 1);
        assert_int_equal(p.user.drained, 0);
        pair_close(&p);
    }
}

static void closing_in_callbacks(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct pair p;
        pair_open(&p, kinds[k]);
        p.user.close_on_data = true;
        stream_start(p.user.stream);
        send_text(p.other, "last");
        turn_until(p.loop, &p.user.closed, 1);
        assert_int_equal(p.user.data, 1);
        pair_close(&p);

        pair_open(&p, kinds[k]);
        p.user.close_on_eof = true;
        stream_start(p.user.stream);
        assert_int_equal(shutdown(p.other, SHUT_WR), 0);
        turn_until(p.loop, &p.user.closed, 1);
        pair_close(&p);

        pair_open(&p, kinds[k]);
        p.user.close_on_drained = true;
        assert_int_equal(write_n(&p.user, 4000000), 0);
        for (int i = 0; i < 20000 && p.user.closed == 0; i++) {
            ssize_t end;
            (void)take_all(p.other, &end);
            turn_once(p.loop);
        }
        pair_close(&p);

        pair_open(&p, kinds[k]); /* with a queue and a break that is not told yet */
        assert_int_equal(write_n(&p.user, 4000000), 0);
        assert_int_equal(close(p.other), 0);
        (void)usleep(1000);
        (void)write_n(&p.user, 1);
        pair_close(&p);
        assert_int_equal(p.user.broken, 0);
    }
}

static void staleness(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct pair p;
        pair_open(&p, kinds[k]);
        assert_false(stream_is_stale(p.user.stream));
        send_text(p.other, "x"); /* unasked for */
        assert_true(stream_is_stale(p.user.stream));
        pair_close(&p);

        pair_open(&p, kinds[k]);
        assert_int_equal(shutdown(p.other, SHUT_WR), 0);
        assert_true(stream_is_stale(p.user.stream));
        pair_close(&p);

        pair_open(&p, kinds[k]);
        stream_close(p.user.stream);
        assert_true(stream_is_stale(p.user.stream));
        pair_close(&p);
    }
}

static void without_memory(void **state)
{
    (void)state;
    struct pair p;
    pair_open(&p, ADDR_UNIX);
    mem_fail_after(1, true);
    assert_int_equal(write_n(&p.user, 4000000), -ERR_NOMEM);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    const struct addr peer = {.kind = ADDR_UNIX};
    assert_null(stream_adopt(p.loop, fds[0], &peer));
    mem_fail_after(0, false);
    char c;
    assert_int_equal(read(fds[1], &c, 1), 0); /* it was closed */
    assert_int_equal(close(fds[1]), 0);
    assert_null(stream_adopt(p.loop, -1, &peer));
    pair_close(&p);
}

/* Nobody is told, nothing breaks. */
static void without_user(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    int other;
    struct stream *s = turn_stream(l, ADDR_INET, &other);
    stream_start(s);
    send_text(other, "hello");
    turn_some(l);
    assert_int_equal(stream_write(s, STR("x")), 0);
    assert_int_equal(close(other), 0);
    turn_some(l);
    stream_close(s);
    loop_run(l);
    loop_free(l);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),         cmocka_unit_test(pause_and_resume),
        cmocka_unit_test(slow_reader),       cmocka_unit_test(last_octets),

        cmocka_unit_test(half_close),        cmocka_unit_test(answer_after_eof),
        cmocka_unit_test(reset_by_us),       cmocka_unit_test(reset_by_peer),
        cmocka_unit_test(early_answer),      cmocka_unit_test(broken_while_paused),
        cmocka_unit_test(broken_with_queue), cmocka_unit_test(closing_in_callbacks),
        cmocka_unit_test(staleness),         cmocka_unit_test(without_memory),
        cmocka_unit_test(without_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
