/* What the files of this folder share of the event loop. Private to proxy/net. */
#ifndef PROXY_NET_LOOP_INNER_H
#define PROXY_NET_LOOP_INNER_H

#include <uv.h>

#include "proxy/net/loop.h"

/* Slots of the timer wheel; a power of two. One round takes LOOP_WHEEL_SLOTS * LOOP_TICK_MS. */
#define LOOP_WHEEL_SLOTS 1024

/* A hashed timer wheel. Ticks are LOOP_TICK_MS long and count from the zero of the loop's clock. */
struct loop_wheel {
    struct list slots[LOOP_WHEEL_SLOTS];
    uint64_t filled[LOOP_WHEEL_SLOTS / 64]; /* a bit a slot; 1 may be stale, 0 never is */
    uint64_t done_tick;                     /* the last tick that was worked off */
    uint64_t armed_tick;                    /* when handle fires; UINT64_MAX: it does not */
    size_t count;                           /* timers that run */
    uv_timer_t handle;                      /* active while count > 0 */
};

struct loop {
    uv_loop_t uv;
    uv_check_t turn_end; /* runs the deferred calls; does not keep the loop alive */
    uv_idle_t no_sleep;  /* active while calls are deferred, so that the loop does not wait */
    uv_prepare_t before_wait;
    void (*before_wait_fn)(void *arg);
    void *before_wait_arg;
    struct list tasks;
    uint64_t turns;
    struct loop_wheel wheel;
    char read_buffer[LOOP_READ_MAX]; /* shared by all streams: octets are lent for one call */
};

/* Prepare the wheel of l, whose uv member is ready. */
void loop_wheel_init(struct loop *l);

#endif
