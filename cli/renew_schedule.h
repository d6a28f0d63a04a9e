/* When a certificate is renewed, and when a try that failed is made again. Pure. */
#ifndef CLI_RENEW_SCHEDULE_H
#define CLI_RENEW_SCHEDULE_H

#include <stdint.h>

#define RENEW_SCHEDULE_LEAST_MS INT64_C(10000)   /* between two tries */
#define RENEW_SCHEDULE_MOST_MS  INT64_C(3600000) /* unless the server says otherwise */

/* The time (wall clock) from which a certificate of that life is renewed: in the last third of it,
 * and in the first half of that, so that there is time to try again. jitter, any number, says where
 * in there: the same for the same certificate, and another for each. */
int64_t renew_schedule_due(int64_t not_before_ms, int64_t not_after_ms, uint32_t jitter);

struct renew_schedule_failure {
    unsigned count;         /* in a row, from 1 */
    int64_t left_ms;        /* of the certificate's life; not above 0: it is over */
    uint32_t retry_after_s; /* what the server asked for; 0: nothing */
};

/* How long to wait before the next try: a minute, then twice as long each time up to
 * RENEW_SCHEDULE_MOST_MS; at least what the server asked for, but at most an eighth of the life
 * that is left, and never under RENEW_SCHEDULE_LEAST_MS. jitter, any number, moves it by a quarter
 * at most. */
int64_t renew_schedule_pause(const struct renew_schedule_failure *f, uint32_t jitter);

#endif
