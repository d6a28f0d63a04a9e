/* proxy/net/loop.c, loop_timer.c, loop_wake.c: timers, deferred calls, wake-ups, watches. */
#include <pthread.h>

#include "tests/unit/proxy/net/turn.h"

/* --- timers --- */

struct shot {
    struct loop_timer timer;
    struct loop *loop;
    unsigned fired;
    unsigned order; /* among all shots of a test */
    uint64_t at_ms;
    struct shot *stops; /* what to do when fired */
    uint64_t again_ms;
};

static unsigned shots;

static void on_shot(struct loop_timer *t)
{
    struct shot *s = LIST_ENTRY(t, struct shot, timer);
    assert_false(loop_timer_running(t));
    s->fired++;
    s->order = ++shots;
    s->at_ms = loop_now_ms(s->loop);
    if (s->stops != NULL) {
        loop_timer_stop(&s->stops->timer);
    }
    if (s->again_ms != 0) {
        loop_timer_start(s->loop, t, s->again_ms);
        s->again_ms = 0;
    }
}

static void shot_start(struct loop *l, struct shot *s, uint64_t after_ms)
{
    *s = (struct shot){.loop = l};
    loop_timer_init(&s->timer, on_shot);
    assert_false(loop_timer_running(&s->timer));
    loop_timer_start(l, &s->timer, after_ms);
    assert_true(loop_timer_running(&s->timer));
}

static void timers_in_order(void **state)
{
    (void)state;
    static const uint64_t after_ms[] = {90, 30, 0, 61, 150, 1, 30};
    enum { N = sizeof(after_ms) / sizeof(after_ms[0]) };
    struct loop *l = loop_new();
    struct shot s[N];
    shots = 0;
    uint64_t begin = loop_now_ms(l);
    for (size_t i = 0; i < N; i++) {
        shot_start(l, &s[i], after_ms[i]);
    }
    loop_run(l); /* ends by itself: nothing is left to wait for */
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(s[i].fired, 1);
        assert_true(s[i].at_ms >= begin + after_ms[i]);
        for (size_t k = 0; k < N; k++) {
            if (after_ms[i] + LOOP_TICK_MS < after_ms[k]) {
                assert_true(s[i].order < s[k].order);
            }
        }
    }
    loop_free(l);
}

static void timers_are_moved(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct shot later;
    struct shot sooner;
    shots = 0;
    uint64_t begin = loop_now_ms(l);
    shot_start(l, &later, 40);
    uint64_t slot = later.timer.slot_ms;
    loop_timer_start(l, &later.timer, 150);
    assert_int_equal(later.timer.slot_ms, slot); /* the wheel finds out later */
    shot_start(l, &sooner, 60000);
    loop_timer_start(l, &sooner.timer, 50);
    loop_run(l);
    assert_int_equal(later.fired, 1);
    assert_int_equal(sooner.fired, 1);
    assert_true(later.at_ms >= begin + 150);
    assert_true(sooner.at_ms >= begin + 50);
    assert_int_equal(sooner.order, 1);
    loop_free(l);
}

static void timers_from_timers(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct shot stopper;
    struct shot stopped;
    struct shot same_tick;
    shot_start(l, &stopper, 35);
    shot_start(l, &same_tick, 35);
    shot_start(l, &stopped, 60);
    stopper.stops = &same_tick; /* hangs behind it in the list that is being worked off */
    stopper.again_ms = 10;
    loop_timer_stop(&stopped.timer);
    loop_timer_stop(&stopped.timer);
    loop_run(l);
    assert_int_equal(stopper.fired, 2);
    assert_int_equal(same_tick.fired, 0);
    assert_int_equal(stopped.fired, 0);
    loop_free(l);
}

/* A timer more than one round away hangs in a slot that comes by much sooner. */
static void timers_of_later_rounds(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct shot far;
    struct shot near;
    shot_start(l, &far, (uint64_t)LOOP_WHEEL_SLOTS * LOOP_TICK_MS + 40);
    shot_start(l, &near, 100);
    near.stops = &far;
    loop_run(l);
    assert_int_equal(near.fired, 1);
    assert_int_equal(far.fired, 0);
    assert_false(loop_timer_running(&far.timer));
    shot_start(l, &far, UINT64_MAX);
    loop_timer_stop(&far.timer);
    loop_free(l);
}

/* --- deferred calls --- */

struct chore {
    struct loop_task task;
    struct loop *loop;
    unsigned runs;
    unsigned order;
    unsigned again;
    struct chore *cancels;
};

static unsigned chores;

static void on_chore(struct loop_task *t)
{
    struct chore *c = LIST_ENTRY(t, struct chore, task);
    c->runs++;
    c->order = ++chores;
    if (c->cancels != NULL) {
        loop_task_cancel(&c->cancels->task);
    }
    if (c->again > 0) {
        c->again--;
        loop_defer(c->loop, t);
    }
}

static void chore_init(struct loop *l, struct chore *c)
{
    *c = (struct chore){.loop = l};
    loop_task_init(&c->task, on_chore);
}

static void deferred_calls(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct chore a;
    struct chore b;
    struct chore cancelled;
    chores = 0;
    chore_init(l, &a);
    chore_init(l, &b);
    chore_init(l, &cancelled);
    a.again = 1;
    a.cancels = &cancelled;
    loop_defer(l, &a.task);
    loop_defer(l, &a.task);
    loop_defer(l, &b.task);
    loop_defer(l, &cancelled.task);
    assert_int_equal(a.runs, 0); /* never inside */
    struct loop_timer far;
    loop_timer_init(&far, NULL);
    loop_timer_start(l, &far, 60000);
    turn_once(l);
    assert_int_equal(a.runs, 1); /* again only in the next turn */
    assert_int_equal(b.runs, 1);
    assert_true(a.order < b.order);
    turn_once(l); /* does not wait for the timer */
    assert_int_equal(a.runs, 2);
    assert_int_equal(cancelled.runs, 0);
    loop_timer_stop(&far);
    loop_defer(l, &a.task);
    loop_task_cancel(&a.task);
    loop_run(l); /* a cancelled call does not keep the loop awake */
    loop_free(l);
}

static void looked_at(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    uint64_t before = loop_turns(l);
    assert_false(loop_looked(l, before));
    turn_once(l); /* it may have looked before */
    assert_false(loop_looked(l, before));
    turn_once(l);
    assert_true(loop_looked(l, before));
    assert_false(loop_looked(l, loop_turns(l)));
    loop_free(l);
}

/* --- wake-ups and watches --- */

struct woken {
    unsigned n;
    struct loop_waker *waker;
    struct loop_watch *watch;
    int fd;
};

static void on_woken(void *arg)
{
    struct woken *w = arg;
    w->n++;
    loop_waker_close(w->waker);
    loop_waker_close(w->waker);
}

static void *wake_from_thread(void *arg)
{
    loop_wake(arg);
    return NULL;
}

static void woken_by_a_thread(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct woken w = {.n = 0};
    w.waker = loop_waker_open(l, on_woken, &w);
    assert_non_null(w.waker);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_from_thread, w.waker), 0);
    loop_run(l); /* waits until woken; closing the waker ends it */
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(w.n, 1);
    loop_waker_close(NULL);
    loop_free(l);
}

static void on_readable(void *arg)
{
    struct woken *w = arg;
    char c;
    w->n++;
    if (read(w->fd, &c, 1) == 0) {
        loop_watch_close(w->watch);
        loop_watch_close(w->watch);
    }
}

static void watched_descriptor(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct woken w = {.fd = fds[0]};
    w.watch = loop_watch_open(l, fds[0], on_readable, &w);
    assert_non_null(w.watch);
    turn_some(l);
    assert_int_equal(w.n, 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    turn_until(l, &w.n, 1);
    turn_some(l);
    assert_int_equal(w.n, 1);
    assert_int_equal(close(fds[1]), 0); /* a hang-up counts */
    loop_run(l);
    assert_int_equal(w.n, 2);
    assert_int_equal(close(fds[0]), 0);
    loop_watch_close(NULL);
    loop_free(l);
}

static void without_memory(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    mem_fail_after(1, true);
    assert_null(loop_new());
    assert_null(loop_waker_open(l, on_woken, NULL));
    assert_null(loop_watch_open(l, 0, on_readable, NULL));
    mem_fail_after(0, false);
    assert_null(loop_watch_open(l, -1, on_readable, NULL));
    loop_free(l);
    loop_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_in_order),    cmocka_unit_test(timers_are_moved),
        cmocka_unit_test(timers_from_timers), cmocka_unit_test(timers_of_later_rounds),
        cmocka_unit_test(deferred_calls),     cmocka_unit_test(looked_at),
        cmocka_unit_test(woken_by_a_thread),  cmocka_unit_test(watched_descriptor),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
