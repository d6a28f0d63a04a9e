/* The event loop of one worker: one thread, its timers, its deferred calls. */
#ifndef PROXY_NET_LOOP_H
#define PROXY_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct loop;

/* A call put off to the end of the current turn of the loop: for callbacks that must not come
 * inside the call that caused them. */
struct loop_task {
    void (*fn)(struct loop_task *t);
    struct list link;
};

/* A time-out with a name. Coarse: it fires up to LOOP_TICK_MS late, never early. */
struct loop_timer {
    void (*fn)(struct loop_timer *t);
    struct list link;
    uint64_t due_ms;   /* when it shall fire */
    uint64_t slot_ms;  /* where it hangs in the wheel */
    struct loop *loop; /* whose wheel; NULL while not running */
};

#define LOOP_TICK_MS 20

/* Octets that a stream reads at a time at most: the size of the buffer that all of them share. */
#define LOOP_READ_MAX 65536

/* A loop, or NULL. The process must ignore SIGPIPE: libuv writes without MSG_NOSIGNAL. */
struct loop *loop_new(void);

/* Run until loop_stop(), or until nothing is left to wait for. */
void loop_run(struct loop *l);

/* Make loop_run() return after this turn. */
void loop_stop(struct loop *l);

/* Close what is left and free; every handle of others must be closed before. NULL is fine. */
void loop_free(struct loop *l);

/* The loop's time in ms (monotonic, read once a turn). */
uint64_t loop_now_ms(const struct loop *l);

/* How many turns there were: grows when a turn has told what came, before its deferred calls. */
uint64_t loop_turns(const struct loop *l);

/* True if, since loop_turns() was turns, the loop has looked at every socket that it reads and told
 * all that it found. */
bool loop_looked(const struct loop *l, uint64_t turns);

/* Call fn(arg) in every turn just before the loop waits for what is next: for what is gathered over
 * a turn and must not wait longer. One a loop; fn NULL ends it. */
void loop_before_wait(struct loop *l, void (*fn)(void *arg), void *arg);

/* Prepare t, not queued. */
void loop_task_init(struct loop_task *t, void (*fn)(struct loop_task *t));

/* Queue t for the end of this turn; queued already: nothing. */
void loop_defer(struct loop *l, struct loop_task *t);

/* Take t out of the queue. */
void loop_task_cancel(struct loop_task *t);

/* Prepare t, not running. */
void loop_timer_init(struct loop_timer *t, void (*fn)(struct loop_timer *t));

/* Fire once in after_ms from now; running already: moved. O(1) whether sooner or later; moving to
 * later only writes due_ms. */
void loop_timer_start(struct loop *l, struct loop_timer *t, uint64_t after_ms);

/* Do not fire. */
void loop_timer_stop(struct loop_timer *t);

/* True between start and fire or stop. */
bool loop_timer_running(const struct loop_timer *t);

/* Call fn(arg) on the loop's thread soon after loop_wake() was called from any thread. One waker a
 * purpose. NULL on failure; loop_waker_close() ends it (idempotent, frees it later by itself). */
struct loop_waker;
struct loop_waker *loop_waker_open(struct loop *l, void (*fn)(void *arg), void *arg);
void loop_wake(struct loop_waker *w);
void loop_waker_close(struct loop_waker *w);

/* Call fn(arg) whenever descriptor fd (the caller's, open until the watch is closed) can be read; a
 * hang-up counts. fd becomes non-blocking. NULL on failure; loop_watch_close() ends it at once and
 * frees it later by itself. */
struct loop_watch;
struct loop_watch *loop_watch_open(struct loop *l, int fd, void (*fn)(void *arg), void *arg);
void loop_watch_close(struct loop_watch *w);

/* "libuv 1.44.2": the library that runs. */
const char *loop_library(void);

#endif
