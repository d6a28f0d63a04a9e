/* Owns: the layout of the fine duration buckets and what is computed from them. Any thread, one at
 * a time. */
#include "base/hist_fine.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

enum { STEP_BITS = 8 };

static size_t index_of(uint64_t ns)
{
    if (ns < HIST_FINE_STEPS) {
        return (size_t)ns;
    }
    unsigned power = 63U - (unsigned)__builtin_clzll(ns);
    unsigned shift = power - STEP_BITS;
    size_t index =
        (size_t)(shift + 1) * HIST_FINE_STEPS + (size_t)((ns >> shift) - HIST_FINE_STEPS);
    return index < HIST_FINE_BUCKETS ? index : HIST_FINE_BUCKETS - 1;
}

int hist_fine_init(struct hist_fine *h)
{
    *h = (struct hist_fine){.min_ns = UINT64_MAX};
    h->bucket = mem_calloc(HIST_FINE_BUCKETS, sizeof(*h->bucket));
    return h->bucket != NULL ? 0 : -ERR_NOMEM;
}

void hist_fine_fini(struct hist_fine *h)
{
    mem_free(h->bucket);
    h->bucket = NULL;
}

void hist_fine_clear(struct hist_fine *h)
{
    uint64_t *bucket = h->bucket;
    memset(bucket, 0, HIST_FINE_BUCKETS * sizeof(*bucket));
    *h = (struct hist_fine){.min_ns = UINT64_MAX, .bucket = bucket};
}

void hist_fine_add(struct hist_fine *h, uint64_t ns)
{
    h->bucket[index_of(ns)]++;
    h->count++;
    h->sum_ns += ns;
    h->min_ns = ns < h->min_ns ? ns : h->min_ns;
    h->max_ns = ns > h->max_ns ? ns : h->max_ns;
}

void hist_fine_merge(struct hist_fine *h, const struct hist_fine *from)
{
    for (size_t i = 0; i < HIST_FINE_BUCKETS; i++) {
        h->bucket[i] += from->bucket[i];
    }
    h->count += from->count;
    h->sum_ns += from->sum_ns;
    h->min_ns = from->min_ns < h->min_ns ? from->min_ns : h->min_ns;
    h->max_ns = from->max_ns > h->max_ns ? from->max_ns : h->max_ns;
}

uint64_t hist_fine_bound_ns(size_t i)
{
    if (i >= HIST_FINE_BUCKETS - 1) {
        return UINT64_MAX;
    }
    if (i < HIST_FINE_STEPS) {
        return i;
    }
    unsigned shift = (unsigned)(i / HIST_FINE_STEPS) - 1;
    uint64_t first_past = (uint64_t)(i % HIST_FINE_STEPS) + HIST_FINE_STEPS + 1;
    return (first_past << shift) - 1;
}

uint64_t hist_fine_at_most(const struct hist_fine *h, uint64_t ns)
{
    size_t last = index_of(ns);
    uint64_t n = 0;
    for (size_t i = 0; i <= last; i++) {
        n += h->bucket[i];
    }
    return n;
}

static uint64_t between(uint64_t ns, uint64_t low, uint64_t high)
{
    if (ns < low) {
        return low;
    }
    return ns > high ? high : ns;
}

uint64_t hist_fine_percentile(const struct hist_fine *h, double percent)
{
    if (h->count == 0) {
        return 0;
    }
    /* 99.9 has no exact double: without the margin, 99.9 % of 1000 would be rank 1000. */
    double exact = ceil(percent / 100.0 * (double)h->count - 1e-6);
    uint64_t rank = exact < 1.0 ? 1 : (uint64_t)exact;
    rank = rank > h->count ? h->count : rank;
    uint64_t n = 0;
    size_t i = 0;
    while (i < HIST_FINE_BUCKETS - 1 && n + h->bucket[i] < rank) {
        n += h->bucket[i++];
    }
    return between(hist_fine_bound_ns(i), h->min_ns, h->max_ns);
}

uint64_t hist_fine_mean(const struct hist_fine *h)
{
    return h->count != 0 ? h->sum_ns / h->count : 0;
}

double hist_fine_deviation(const struct hist_fine *h)
{
    if (h->count == 0) {
        return 0.0;
    }
    double mean = (double)h->sum_ns / (double)h->count;
    double sum = 0.0;
    for (size_t i = 0; i < HIST_FINE_BUCKETS; i++) {
        if (h->bucket[i] != 0) {
            uint64_t high = between(hist_fine_bound_ns(i), h->min_ns, h->max_ns);
            uint64_t low = i > 0 ? between(hist_fine_bound_ns(i - 1) + 1, h->min_ns, high) : 0;
            double off = ((double)low + (double)high) / 2.0 - mean;
            sum += off * off * (double)h->bucket[i];
        }
    }
    return sqrt(sum / (double)h->count);
}
