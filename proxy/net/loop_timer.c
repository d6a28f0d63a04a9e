/* Owns: the timer wheel of a loop. A timer hangs in the slot of the tick at which it was to fire
 * when it was linked; moving it to later only writes due_ms, and the wheel links it anew when it
 * comes by. One libuv timer, set to the next filled slot, drives it. On the loop's thread. */
#include "proxy/net/loop_inner.h"

static uint64_t tick_now(const struct loop *l)
{
    return uv_now(&l->uv) / LOOP_TICK_MS;
}

/* The first tick at or after ms: never early. */
static uint64_t tick_of(uint64_t ms)
{
    return ms / LOOP_TICK_MS + (ms % LOOP_TICK_MS != 0);
}

static void on_tick(uv_timer_t *handle);

static void arm(struct loop *l, uint64_t tick)
{
    uint64_t now = uv_now(&l->uv);
    uint64_t at = tick * LOOP_TICK_MS;
    l->wheel.armed_tick = tick;
    (void)uv_timer_start(&l->wheel.handle, on_tick, at > now ? at - now : 0, 0);
}

static void disarm(struct loop *l)
{
    l->wheel.armed_tick = UINT64_MAX;
    (void)uv_timer_stop(&l->wheel.handle);
}

/* The next tick after done_tick whose slot may hold something; at most one round away. */
static uint64_t next_filled_tick(const struct loop_wheel *w)
{
    uint64_t tick = w->done_tick + 1;
    uint64_t end = w->done_tick + LOOP_WHEEL_SLOTS;
    while (tick < end) {
        size_t slot = tick % LOOP_WHEEL_SLOTS;
        uint64_t rest = w->filled[slot / 64] >> (slot % 64);
        if (rest != 0) {
            tick += (uint64_t)__builtin_ctzll(rest);
            break;
        }
        tick += 64 - slot % 64;
    }
    return tick < end ? tick : end;
}

static void hang(struct loop *l, struct loop_timer *t)
{
    struct loop_wheel *w = &l->wheel;
    uint64_t tick = tick_of(t->due_ms);
    if (tick <= w->done_tick) {
        tick = w->done_tick + 1;
    }
    size_t slot = tick % LOOP_WHEEL_SLOTS;
    t->slot_ms = tick * LOOP_TICK_MS;
    list_push_back(&w->slots[slot], &t->link);
    w->filled[slot / 64] |= (uint64_t)1 << (slot % 64);
}

/* Fires what is due in one slot; puts back what belongs to a later round or was moved. */
static void work_off(struct loop *l, size_t slot)
{
    struct loop_wheel *w = &l->wheel;
    w->filled[slot / 64] &= ~((uint64_t)1 << (slot % 64));
    if (list_empty(&w->slots[slot])) {
        return;
    }
    struct list batch;
    list_init(&batch);
    list_push_front(&w->slots[slot], &batch);
    list_remove(&w->slots[slot]);
    struct list *node;
    while ((node = list_pop_front(&batch)) != NULL) {
        struct loop_timer *t = LIST_ENTRY(node, struct loop_timer, link);
        if (t->due_ms > uv_now(&l->uv)) {
            hang(l, t);
            continue;
        }
        t->loop = NULL;
        w->count--;
        t->fn(t);
    }
}

static void on_tick(uv_timer_t *handle)
{
    struct loop *l = handle->data;
    struct loop_wheel *w = &l->wheel;
    uint64_t now = tick_now(l);
    uint64_t first = w->done_tick + 1;
    if (now >= first && now - first >= LOOP_WHEEL_SLOTS) {
        first = now - LOOP_WHEEL_SLOTS + 1; /* slept for more than a round: each slot once */
    }
    w->armed_tick = UINT64_MAX;
    w->done_tick = now;
    for (uint64_t tick = first; tick <= now; tick++) {
        work_off(l, tick % LOOP_WHEEL_SLOTS);
    }
    if (w->count > 0) {
        arm(l, next_filled_tick(w));
    } else {
        disarm(l);
    }
}

void loop_wheel_init(struct loop *l)
{
    struct loop_wheel *w = &l->wheel;
    for (size_t i = 0; i < LOOP_WHEEL_SLOTS; i++) {
        list_init(&w->slots[i]);
    }
    for (size_t i = 0; i < LOOP_WHEEL_SLOTS / 64; i++) {
        w->filled[i] = 0;
    }
    w->done_tick = tick_now(l);
    w->armed_tick = UINT64_MAX;
    w->count = 0;
    (void)uv_timer_init(&l->uv, &w->handle);
    w->handle.data = l;
}

void loop_timer_init(struct loop_timer *t, void (*fn)(struct loop_timer *t))
{
    *t = (struct loop_timer){.fn = fn};
    list_init(&t->link);
}

void loop_timer_start(struct loop *l, struct loop_timer *t, uint64_t after_ms)
{
    struct loop_wheel *w = &l->wheel;
    uint64_t now = uv_now(&l->uv);
    t->due_ms = after_ms < UINT64_MAX - now ? now + after_ms : UINT64_MAX - LOOP_TICK_MS;
    if (t->loop != NULL && t->due_ms >= t->slot_ms) {
        return; /* the wheel finds out when it comes by */
    }
    if (t->loop == NULL) {
        if (w->count++ == 0) {
            w->done_tick = tick_now(l);
        }
        t->loop = l;
    }
    list_remove(&t->link);
    hang(l, t);
    uint64_t tick = t->slot_ms / LOOP_TICK_MS;
    if (tick < w->armed_tick) {
        arm(l, tick);
    }
}

void loop_timer_stop(struct loop_timer *t)
{
    if (t->loop == NULL) {
        return;
    }
    struct loop *l = t->loop;
    t->loop = NULL;
    list_remove(&t->link);
    if (--l->wheel.count == 0) {
        disarm(l);
    }
}

bool loop_timer_running(const struct loop_timer *t)
{
    return t->loop != NULL;
}
