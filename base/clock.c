/* Owns: reading and printing of time. Any thread; the faked clock is for tests. */
#include "base/clock.h"

#include <stdatomic.h>
#include <string.h>

static _Atomic int64_t fake_mono_ms = -1;
static _Atomic int64_t fake_wall_ms = -1;

static struct timespec now(clockid_t id)
{
    struct timespec t = {0};
    (void)clock_gettime(id, &t);
    return t;
}

uint64_t clock_mono_ns(void)
{
    int64_t fake = atomic_load_explicit(&fake_mono_ms, memory_order_relaxed);
    if (fake >= 0) {
        return (uint64_t)fake * 1000000;
    }
    struct timespec t = now(CLOCK_MONOTONIC);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t clock_mono_us(void)
{
    int64_t fake = atomic_load_explicit(&fake_mono_ms, memory_order_relaxed);
    if (fake >= 0) {
        return (uint64_t)fake * 1000;
    }
    struct timespec t = now(CLOCK_MONOTONIC);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t clock_wall_ms(void)
{
    int64_t fake = atomic_load_explicit(&fake_wall_ms, memory_order_relaxed);
    if (fake >= 0) {
        return fake;
    }
    struct timespec t = now(CLOCK_REALTIME);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void clock_fake(int64_t mono_ms, int64_t wall_ms)
{
    atomic_store(&fake_mono_ms, mono_ms);
    atomic_store(&fake_wall_ms, wall_ms);
}

/* A moment taken apart, UTC. */
struct parts {
    unsigned year;
    unsigned month; /* 0: January */
    unsigned day;
    unsigned weekday; /* 0: Sunday */
    unsigned second;  /* of the day */
    unsigned ms;
};

/* wall_ms is held within the years 1970-9999 that the fixed forms can show. Years begin in March
 * here, so that the day that some of them have more is their last: month m of such a year begins
 * (153 m + 2) / 5 days behind its first. */
static struct parts utc(int64_t wall_ms)
{
    const int64_t last_ms = INT64_C(253402300799999);
    const uint64_t day_ms = UINT64_C(86400000);
    int64_t held = wall_ms < 0 ? 0 : wall_ms;
    uint64_t ms = (uint64_t)(held > last_ms ? last_ms : held);
    unsigned days = (unsigned)(ms / day_ms);
    unsigned since = days + 719468; /* the first of March of the year 0 */
    unsigned era = since / 146097;  /* 400 years */
    unsigned in_era = since % 146097;
    unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * in_year + 2) / 153;
    return (struct parts){
        .year = era * 400 + year + (month >= 10 ? 1 : 0),
        .month = (month + 2) % 12,
        .day = in_year - (153 * month + 2) / 5 + 1,
        .weekday = (days + 4) % 7,
        .second = (unsigned)(ms % day_ms / 1000),
        .ms = (unsigned)(ms % 1000),
    };
}

/* The last digits of number, as many as width, at text. */
static void put_digits(char *text, size_t width, unsigned number)
{
    for (size_t i = width; i > 0; i--) {
        text[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
}

static void put_time(char *text, unsigned second)
{
    put_digits(text, 2, second / 3600);
    put_digits(text + 3, 2, second / 60 % 60);
    put_digits(text + 6, 2, second % 60);
}

void clock_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_LEN + 1])
{
    struct parts t = utc(wall_ms);
    memcpy(out, "0000-00-00T00:00:00.000Z", CLOCK_RFC3339_LEN + 1);
    put_digits(out, 4, t.year);
    put_digits(out + 5, 2, t.month + 1);
    put_digits(out + 8, 2, t.day);
    put_time(out + 11, t.second);
    put_digits(out + 20, 3, t.ms);
}

void clock_http_date(int64_t wall_ms, char out[CLOCK_HTTP_DATE_LEN + 1])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct parts t = utc(wall_ms);
    memcpy(out, "Sun, 00 Jan 0000 00:00:00 GMT", CLOCK_HTTP_DATE_LEN + 1);
    memcpy(out, days + (size_t)3 * t.weekday, 3);
    put_digits(out + 5, 2, t.day);
    memcpy(out + 8, months + (size_t)3 * t.month, 3);
    put_digits(out + 12, 4, t.year);
    put_time(out + 17, t.second);
}
