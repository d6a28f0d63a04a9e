/* The octets of one connection, without TLS: what is kept while nobody takes it, what is sent when,
 * and that nothing sent is lost at the end. */
#include "base/err.h"
#include "base/mem.h"
#include "proxy/server/link.h"
#include "tests/support/fake_loop.h"

/* ---- A stream that the test drives ---- */

struct stream {
    const struct stream_ops *ops;
    void *self;
    struct buf kernel; /* what it took */
    size_t room;       /* how much more it takes */
    size_t queued;
    bool reading;
    bool shut;
    bool closed;
    int error; /* of the next write */
};

static struct stream line;

void stream_set_user(struct stream *s, const struct stream_ops *ops, void *self)
{
    s->ops = ops;
    s->self = self;
}

void stream_start(struct stream *s)
{
    s->reading = true;
}

int stream_write(struct stream *s, struct str octets)
{
    assert_false(s->shut);
    if (s->error != 0) {
        return s->error;
    }
    size_t taken = s->queued > 0 ? 0 : octets.n < s->room ? octets.n : s->room;
    assert_int_equal(0, buf_append(&s->kernel, octets));
    s->room -= taken;
    s->queued += octets.n - taken;
    return 0;
}

size_t stream_queued(const struct stream *s)
{
    return s->queued;
}

int stream_write_last(struct stream *s, struct str octets)
{
    int failed = stream_write(s, octets);
    s->shut = true;
    return failed;
}

uint64_t stream_sent(const struct stream *s)
{
    return buf_len(&s->kernel) - s->queued;
}

void stream_pause(struct stream *s)
{
    s->reading = false;
}

void stream_resume(struct stream *s)
{
    s->reading = true;
}

void stream_shutdown(struct stream *s)
{
    s->shut = true;
}

void stream_close(struct stream *s)
{
    s->closed = true;
}

void stream_ack_now(struct stream *s)
{
    (void)s;
}

static void kernel_takes(size_t n)
{
    line.queued -= n;
    if (line.queued == 0) {
        line.room = SIZE_MAX;
        line.ops->on_drained(line.self);
    }
}

static void client_sends(const char *text)
{
    assert_true(line.reading && !line.closed);
    line.ops->on_data(line.self, str_of(text));
}

/* ---- A user of the link ---- */

static struct {
    struct link link;
    struct buf taken;
    size_t takes; /* how much it will still take */
    unsigned offers;
    unsigned eofs;
    unsigned drains;
    unsigned closes;
    unsigned failures;
    enum reason why;
    struct link_shared shared;
} user;

static size_t on_octets(void *self, struct str octets)
{
    (void)self;
    size_t n = octets.n < user.takes ? octets.n : user.takes;
    assert_int_equal(0, buf_append(&user.taken, str_slice(octets, 0, n)));
    user.takes -= n;
    user.offers++;
    return n;
}

static void on_eof(void *self)
{
    (void)self;
    user.eofs++;
}

static void on_drained(void *self)
{
    (void)self;
    user.drains++;
}

static void on_failed(void *self, enum reason why, struct str detail)
{
    (void)self;
    (void)detail;
    user.failures++;
    user.why = why;
}

static void on_closed(void *self)
{
    (void)self;
    user.closes++;
}

static const struct link_ops user_ops = {.on_octets = on_octets,
                                         .on_eof = on_eof,
                                         .on_drained = on_drained,
                                         .on_failed = on_failed,
                                         .on_closed = on_closed};

static const struct conf conf = {.limits.buffer_bytes = 100,
                                 .timeouts = {.send_idle_ms = 7, .linger_ms = 9}};

static int setup(void **state)
{
    (void)state;
    memset(&user, 0, sizeof(user));
    memset(&line, 0, sizeof(line));
    buf_init(&line.kernel, 1 << 20);
    buf_init(&user.taken, 1 << 20);
    line.room = SIZE_MAX;
    user.takes = SIZE_MAX;
    assert_int_equal(0, link_init(&user.link, NULL, &line, NULL, &user_ops, NULL));
    link_configure(&user.link, &conf);
    link_shared_init(&user.shared, NULL);
    link_start(&user.link, &user.shared);
    return 0;
}

/* Whatever happened: closed once, told once, and everything given back. */
static int teardown(void **state)
{
    (void)state;
    link_close(&user.link);
    assert_true(line.closed);
    fake_loop_turn();
    line.ops->on_closed(line.self);
    assert_int_equal(1, user.closes);
    assert_null(user.link.pending.p);
    assert_null(user.link.rest.p);
    buf_release(&line.kernel);
    buf_release(&user.taken);
    link_shared_fini(&user.shared);
    return 0;
}

static void test_octets_pass(void **state)
{
    (void)state;
    client_sends("abc");
    CHECK_STR("taken", buf_str(&user.taken), STR("abc"));
    assert_true(line.reading);
    assert_false(link_has_input(&user.link));
}

static void test_what_is_not_taken_is_kept(void **state)
{
    (void)state;
    user.takes = 2;
    client_sends("abcdef");
    assert_false(line.reading);
    assert_true(link_has_input(&user.link));
    link_resume(&user.link);
    CHECK_STR("not inside the call", buf_str(&user.taken), STR("ab"));
    user.takes = 1;
    fake_loop_turn();
    CHECK_STR("one more", buf_str(&user.taken), STR("abc"));
    assert_false(line.reading);
    user.takes = SIZE_MAX;
    link_resume(&user.link);
    fake_loop_turn();
    CHECK_STR("the rest", buf_str(&user.taken), STR("abcdef"));
    assert_true(line.reading);
    client_sends("g");
    CHECK_STR("in order", buf_str(&user.taken), STR("abcdefg"));
}

static void test_resuming_asks_even_without_octets(void **state)
{
    (void)state;
    link_resume(&user.link);
    fake_loop_turn();
    assert_int_equal(1, user.offers);
}

static void test_the_end_comes_after_what_was_kept(void **state)
{
    (void)state;
    user.takes = 0;
    client_sends("abc");
    line.ops->on_eof(line.self);
    assert_int_equal(0, user.eofs);
    user.takes = SIZE_MAX;
    link_resume(&user.link);
    fake_loop_turn();
    CHECK_STR("first the octets", buf_str(&user.taken), STR("abc"));
    assert_int_equal(1, user.eofs);
}

static void test_writes_are_gathered(void **state)
{
    (void)state;
    link_write(&user.link, STR("a"));
    link_write(&user.link, STR("b"));
    assert_int_equal(0, buf_len(&line.kernel));
    fake_loop_turn();
    CHECK_STR("at the end of the turn", buf_str(&line.kernel), STR("ab"));
}

static void test_large_writes_go_at_once(void **state)
{
    (void)state;
    static char large[3 * LINK_PIECE];
    memset(large, 'x', sizeof(large));
    link_write(&user.link, STR("ab"));
    link_write(&user.link, (struct str){large, sizeof(large)});
    assert_true(buf_len(&line.kernel) >= (size_t)2 * LINK_PIECE);
    fake_loop_turn();
    assert_int_equal(sizeof(large) + 2, buf_len(&line.kernel));
    assert_true(str_starts(buf_str(&line.kernel), STR("abxx")));
}

static void test_fullness(void **state)
{
    (void)state;
    char text[101];
    memset(text, 'x', sizeof(text));
    line.room = 0;
    assert_false(link_full(&user.link));
    link_write(&user.link, (struct str){text, sizeof(text)});
    assert_true(link_full(&user.link));
    fake_loop_turn();
    assert_true(link_full(&user.link));
    assert_int_equal(0, user.drains);
    kernel_takes(sizeof(text));
    assert_int_equal(1, user.drains);
    assert_false(link_full(&user.link));
}

/* The kernel takes all at once: nothing is queued, and still the user is told. */
static void test_fullness_that_passes_at_once(void **state)
{
    (void)state;
    char text[101];
    memset(text, 'x', sizeof(text));
    link_write(&user.link, (struct str){text, sizeof(text)});
    assert_true(link_full(&user.link));
    assert_int_equal(0, user.drains);
    fake_loop_turn();
    assert_int_equal(1, user.drains);
}

static void test_a_client_that_takes_nothing(void **state)
{
    (void)state;
    line.room = 0;
    link_write(&user.link, STR("abc"));
    fake_loop_turn();
    assert_int_equal(7, user.link.timer.due_ms);
    line.queued--; /* it took one octet */
    fake_loop_fire(&user.link.timer);
    assert_int_equal(0, user.failures);
    fake_loop_fire(&user.link.timer);
    assert_int_equal(1, user.failures);
    assert_int_equal(REASON_SEND_TIMEOUT, user.why);
    assert_true(line.closed);
}

static void test_finishing_sends_what_waits(void **state)
{
    (void)state;
    line.room = 0;
    link_write(&user.link, STR("abc"));
    link_finish(&user.link);
    CHECK_STR("sent", buf_str(&line.kernel), STR("abc"));
    assert_true(line.shut);
    assert_false(line.closed);
    assert_int_equal(LINK_FLUSH, user.link.state);
    kernel_takes(3);
    assert_int_equal(LINK_LINGER, user.link.state);
    assert_int_equal(9, user.link.timer.due_ms);
    client_sends("what nobody reads");
    assert_int_equal(0, user.offers);
    line.ops->on_eof(line.self);
    assert_true(line.closed);
    assert_int_equal(0, user.failures);
}

static void test_lingering_ends(void **state)
{
    (void)state;
    link_finish(&user.link);
    assert_true(line.shut && line.reading && !line.closed);
    fake_loop_fire(&user.link.timer);
    assert_true(line.closed);
}

static void test_no_lingering_for_a_client_that_has_closed(void **state)
{
    (void)state;
    line.ops->on_eof(line.self);
    link_write(&user.link, STR("bye"));
    link_finish(&user.link);
    CHECK_STR("sent", buf_str(&line.kernel), STR("bye"));
    assert_true(line.closed);
}

static void test_finishing_reads_on_where_it_was_paused(void **state)
{
    (void)state;
    user.takes = 0;
    client_sends("abc");
    assert_false(line.reading);
    link_finish(&user.link);
    assert_true(line.reading);
}

static void test_a_slow_reader_cannot_hold_the_end_back(void **state)
{
    (void)state;
    line.room = 0;
    link_write(&user.link, STR("abc"));
    link_finish(&user.link);
    fake_loop_fire(&user.link.timer);
    assert_true(line.closed);
}

static void test_a_break_is_told_once(void **state)
{
    (void)state;
    line.ops->on_broken(line.self);
    assert_int_equal(1, user.failures);
    assert_int_equal(REASON_CLIENT_CLOSED, user.why);
    assert_true(line.closed);
    link_write(&user.link, STR("abc"));
    link_finish(&user.link);
    link_close(&user.link);
    fake_loop_turn();
    assert_int_equal(1, user.failures);
    assert_int_equal(0, buf_len(&line.kernel));
}

static void test_no_memory_to_send(void **state)
{
    (void)state;
    line.error = -ERR_NOMEM;
    link_write(&user.link, STR("abc"));
    fake_loop_turn();
    assert_int_equal(1, user.failures);
    assert_int_equal(REASON_OUT_OF_MEMORY, user.why);
}

static void test_no_memory_to_keep(void **state)
{
    (void)state;
    user.takes = 0;
    mem_fail_after(1, false);
    client_sends("abc");
    mem_fail_after(0, false);
    assert_int_equal(1, user.failures);
    assert_int_equal(REASON_OUT_OF_MEMORY, user.why);
}

static void test_idling_gives_memory_back(void **state)
{
    (void)state;
    link_write(&user.link, STR("abc"));
    fake_loop_turn();
    assert_non_null(user.link.pending.p);
    link_idle(&user.link);
    assert_null(user.link.pending.p);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_octets_pass),
        TEST(test_what_is_not_taken_is_kept),
        TEST(test_resuming_asks_even_without_octets),
        TEST(test_the_end_comes_after_what_was_kept),
        TEST(test_writes_are_gathered),
        TEST(test_large_writes_go_at_once),
        TEST(test_fullness),
        TEST(test_fullness_that_passes_at_once),
        TEST(test_a_client_that_takes_nothing),
        TEST(test_finishing_sends_what_waits),
        TEST(test_lingering_ends),
        TEST(test_no_lingering_for_a_client_that_has_closed),
        TEST(test_finishing_reads_on_where_it_was_paused),
        TEST(test_a_slow_reader_cannot_hold_the_end_back),
        TEST(test_a_break_is_told_once),
        TEST(test_no_memory_to_send),
        TEST(test_no_memory_to_keep),
        TEST(test_idling_gives_memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
