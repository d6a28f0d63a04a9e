/* Tests of cli/renew_schedule.c. */
#include "cli/renew_schedule.h"
#include "tests/support/check.h"

#define DAY   INT64_C(86400000)
#define HOUR  INT64_C(3600000)
#define MIN   INT64_C(60000)
#define WHOLE UINT32_MAX

static void due(void **state)
{
    static const struct {
        const char *says;
        int64_t from;
        int64_t to;
        uint32_t jitter;
        int64_t first; /* not before */
        int64_t last;  /* not after */
    } rows[] = {
        {"a life that ends before it begins is due at its beginning", 5 * DAY, DAY, WHOLE, 5 * DAY,
         5 * DAY},
        {"no life at all", DAY, DAY, 0, DAY, DAY},
        {"the earliest is the beginning of the last third", 0, 90 * DAY, 0, 60 * DAY, 60 * DAY},
        {"the latest leaves a sixth to try again", 0, 90 * DAY, WHOLE, 75 * DAY - 1, 75 * DAY},
        {"in between", 0, 90 * DAY, WHOLE / 2, 67 * DAY, 68 * DAY},
        {"two years", 10 * DAY, 740 * DAY, 0, 10 * DAY + 486 * DAY, 10 * DAY + 487 * DAY},
        {"six minutes", 0, 6 * MIN, WHOLE, 5 * MIN - 1, 5 * MIN},
        {"a hundred years do not overflow", 0, 36500 * DAY, WHOLE, 30416 * DAY, 30417 * DAY},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t at = renew_schedule_due(rows[i].from, rows[i].to, rows[i].jitter);
        CHECK_ROW(rows[i].says, at >= rows[i].first && at <= rows[i].last);
    }
}

static void pause_of(void **state)
{
    static const struct {
        const char *says;
        struct renew_schedule_failure f;
        uint32_t jitter;
        int64_t wanted;
    } rows[] = {
        {"the first try again is after a minute, less a quarter", {1, 90 * DAY, 0}, 0, 45000},
        {"none has failed: the same", {0, 90 * DAY, 0}, 0, 45000},
        {"or a quarter more", {1, 90 * DAY, 0}, WHOLE, 75000 - 1},
        {"the second is twice as long", {2, 90 * DAY, 0}, 0, 90000},
        {"the sixth", {6, 90 * DAY, 0}, 0, 24 * MIN},
        {"it ends with an hour", {7, 90 * DAY, 0}, WHOLE, HOUR},
        {"for ever", {4000000000U, 90 * DAY, 0}, 0, 45 * MIN},
        {"what the server asks for is more", {1, 90 * DAY, 7200}, WHOLE, 2 * HOUR},
        {"what it asks for is less: our own", {5, 90 * DAY, 10}, 0, 12 * MIN},
        {"it cannot put it off for more than a day", {1, 90 * DAY, UINT32_MAX}, 0, DAY},
        {"nor for more than an eighth of what is left", {1, 8 * HOUR, 86400}, 0, HOUR},
        {"near the end it is tried more often", {7, 80 * MIN, 0}, 0, 10 * MIN},
        {"but not all the time", {7, 1000, 0}, 0, RENEW_SCHEDULE_LEAST_MS},
        {"past the end there is no hurry", {1, 0, 0}, WHOLE, HOUR},
        {"long past it", {1, -DAY, 0}, 0, 45 * MIN},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].says, renew_schedule_pause(&rows[i].f, rows[i].jitter) == rows[i].wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(due), cmocka_unit_test(pause_of)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
