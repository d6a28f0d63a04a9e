/* Owns: the line of progress. */
#include "bench/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "bench/quantity.h"

void progress_init(struct progress *p, const char *label, bool quiet, uint64_t start_ns,
                   uint64_t end_ns)
{
    *p = (struct progress){.shown = !quiet && isatty(STDERR_FILENO) == 1,
                           .label = label,
                           .start_ns = start_ns,
                           .end_ns = end_ns,
                           .last_ns = start_ns};
}

static uint64_t load(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

/* What came since the last line; p->last is then all. */
static void since_last(struct progress *p, const struct tally *const *v, size_t n, struct hist *out)
{
    struct hist all = {0};
    for (size_t i = 0; i < n; i++) {
        hist_merge(&all, &v[i]->live.total);
    }
    for (size_t i = 0; i < HIST_BUCKETS; i++) {
        uint64_t count = load(&all.bucket[i]);
        atomic_store_explicit(&out->bucket[i], count - load(&p->last.bucket[i]),
                              memory_order_relaxed);
        atomic_store_explicit(&p->last.bucket[i], count, memory_order_relaxed);
    }
}

void progress_show(struct progress *p, uint64_t now_ns, const struct tally *const *v, size_t n)
{
    uint64_t ok = 0;
    uint64_t failed = 0;
    uint64_t full = 0;
    uint64_t resumed = 0;
    uint64_t in_flight = 0;
    struct hist second = {0};
    char p50[QUANTITY_TEXT_MAX];
    char p99[QUANTITY_TEXT_MAX];
    if (!p->shown || now_ns < p->last_ns + 1000000000) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ok += load(&v[i]->live.ok);
        failed += load(&v[i]->live.failed);
        full += load(&v[i]->live.full);
        resumed += load(&v[i]->live.resumed);
        in_flight += load(&v[i]->live.in_flight);
    }
    since_last(p, v, n, &second);
    double rate = (double)(ok - p->last_ok) * 1e9 / (double)(now_ns - p->last_ns);
    (void)fprintf(stderr,
                  "\r%s%.0f/%.0fs  %.0f/s  p50 %s p99 %s  in flight %llu  handshakes %llu full "
                  "%llu resumed  failed %llu\033[K",
                  p->label, (double)(now_ns - p->start_ns) / 1e9,
                  (double)(p->end_ns - p->start_ns) / 1e9, rate,
                  quantity_time_text(hist_percentile_us(&second, 50.0) * 1000, p50),
                  quantity_time_text(hist_percentile_us(&second, 99.0) * 1000, p99),
                  (unsigned long long)in_flight, (unsigned long long)full,
                  (unsigned long long)resumed, (unsigned long long)failed);
    (void)fflush(stderr);
    p->last_ok = ok;
    p->last_ns = now_ns;
}

void progress_clear(const struct progress *p)
{
    if (p->shown) {
        (void)fputs("\r\033[K", stderr);
    }
}
