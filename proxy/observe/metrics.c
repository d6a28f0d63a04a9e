/* Owns: the shared region of numbers, how they are written and summed. Not: how they are shown
 * (metrics_text.c). A slot is written by one process; sums are read by any, without locks, so a sum
 * may be one event behind. */
#include "proxy/observe/metrics.h"

#include <assert.h>

#include "base/clock.h"
#include "base/shm.h"
#include "proxy/observe/metrics_inner.h"

enum kind { COUNTER, GAUGE };

static const enum kind kinds[METRIC_COUNT] = {
#define METRIC(name, kind, text, help) [METRIC_##name] = (kind),
#include "proxy/observe/metrics.def"
#undef METRIC
};

struct metrics_region *metrics_region_new(unsigned slots)
{
    size_t n = sizeof(struct metrics_region) + ((size_t)slots + 1) * sizeof(struct metrics);
    struct metrics_region *r = shm_map(n);
    if (r == NULL) {
        return NULL;
    }
    r->mapped = n;
    r->slots = slots;
    r->start_ms = clock_wall_ms();
    return r;
}

void metrics_region_free(struct metrics_region *r)
{
    if (r != NULL) {
        shm_unmap(r, r->mapped);
    }
}

struct metrics *metrics_slot(struct metrics_region *r, unsigned i)
{
    assert(i <= r->slots);
    return &r->slot[i];
}

void metrics_clear_gauges(struct metrics_region *r, unsigned i)
{
    struct metrics *m = metrics_slot(r, i);
    for (size_t k = 0; k < METRIC_COUNT; k++) {
        if (kinds[k] == GAUGE) {
            atomic_store_explicit(&m->numbers[k], 0, memory_order_relaxed);
        }
    }
    for (size_t k = 0; k < METRIC_DATE_COUNT; k++) {
        atomic_store_explicit(&m->dates[k], 0, memory_order_relaxed);
    }
}

void metrics_add(struct metrics *m, enum metric which, int64_t n)
{
    if (m == NULL) {
        return;
    }
    assert(n >= 0 || kinds[which] == GAUGE);
    atomic_fetch_add_explicit(&m->numbers[which], n, memory_order_relaxed);
}

void metrics_reason(struct metrics *m, enum reason why)
{
    if (m != NULL && why != REASON_OK) {
        atomic_fetch_add_explicit(&m->reasons[why], 1, memory_order_relaxed);
    }
}

void metrics_would_refuse(struct metrics *m, enum reason why)
{
    if (m != NULL && why != REASON_OK) {
        atomic_fetch_add_explicit(&m->would[why], 1, memory_order_relaxed);
    }
}

void metrics_status(struct metrics *m, unsigned status)
{
    if (m != NULL && status >= METRICS_STATUS_MIN && status <= METRICS_STATUS_MAX) {
        atomic_fetch_add_explicit(&m->statuses[status - METRICS_STATUS_MIN], 1,
                                  memory_order_relaxed);
    }
}

void metrics_time(struct metrics *m, enum metric_time which, uint64_t us)
{
    if (m != NULL) {
        hist_add(&m->times[which], us);
    }
}

void metrics_date(struct metrics *m, enum metric_date which, int64_t seconds)
{
    if (m != NULL) {
        atomic_store_explicit(&m->dates[which], seconds == INT64_MAX ? 0 : seconds,
                              memory_order_relaxed);
    }
}

int64_t metrics_get(const struct metrics *m, enum metric which)
{
    return atomic_load_explicit(&m->numbers[which], memory_order_relaxed);
}

int64_t metrics_sum(const struct metrics_region *r, enum metric which)
{
    int64_t sum = 0;
    for (unsigned i = 0; i <= r->slots; i++) {
        sum += atomic_load_explicit(&r->slot[i].numbers[which], memory_order_relaxed);
    }
    return sum;
}

uint64_t metrics_reason_sum(const struct metrics_region *r, enum reason why)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i <= r->slots; i++) {
        sum += atomic_load_explicit(&r->slot[i].reasons[why], memory_order_relaxed);
    }
    return sum;
}

uint64_t metrics_would_refuse_sum(const struct metrics_region *r, enum reason why)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i <= r->slots; i++) {
        sum += atomic_load_explicit(&r->slot[i].would[why], memory_order_relaxed);
    }
    return sum;
}

int64_t metrics_earliest(const struct metrics_region *r, enum metric_date which)
{
    int64_t earliest = INT64_MAX;
    for (unsigned i = 0; i <= r->slots; i++) {
        int64_t seconds = atomic_load_explicit(&r->slot[i].dates[which], memory_order_relaxed);
        if (seconds != 0 && seconds < earliest) {
            earliest = seconds;
        }
    }
    return earliest;
}
