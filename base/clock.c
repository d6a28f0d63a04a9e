/* Owns: reading and printing of time. Any thread; the faked clock is for tests. */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>

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

/* Broken-down UTC of wall_ms, held within the years 1970-9999 that the fixed forms can show;
 * returns the milliseconds. */
static int utc(int64_t wall_ms, struct tm *out)
{
    const int64_t last_ms = INT64_C(253402300799999);
    int64_t ms = wall_ms < 0 ? 0 : wall_ms;
    ms = ms > last_ms ? last_ms : ms;
    time_t seconds = (time_t)(ms / 1000);
    (void)gmtime_r(&seconds, out);
    return (int)(ms % 1000);
}

void clock_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_LEN + 1])
{
    struct tm t = {0};
    int ms = utc(wall_ms, &t);
    size_t n = strftime(out, CLOCK_RFC3339_LEN + 1, "%Y-%m-%dT%H:%M:%S", &t);
    (void)snprintf(out + n, CLOCK_RFC3339_LEN + 1 - n, ".%03dZ", ms);
}

void clock_http_date(int64_t wall_ms, char out[CLOCK_HTTP_DATE_LEN + 1])
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm t = {0};
    (void)utc(wall_ms, &t);
    /* The names are fixed by the RFC whatever the locale: not strftime's. */
    char rest[sizeof(" 2026 18:16:54 GMT")];
    (void)strftime(rest, sizeof(rest), " %Y %H:%M:%S GMT", &t);
    (void)snprintf(out, CLOCK_HTTP_DATE_LEN + 1, "%s, %02d %s%s", days[t.tm_wday], t.tm_mday,
                   months[t.tm_mon], rest);
}
