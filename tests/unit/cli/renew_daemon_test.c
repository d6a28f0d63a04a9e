/* The daemon of cert renew, whose clocks jump and whose tries are told how to end. It waits in no
 * time: the ppoll() of this program stands before the C library's and moves the clocks on. */
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "cli/renew.h"
#include "tests/support/check.h"

#define SECOND_MS INT64_C(1000)
#define HOUR_MS   INT64_C(3600000)
#define DAY_MS    INT64_C(86400000)
#define YEAR_MS   (365 * DAY_MS)
#define BEGIN_MS  INT64_C(1800000000000)
#define TRIES_MAX 512

/* How it goes; the times are those since the beginning. */
static struct script {
    int64_t due_ms;         /* of the certificate that is there, by the wall clock */
    int64_t life_ms;        /* its end likewise */
    int64_t jump_at_ms;     /* when the wall clock jumps, by the other */
    int64_t jump_ms;        /* and how far; 0: it does not */
    int64_t hangup_at_ms;   /* SIGHUP comes; 0: it does not */
    int64_t end_at_ms;      /* SIGTERM does */
    enum renew_end fails;   /* RENEW_DONE: a try that is due renews */
    unsigned fails_times;   /* in a row, from the first; then tries succeed */
    uint32_t retry_after_s; /* what the server asks for then */
    unsigned hook_fails;    /* so often */
    bool in_the_try;        /* SIGTERM comes while it asks, and not while it waits */
} script;

static int64_t mono_ms; /* since the beginning */
static int64_t wall_ms;
static bool jumped;
static unsigned waits;
static unsigned tries;
static unsigned renewals;
static unsigned hooks;
static int64_t tried_ms[TRIES_MAX];   /* by mono_ms */
static int64_t renewed_ms[TRIES_MAX]; /* likewise */

static void move_on(int64_t by_ms)
{
    mono_ms += by_ms;
    wall_ms += by_ms;
    if (script.jump_ms != 0 && !jumped && mono_ms >= script.jump_at_ms) {
        jumped = true;
        wall_ms += script.jump_ms;
    }
    clock_fake(1000 + mono_ms, wall_ms);
}

/* cppcheck-suppress constParameter ; as the C library has it */
int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *t, const sigset_t *mask)
{
    int64_t until = mono_ms + (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
    assert_true(fds == NULL && n == 0 && mask != NULL);
    assert_true(until > mono_ms);
    assert_true(++waits < 100000); /* it would spin */
    if (script.hangup_at_ms > mono_ms && script.hangup_at_ms <= until) {
        until = script.hangup_at_ms;
        (void)raise(SIGHUP);
    }
    if (!script.in_the_try && script.end_at_ms <= until) {
        until = script.end_at_ms > mono_ms ? script.end_at_ms : mono_ms;
        (void)raise(SIGTERM);
    }
    move_on(until - mono_ms);
    return 0;
}

/* As the real one: it renews what is due by the wall clock, or fails. */
enum renew_end renew_try(const struct renew *r, struct renew_result *out)
{
    (void)r;
    assert_true(tries < TRIES_MAX);
    tried_ms[tries++] = mono_ms;
    *out = (struct renew_result){.due_ms = script.due_ms, .not_after_ms = script.life_ms};
    if (script.in_the_try && mono_ms >= script.end_at_ms) {
        (void)raise(SIGTERM);
    }
    if (script.fails != RENEW_DONE && tries <= script.fails_times) {
        out->retry_after_s = script.retry_after_s;
        return script.fails;
    }
    if (wall_ms >= script.due_ms) {
        renewed_ms[renewals++] = mono_ms;
        script.due_ms = wall_ms + 60 * DAY_MS;
        script.life_ms = wall_ms + 90 * DAY_MS;
        out->due_ms = script.due_ms;
        out->not_after_ms = script.life_ms;
        out->renewed = true;
    }
    return RENEW_DONE;
}

void renew_say_due(const struct renew *r, const struct renew_result *out)
{
    (void)r;
    (void)out;
}

enum renew_end renew_tell(const struct renew *r)
{
    (void)r;
    hooks++;
    return hooks <= script.hook_fails ? RENEW_HOOK : RENEW_DONE;
}

/* The same daemon as the program's, with its flags cleared for each run. */
#include "cli/renew_daemon.c"

static int run(const struct script *s)
{
    struct renew r = {.force = false};
    script = *s;
    mono_ms = 0;
    wall_ms = BEGIN_MS;
    jumped = false;
    waits = tries = renewals = hooks = 0;
    ended = 0;
    woken = 0;
    clock_fake(1000, wall_ms);
    int status = renew_daemon(&r);
    assert_true(r.server.self.stop == &ended);
    return status;
}

/* Whether a time is in a span. */
static bool is_within(int64_t t, int64_t from, int64_t to)
{
    return t >= from && t <= to;
}

static void jumps(void **state)
{
    static const struct {
        const char *says;
        int64_t due_in_ms, jump_at_ms, jump_ms, end_at_ms;
        int64_t from_ms, to_ms; /* when it is renewed, by the clock that does not jump; 0: never */
    } rows[] = {
        {"back by a year: not yet", 10 * DAY_MS, DAY_MS, -YEAR_MS, 12 * DAY_MS, 0, 0},
        {"back by a year, a second before", 10 * DAY_MS, 10 * DAY_MS - SECOND_MS, -YEAR_MS,
         12 * DAY_MS, 0, 0},
        {"back by an hour: an hour later", 10 * DAY_MS, DAY_MS, -HOUR_MS, 12 * DAY_MS,
         10 * DAY_MS + HOUR_MS, 10 * DAY_MS + HOUR_MS + 30 * SECOND_MS},
        {"forwards, but not far enough", 10 * DAY_MS, DAY_MS, DAY_MS, 8 * DAY_MS, 0, 0},
        {"over the date: at the next look", 10 * DAY_MS, DAY_MS, 20 * DAY_MS, 12 * DAY_MS, DAY_MS,
         DAY_MS + 30 * SECOND_MS},
        {"over it by a second", 10 * DAY_MS, DAY_MS, 9 * DAY_MS + SECOND_MS, 12 * DAY_MS, DAY_MS,
         DAY_MS + 30 * SECOND_MS},
        {"by a hundred years", 10 * DAY_MS, DAY_MS, 100 * YEAR_MS, 12 * DAY_MS, DAY_MS,
         DAY_MS + 30 * SECOND_MS},
        {"at the very beginning", 10 * DAY_MS, 1, 20 * DAY_MS, DAY_MS, 1, 30 * SECOND_MS},
        {"no jump: when it is due", 10 * DAY_MS, 0, 0, 12 * DAY_MS, 10 * DAY_MS,
         10 * DAY_MS + 30 * SECOND_MS},
        {"due already: at once", -DAY_MS, 0, 0, DAY_MS, 0, 1},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct script s = {.due_ms = BEGIN_MS + rows[i].due_in_ms,
                                 .life_ms = BEGIN_MS + 30 * DAY_MS,
                                 .jump_at_ms = rows[i].jump_at_ms,
                                 .jump_ms = rows[i].jump_ms,
                                 .end_at_ms = rows[i].end_at_ms};
        CHECK_ROW(rows[i].says, run(&s) == 0);
        CHECK_ROW(rows[i].says, renewals == (rows[i].to_ms > 0 ? 1 : 0));
        CHECK_ROW(rows[i].says, hooks == renewals);
        CHECK_ROW(rows[i].says,
                  renewals == 0 || is_within(renewed_ms[0], rows[i].from_ms, rows[i].to_ms));
        /* The file is read each hour, as another may be there, and not more often. */
        unsigned hours = (unsigned)(rows[i].end_at_ms / HOUR_MS);
        CHECK_ROW(rows[i].says, tries <= hours + 3 && tries + 3 >= hours - hours / 100);
    }
}

/* The pause behind a failure goes by the clock that does not jump. */
static void pauses(void **state)
{
    static const struct {
        const char *says;
        enum renew_end fails;
        uint32_t retry_after_s;
        int64_t life_in_ms, jump_ms, hangup_at_ms;
        int64_t from_ms, to_ms; /* when it is tried for the second time */
    } rows[] = {
        {"refused, and the wall goes back by a year", RENEW_REFUSED, 0, 30 * DAY_MS, -YEAR_MS, 0,
         45 * SECOND_MS, 75 * SECOND_MS},
        {"no answer, and it goes forwards by a week", RENEW_LATER, 0, 30 * DAY_MS, 7 * DAY_MS, 0,
         45 * SECOND_MS, 75 * SECOND_MS},
        {"forwards, over the certificate's end", RENEW_LATER, 0, 30 * DAY_MS, 60 * DAY_MS, 0,
         45 * SECOND_MS, 75 * SECOND_MS},
        {"the server's wish is not cut short by a jump", RENEW_WAITS, 7200, 30 * DAY_MS, 7 * DAY_MS,
         0, 2 * HOUR_MS, 2 * HOUR_MS},
        {"a pause without a jump", RENEW_LATER, 0, 30 * DAY_MS, 0, 0, 45 * SECOND_MS,
         75 * SECOND_MS},
        {"nor is the certificate's end slept over", RENEW_WAITS, 7200, 800 * SECOND_MS, 0, 0,
         100 * SECOND_MS, 100 * SECOND_MS},
        {"SIGHUP ends it", RENEW_WAITS, 7200, 30 * DAY_MS, 0, 40 * SECOND_MS, 40 * SECOND_MS,
         40 * SECOND_MS},
        {"the certificate is over: an hour at most", RENEW_OVER, 0, -DAY_MS, 0, 0, 45 * 60000,
         HOUR_MS},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct script s = {.due_ms = BEGIN_MS - 1,
                                 .life_ms = BEGIN_MS + rows[i].life_in_ms,
                                 .jump_at_ms = 10 * SECOND_MS,
                                 .jump_ms = rows[i].jump_ms,
                                 .hangup_at_ms = rows[i].hangup_at_ms,
                                 .end_at_ms = DAY_MS,
                                 .fails = rows[i].fails,
                                 .fails_times = 1,
                                 .retry_after_s = rows[i].retry_after_s};
        CHECK_ROW(rows[i].says, run(&s) == 0);
        CHECK_ROW(rows[i].says, tries >= 2);
        CHECK_ROW(rows[i].says, is_within(tried_ms[1], rows[i].from_ms, rows[i].to_ms));
    }
}

/* What always fails is tried less and less often, and never in a loop. */
static void always_fails(void **state)
{
    const struct script s = {.due_ms = BEGIN_MS - 1,
                             .life_ms = BEGIN_MS + 30 * DAY_MS,
                             .end_at_ms = DAY_MS,
                             .fails = RENEW_REFUSED,
                             .fails_times = TRIES_MAX};
    (void)state;
    assert_int_equal(run(&s), 0);
    assert_true(tries > 20 && tries < 50);
    for (unsigned i = 1; i < tries; i++) {
        assert_true(tried_ms[i] - tried_ms[i - 1] >= 10 * SECOND_MS);
    }
    assert_int_equal(renewals, 0);
    assert_int_equal(hooks, 0);
}

/* The hook is owed: it is run again, and nothing is renewed for that. */
static void hook_again(void **state)
{
    const struct script s = {.due_ms = BEGIN_MS - 1,
                             .life_ms = BEGIN_MS + DAY_MS,
                             .end_at_ms = 2 * HOUR_MS,
                             .hook_fails = 3};
    (void)state;
    assert_int_equal(run(&s), 0);
    assert_int_equal(renewals, 1);
    assert_int_equal(hooks, 4);
}

/* SIGTERM while it asks: no other try, no hook for what was not renewed. */
static void ended_while_it_asks(void **state)
{
    const struct script s = {.due_ms = BEGIN_MS - 1,
                             .life_ms = BEGIN_MS + DAY_MS,
                             .end_at_ms = 0,
                             .fails = RENEW_LATER,
                             .fails_times = TRIES_MAX,
                             .in_the_try = true};
    (void)state;
    assert_int_equal(run(&s), 0);
    assert_int_equal(tries, 1);
    assert_int_equal(waits, 0);
    assert_int_equal(hooks, 0);
}

/* SIGHUP without any failure: the file is read again at once. */
static void hangup(void **state)
{
    const struct script s = {.due_ms = BEGIN_MS + 10 * DAY_MS,
                             .life_ms = BEGIN_MS + 30 * DAY_MS,
                             .hangup_at_ms = 1234,
                             .end_at_ms = 60 * SECOND_MS};
    (void)state;
    assert_int_equal(run(&s), 0);
    assert_int_equal(tries, 2);
    assert_int_equal(tried_ms[1], 1234);
}

static int tear_down(void **state)
{
    (void)state;
    clock_fake(-1, -1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jumps),
        cmocka_unit_test(pauses),
        cmocka_unit_test(always_fails),
        cmocka_unit_test(hook_again),
        cmocka_unit_test(ended_while_it_asks),
        cmocka_unit_test(hangup),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
