/* The two clocks, settable in tests. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Milliseconds of the monotonic clock: for time-outs and durations. */
uint64_t clock_mono_ms(void);

/* Microseconds of the monotonic clock: for measured durations. */
uint64_t clock_mono_us(void);

/* Nanoseconds of the monotonic clock: for short durations. */
uint64_t clock_mono_ns(void);

/* Wall clock in milliseconds since 1970 UTC: for dates and certificate validity. */
int64_t clock_wall_ms(void);

/* Tests: freeze both clocks at these values; clock_fake(-1, -1) sets them free again. */
void clock_fake(int64_t mono_ms, int64_t wall_ms);

#define CLOCK_RFC3339_LEN 24

/* wall_ms as "2026-11-21T18:16:54.123Z" into out (CLOCK_RFC3339_LEN + 1 octets, NUL-ended). */
void clock_rfc3339(int64_t wall_ms, char out[CLOCK_RFC3339_LEN + 1]);

#define CLOCK_HTTP_DATE_LEN 29

/* wall_ms as IMF-fixdate (RFC 9110 5.6.7) into out, NUL-ended. */
void clock_http_date(int64_t wall_ms, char out[CLOCK_HTTP_DATE_LEN + 1]);

#endif
