/* Owns: the loop that waits, and what wakes it. Leaves how long to renew_schedule. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "cli/renew.h"
#include "cli/renew_schedule.h"

/* The wall clock is looked at so often: it may jump, and a machine may sleep. */
#define LOOK_MS       INT64_C(30000)
#define READ_AGAIN_MS 3600000U

static volatile sig_atomic_t ended;
static volatile sig_atomic_t woken;

static void on_end(int number)
{
    (void)number;
    ended = 1;
}

static void on_wake(int number)
{
    (void)number;
    woken = 1;
}

static void catch_signals(void)
{
    struct sigaction end = {.sa_handler = on_end};
    struct sigaction wake = {.sa_handler = on_wake};
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGTERM, &end, NULL);
    (void)sigaction(SIGINT, &end, NULL);
    (void)sigaction(SIGHUP, &wake, NULL);
    (void)sigaction(SIGPIPE, &ignored, NULL);
}

/* A signal that comes between the look and the wait must not be slept over. */
static void wait_ms(int64_t ms)
{
    sigset_t block;
    sigset_t before;
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    sigaddset(&block, SIGINT);
    sigaddset(&block, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &block, &before);
    if (!ended && !woken) {
        (void)ppoll(NULL, 0, &t, &before);
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
}

static uint32_t any_number(void)
{
    uint32_t n = 0;
    return getrandom(&n, sizeof(n), 0) == (ssize_t)sizeof(n) ? n : 0;
}

/* What is waited for. Pauses go by the clock that does not jump, the date by the other. */
struct waiting {
    int64_t due_ms;
    int64_t not_after_ms;
    uint64_t again_mono_ms; /* not before */
    unsigned failures;
    uint64_t seen_mono_ms; /* when the file was read */
    bool hook_owed;
};

static void put_off(struct waiting *w, uint32_t retry_after_s)
{
    char until[CLOCK_RFC3339_LEN + 1];
    w->failures++;
    int64_t life_ms = w->not_after_ms > 0 ? w->not_after_ms - clock_wall_ms() : INT64_MAX;
    const struct renew_schedule_failure f = {w->failures, life_ms, retry_after_s};
    int64_t pause = renew_schedule_pause(&f, any_number());
    w->again_mono_ms = clock_mono_ms() + (uint64_t)pause;
    clock_rfc3339(clock_wall_ms() + pause, until);
    (void)fprintf(stderr, "countersign cert renew: the next try is at %s\n", until);
    (void)fflush(stderr);
}

/* What is not due is told when it is new. */
static void try_it(struct renew *r, struct waiting *w)
{
    struct renew_result out;
    enum renew_end end = renew_try(r, &out);
    bool same = w->due_ms == out.due_ms;
    w->due_ms = out.due_ms;
    w->not_after_ms = out.not_after_ms;
    w->seen_mono_ms = clock_mono_ms();
    if (end != RENEW_DONE) {
        put_off(w, out.retry_after_s);
        return;
    }
    w->failures = 0;
    w->hook_owed = out.renewed;
    if (!out.renewed && !same) {
        renew_say_due(r, &out);
    }
}

static void look(struct renew *r, struct waiting *w)
{
    if (!w->hook_owed) {
        try_it(r, w);
    }
    if (w->hook_owed) {
        w->hook_owed = renew_tell(r) == RENEW_HOOK;
        if (w->hook_owed) {
            put_off(w, 0);
        } else {
            w->failures = 0;
        }
    }
}

/* How long to wait; 0: now is the time. Somebody may put another certificate there, too. */
static int64_t time_left(const struct waiting *w)
{
    uint64_t now_ms = clock_mono_ms();
    if (w->failures > 0) {
        return now_ms < w->again_mono_ms ? (int64_t)(w->again_mono_ms - now_ms) : 0;
    }
    int64_t left = w->due_ms - clock_wall_ms();
    return left <= 0 || now_ms - w->seen_mono_ms > READ_AGAIN_MS ? 0 : left;
}

int renew_daemon(struct renew *r)
{
    struct waiting w = {.due_ms = 0};
    catch_signals();
    r->server.self.stop = &ended;
    while (!ended) {
        if (woken) {
            woken = 0;
            w.failures = 0;
            w.due_ms = 0;
        }
        int64_t left = time_left(&w);
        if (left == 0) {
            look(r, &w);
        } else {
            wait_ms(left < LOOK_MS ? left : LOOK_MS);
        }
    }
    return 0;
}
