/* Owns: which percentiles are told, and HdrHistogram's spelling of them. */
#include "bench/hgrm.h"

#include <math.h>

#define TICKS_PER_HALF 5
#define NS_PER_MS      1e6
#define NEAREST        (100.0 - 1e-12) /* percent; beyond, numbers of this kind tell nothing apart */

/* How far the next point is from percent. */
static double step_from(double percent)
{
    double halvings = floor(log2(100.0 / (100.0 - percent))) + 1.0;
    return 100.0 / (TICKS_PER_HALF * exp2(halvings));
}

size_t hgrm_points(const struct hist_fine *h, struct hgrm_point out[HGRM_POINTS_MAX])
{
    size_t n = 0;
    if (h->count == 0) {
        return 0;
    }
    for (double percent = 0.0; percent < NEAREST && n < HGRM_POINTS_MAX - 1;
         percent += step_from(percent)) {
        uint64_t value = hist_fine_percentile(h, percent);
        uint64_t count = hist_fine_at_most(h, value);
        out[n++] = (struct hgrm_point){percent, value, count};
        if (count >= h->count) {
            break;
        }
    }
    out[n++] = (struct hgrm_point){100.0, h->max_ns, h->count};
    return n;
}

static int write_point(const struct hgrm_point *p, struct buf *out)
{
    double value = (double)p->value_ns / NS_PER_MS;
    double share = p->percent / 100.0;
    if (p->percent >= 100.0) {
        return buf_printf(out, "%12.3f %14.12f %10llu\n", value, share,
                          (unsigned long long)p->count);
    }
    return buf_printf(out, "%12.3f %14.12f %10llu %14.2f\n", value, share,
                      (unsigned long long)p->count, 1.0 / (1.0 - share));
}

int hgrm_write(const struct hist_fine *h, struct buf *out)
{
    struct hgrm_point points[HGRM_POINTS_MAX];
    size_t n = hgrm_points(h, points);
    int rc = buf_printf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
                        "1/(1-Percentile)");
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = write_point(&points[i], out);
    }
    if (rc == 0) {
        rc = buf_printf(out,
                        "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n"
                        "#[Max     = %12.3f, Total count    = %12llu]\n"
                        "#[Buckets = %12d, SubBuckets     = %12d]\n",
                        (double)hist_fine_mean(h) / NS_PER_MS, hist_fine_deviation(h) / NS_PER_MS,
                        (double)h->max_ns / NS_PER_MS, (unsigned long long)h->count,
                        HIST_FINE_BUCKETS / HIST_FINE_STEPS, HIST_FINE_STEPS);
    }
    return rc;
}
