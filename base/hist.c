/* Owns: the layout of the duration buckets. One writer a histogram, any number of readers. */
#include "base/hist.h"

#include <math.h>

/* Buckets 0-7 hold exactly 0-7 us. From there each power of two is cut into 8 equal steps. */
enum { STEPS = 8, STEP_BITS = 3 };

static size_t index_of(uint64_t us)
{
    if (us < STEPS) {
        return (size_t)us;
    }
    unsigned power = 63U - (unsigned)__builtin_clzll(us);
    unsigned shift = power - STEP_BITS;
    size_t index = (size_t)(shift + 1) * STEPS + (size_t)((us >> shift) - STEPS);
    return index < HIST_BUCKETS ? index : HIST_BUCKETS - 1;
}

void hist_add(struct hist *h, uint64_t us)
{
    atomic_fetch_add_explicit(&h->bucket[index_of(us)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum_us, us, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->count, 1, memory_order_relaxed);
}

uint64_t hist_bound_us(size_t i)
{
    if (i >= HIST_BUCKETS - 1) {
        return UINT64_MAX;
    }
    if (i < STEPS) {
        return i;
    }
    unsigned shift = (unsigned)(i / STEPS) - 1;
    uint64_t first_past = (uint64_t)(i % STEPS) + STEPS + 1;
    return (first_past << shift) - 1;
}

uint64_t hist_at_most(const struct hist *h, uint64_t us)
{
    size_t last = index_of(us);
    uint64_t n = 0;
    for (size_t i = 0; i <= last; i++) {
        n += atomic_load_explicit(&h->bucket[i], memory_order_relaxed);
    }
    return n;
}

void hist_merge(struct hist *h, const struct hist *from)
{
    for (size_t i = 0; i < HIST_BUCKETS; i++) {
        uint64_t n = atomic_load_explicit(&from->bucket[i], memory_order_relaxed);
        atomic_fetch_add_explicit(&h->bucket[i], n, memory_order_relaxed);
    }
    uint64_t sum = atomic_load_explicit(&from->sum_us, memory_order_relaxed);
    uint64_t count = atomic_load_explicit(&from->count, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum_us, sum, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->count, count, memory_order_relaxed);
}

uint64_t hist_percentile_us(const struct hist *h, double percent)
{
    uint64_t counts[HIST_BUCKETS];
    uint64_t total = 0;
    /* Not h->count: a writer may be between the two. */
    for (size_t i = 0; i < HIST_BUCKETS; i++) {
        counts[i] = atomic_load_explicit(&h->bucket[i], memory_order_relaxed);
        total += counts[i];
    }
    if (total == 0) {
        return 0;
    }
    double exact = ceil(percent / 100.0 * (double)total - 1e-6);
    uint64_t rank = exact < 1.0 ? 1 : (uint64_t)exact;
    uint64_t n = 0;
    size_t i = 0;
    while (i < HIST_BUCKETS - 1 && n + counts[i] < rank) {
        n += counts[i++];
    }
    return i < HIST_BUCKETS - 1 ? hist_bound_us(i) : hist_bound_us(i - 1) + 1;
}
