/* A loop whose turns and timers the test drives. Including this replaces the real loop_task_*,
 * loop_defer() and loop_timer_*. */
#ifndef TESTS_SUPPORT_FAKE_LOOP_H
#define TESTS_SUPPORT_FAKE_LOOP_H

#include "proxy/net/loop.h"
#include "tests/support/check.h"

static struct list tasks = {&tasks, &tasks};

void loop_task_init(struct loop_task *t, void (*fn)(struct loop_task *t))
{
    t->fn = fn;
    list_init(&t->link);
}

void loop_defer(struct loop *l, struct loop_task *t)
{
    (void)l;
    if (list_empty(&t->link)) {
        list_push_back(&tasks, &t->link);
    }
}

void loop_task_cancel(struct loop_task *t)
{
    list_remove(&t->link);
}

void loop_timer_init(struct loop_timer *t, void (*fn)(struct loop_timer *t))
{
    *t = (struct loop_timer){.fn = fn};
}

void loop_timer_start(struct loop *l, struct loop_timer *t, uint64_t after_ms)
{
    (void)l;
    t->due_ms = after_ms;
}

void loop_timer_stop(struct loop_timer *t)
{
    t->due_ms = 0;
}

bool loop_timer_running(const struct loop_timer *t)
{
    return t->due_ms != 0;
}

/* Run what was deferred, until nothing is. */
static inline void fake_loop_turn(void)
{
    struct list *n;
    while ((n = list_pop_front(&tasks)) != NULL) {
        struct loop_task *t = LIST_ENTRY(n, struct loop_task, link);
        t->fn(t);
    }
}

/* The time of t has come. It must be running. */
static inline void fake_loop_fire(struct loop_timer *t)
{
    assert_true(loop_timer_running(t));
    loop_timer_stop(t);
    t->fn(t);
}

#endif
