/* Counters, gauges and histograms in shared memory: each worker writes its own slot with relaxed
 * atomics, whoever answers /metrics sums them. No user or peer ever becomes a label. */
#ifndef PROXY_OBSERVE_METRICS_H
#define PROXY_OBSERVE_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/reason.h"

enum metric {
#define METRIC(name, kind, text, help) METRIC_##name,
#include "proxy/observe/metrics.def"
#undef METRIC
    METRIC_COUNT
};

enum metric_time {
    METRIC_TIME_HANDSHAKE = 0,
    METRIC_TIME_REQUEST,
    METRIC_TIME_UPSTREAM,
    METRIC_TIME_USER_LOOKUP,
    METRIC_TIME_COUNT
};

/* A date that is shown as a gauge in seconds since 1970. */
enum metric_date {
    METRIC_DATE_SERVER_CERTIFICATE = 0,
    METRIC_DATE_CLIENT_CA,
    METRIC_DATE_CRL,
    METRIC_DATE_COUNT
};

struct metrics_region;
struct metrics; /* one slot of a region */

/* A region for slots workers (slots 0 .. slots - 1) and one slot more (number slots) for the
 * master, shared with processes forked later. NULL on failure. */
struct metrics_region *metrics_region_new(unsigned slots);
void metrics_region_free(struct metrics_region *r);

/* Slot i; borrowed from r. */
struct metrics *metrics_slot(struct metrics_region *r, unsigned i);

/* Set every gauge of slot i to 0 and forget its dates: its worker has died. */
void metrics_clear_gauges(struct metrics_region *r, unsigned i);

/* Add n (negative for gauges only) to a number. m NULL: nothing. */
void metrics_add(struct metrics *m, enum metric which, int64_t n);

/* Count one refusal or end. REASON_OK is not counted. */
void metrics_reason(struct metrics *m, enum reason why);

/* Count one refusal that was told and not carried out. */
void metrics_would_refuse(struct metrics *m, enum reason why);

/* Count one answer with this status (100-599). */
void metrics_status(struct metrics *m, unsigned status);

/* Count one duration. */
void metrics_time(struct metrics *m, enum metric_time which, uint64_t us);

/* Set the earliest date of a kind, seconds since 1970; INT64_MAX: not shown. */
void metrics_date(struct metrics *m, enum metric_date which, int64_t seconds);

/* One number of one slot. */
int64_t metrics_get(const struct metrics *m, enum metric which);

/* Sum over all slots. */
int64_t metrics_sum(const struct metrics_region *r, enum metric which);
uint64_t metrics_reason_sum(const struct metrics_region *r, enum reason why);
uint64_t metrics_would_refuse_sum(const struct metrics_region *r, enum reason why);

/* The earliest date of a kind over all slots, seconds since 1970; INT64_MAX if there is none. */
int64_t metrics_earliest(const struct metrics_region *r, enum metric_date which);

/* Append the text format 0.0.4, or OpenMetrics 1.0.0, names prefixed "countersign_". */
int metrics_render(const struct metrics_region *r, bool openmetrics, struct buf *out)
    __attribute__((warn_unused_result));

#endif
