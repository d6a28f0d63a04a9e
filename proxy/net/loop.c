/* Owns: the event loop of one worker and its deferred calls. Not: the timer wheel (loop_timer.c),
 * wake-ups and watched descriptors (loop_wake.c). On the loop's own thread. */
#include "proxy/net/loop.h"

#include <assert.h>
#include <stdio.h>

#include "base/mem.h"
#include "proxy/net/loop_inner.h"

static void on_no_sleep(uv_idle_t *handle)
{
    (void)handle;
}

static void on_turn_end(uv_check_t *handle)
{
    struct loop *l = handle->data;
    l->turns++;
    if (list_empty(&l->tasks)) {
        (void)uv_idle_stop(&l->no_sleep); /* the last one may have been cancelled */
        return;
    }
    /* Only what is queued now: a task that defers itself again must not starve the sockets. */
    struct list batch;
    list_init(&batch);
    list_push_front(&l->tasks, &batch);
    list_remove(&l->tasks);
    struct list *node;
    while ((node = list_pop_front(&batch)) != NULL) {
        struct loop_task *t = LIST_ENTRY(node, struct loop_task, link);
        t->fn(t);
    }
    if (list_empty(&l->tasks)) {
        (void)uv_idle_stop(&l->no_sleep);
    }
}

static void on_before_wait(uv_prepare_t *handle)
{
    const struct loop *l = handle->data;
    l->before_wait_fn(l->before_wait_arg);
}

void loop_before_wait(struct loop *l, void (*fn)(void *arg), void *arg)
{
    l->before_wait_fn = fn;
    l->before_wait_arg = arg;
    if (fn == NULL) {
        (void)uv_prepare_stop(&l->before_wait);
        return;
    }
    (void)uv_prepare_start(&l->before_wait, on_before_wait);
    uv_unref((uv_handle_t *)&l->before_wait);
}

struct loop *loop_new(void)
{
    struct loop *l = mem_alloc(sizeof(*l));
    if (l == NULL) {
        return NULL;
    }
    if (uv_loop_init(&l->uv) != 0) {
        mem_free(l);
        return NULL;
    }
    list_init(&l->tasks);
    l->turns = 0;
    (void)uv_check_init(&l->uv, &l->turn_end);
    l->turn_end.data = l;
    (void)uv_check_start(&l->turn_end, on_turn_end);
    uv_unref((uv_handle_t *)&l->turn_end);
    (void)uv_idle_init(&l->uv, &l->no_sleep);
    (void)uv_prepare_init(&l->uv, &l->before_wait);
    l->before_wait.data = l;
    loop_wheel_init(l);
    return l;
}

void loop_run(struct loop *l)
{
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

static void count_open(uv_handle_t *handle, void *arg)
{
    size_t *open = arg;
    if (uv_is_closing(handle) == 0) {
        ++*open;
    }
}

void loop_free(struct loop *l)
{
    if (l == NULL) {
        return;
    }
    uv_close((uv_handle_t *)&l->turn_end, NULL);
    uv_close((uv_handle_t *)&l->no_sleep, NULL);
    uv_close((uv_handle_t *)&l->before_wait, NULL);
    uv_close((uv_handle_t *)&l->wheel.handle, NULL);
    size_t open = 0;
    uv_walk(&l->uv, count_open, &open);
    assert(open == 0);
    if (open > 0) {
        return; /* a leak is the lesser evil: those handles still point here */
    }
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
    int left = uv_loop_close(&l->uv);
    assert(left == 0);
    if (left == 0) {
        mem_free(l);
    }
}

uint64_t loop_turns(const struct loop *l)
{
    return l->turns;
}

/* The first turn that ends afterwards may have looked before; the second has not. */
bool loop_looked(const struct loop *l, uint64_t turns)
{
    return l->turns - turns >= 2;
}

uint64_t loop_now_ms(const struct loop *l)
{
    return uv_now(&l->uv);
}

void loop_task_init(struct loop_task *t, void (*fn)(struct loop_task *t))
{
    t->fn = fn;
    list_init(&t->link);
}

void loop_defer(struct loop *l, struct loop_task *t)
{
    if (!list_empty(&t->link)) {
        return;
    }
    list_push_back(&l->tasks, &t->link);
    (void)uv_idle_start(&l->no_sleep, on_no_sleep);
}

void loop_task_cancel(struct loop_task *t)
{
    list_remove(&t->link);
}

const char *loop_library(void)
{
    static char text[40];
    (void)snprintf(text, sizeof(text), "libuv %s", uv_version_string());
    return text;
}
