/* Password checks off the loop: bounded pools of threads; equal checks under way are merged. Who
 * wants many waits behind himself only: each source has a line of its own, and the lines are served
 * in turn. Sources that are trusted have threads and room apart from the others', at a better
 * priority: guesses do not stand in their way. */
#ifndef AUTH_PWCHECK_H
#define AUTH_PWCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/pwcache.h"
#include "base/str.h"

struct pwcheck;
struct pwcheck_ticket;

enum pwcheck_result {
    PWCHECK_WRONG = 0,
    PWCHECK_RIGHT,
    PWCHECK_DROPPED /* not checked: its place went to a source that has fewer waiting */
};

/* Told once, on the loop's thread, never inside pwcheck_start(). */
typedef void (*pwcheck_done_fn)(void *arg, enum pwcheck_result result);

/* threads as job_pool_new(), so many for either kind of source; at most queue_max checks of either
 * wait; wake(arg) is called from another thread
 * when pwcheck_collect() has something to do. NULL on failure. */
struct pwcheck *pwcheck_new(unsigned threads, size_t queue_max, void (*wake)(void *arg), void *arg);

/* Drop what waits (its callbacks do not come, its tickets are gone), join, wipe, free. NULL is
 * fine. */
void pwcheck_free(struct pwcheck *p);

/* One check to be made; borrowed for the call that starts it. */
struct pwcheck_input {
    const unsigned char *digest; /* PWCACHE_DIGEST octets that tell this check from others */
    struct str hash;
    struct str password;
    uint64_t source; /* who asks, as a number of any kind; 0: nobody in particular */
    bool trusted;    /* it has hardly failed; not to be had for a new address or name */
};

/* Check in->password against in->hash (both copied, wiped afterwards); one of an equal digest that
 * waits or runs is joined, whoever's. On 0, *ticket stays good until done was called,
 * pwcheck_cancel(), or pwcheck_free(). Of one source a quarter of queue_max, at least one, may wait
 * or run, so that who guesses passwords does not keep the others out; and where queue_max wait
 * already, the longest line gives up its last place to a source whose line is shorter by two or
 * more. Returns 0, -ERR_BUSY (queue or share full), -ERR_NOMEM. */
int pwcheck_start(struct pwcheck *p, const struct pwcheck_input *in, pwcheck_done_fn done,
                  void *arg, struct pwcheck_ticket **ticket) __attribute__((warn_unused_result));

/* The caller no longer wants the answer: done will not be called. */
void pwcheck_cancel(struct pwcheck_ticket *ticket);

/* Deliver the answers that are there. */
void pwcheck_collect(struct pwcheck *p);

/* Checks that wait or run, or were not collected yet. */
size_t pwcheck_pending(const struct pwcheck *p);

/* Hashes computed and collected since the start: for metrics. */
uint64_t pwcheck_computed(const struct pwcheck *p);

#endif
