/* Owns: the arithmetic of waiting. */
#include "cli/renew_schedule.h"

#define FIRST_MS      INT64_C(60000)
#define DOUBLINGS     6
#define ASKED_MOST_MS INT64_C(86400000)

/* The jitter-th part of span. */
static int64_t part(int64_t span, uint32_t jitter)
{
    return (int64_t)((double)span * ((double)jitter / 4294967296.0));
}

int64_t renew_schedule_due(int64_t not_before_ms, int64_t not_after_ms, uint32_t jitter)
{
    int64_t life = not_after_ms > not_before_ms ? not_after_ms - not_before_ms : 0;
    return not_before_ms + life / 3 * 2 + part(life / 6, jitter);
}

int64_t renew_schedule_pause(const struct renew_schedule_failure *f, uint32_t jitter)
{
    unsigned doublings = f->count > DOUBLINGS ? DOUBLINGS : f->count > 0 ? f->count - 1 : 0;
    int64_t pause = FIRST_MS << doublings;
    int64_t asked = (int64_t)f->retry_after_s * 1000;
    if (f->left_ms <= 0 || pause > RENEW_SCHEDULE_MOST_MS) {
        pause = RENEW_SCHEDULE_MOST_MS;
    }
    pause = pause - pause / 4 + part(pause / 2, jitter);
    if (pause > RENEW_SCHEDULE_MOST_MS) {
        pause = RENEW_SCHEDULE_MOST_MS;
    }
    if (asked > pause) {
        pause = asked < ASKED_MOST_MS ? asked : ASKED_MOST_MS;
    }
    if (f->left_ms > 0 && pause > f->left_ms / 8) {
        pause = f->left_ms / 8;
    }
    return pause > RENEW_SCHEDULE_LEAST_MS ? pause : RENEW_SCHEDULE_LEAST_MS;
}
