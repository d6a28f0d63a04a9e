/* Owns: the thread's CPU clock, medians, shuffling. Pure but for the clock. */
#include "bench/micro/measure.h"

#include <stdlib.h>
#include <time.h>

/* CPU time of this thread in nanoseconds. One reading costs some hundred. */
static double cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* A function that is neither cloned nor renamed, whatever else is known when programs are linked.
 */
#if __has_attribute(noipa)
#define WHOLE __attribute__((noipa))
#else
#define WHOLE __attribute__((noinline))
#endif

double WHOLE measure_work(void (*work)(void *arg), void *arg)
{
    double from = cpu_ns();
    work(arg);
    return cpu_ns() - from;
}

void WHOLE measure_turn(void (*turn)(void *arg), void *arg)
{
    turn(arg);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double measure_median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), compare);
    return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

void measure_shuffle(size_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        order[i] = i;
    }
    for (size_t i = n; i > 1; i--) {
        size_t other = (size_t)random() % i;
        size_t kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
}
