/* The verb run. */
#include <signal.h>
#include <stdio.h>

#include "bench/bench.h"
#include "bench/engine.h"
#include "bench/find_max.h"
#include "bench/options_read.h"
#include "bench/quantity.h"

static struct engine engine; /* for the signal handler */

/* The first signal ends the run with the results so far, the next one the program. */
static void on_signal(int number)
{
    atomic_store(&engine.stop, 1);
    (void)signal(number, SIG_DFL);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

static int complain(const struct err *e, int status)
{
    (void)fprintf(stderr, "countersign-bench: %s\n", e->text);
    return status;
}

/* Nothing that came, or anything else than expected, is a failure; so is a search that found no
 * rate that meets the objective. */
static int status_of(const struct result *r)
{
    if (r->options->find_max) {
        return r->max_low > 0.0 ? 0 : 1;
    }
    return r->by_class[RESULT_OK] > 0 && result_failed(r) == 0 ? 0 : 1;
}

static void summary(const struct result *r)
{
    (void)printf("measured %.2f s, %.1f right answers a second\n", (double)r->elapsed_ns / 1e9,
                 result_rate(r));
    (void)printf("begun %llu, not begun %llu, handshakes %llu full, %llu resumed\n",
                 (unsigned long long)r->started, (unsigned long long)r->not_begun,
                 (unsigned long long)r->full, (unsigned long long)r->resumed);
    for (int i = 0; i < RESULT_CLASS_COUNT; i++) {
        if (r->by_class[i] > 0) {
            (void)printf("  %-12s %llu\n", result_class_token((enum result_class)i),
                         (unsigned long long)r->by_class[i]);
        }
    }
    for (int i = 0; i < PART_COUNT; i++) {
        const struct hist_fine *h = result_latency(r, (enum result_part)i);
        char p50[QUANTITY_TEXT_MAX];
        char p99[QUANTITY_TEXT_MAX];
        char max[QUANTITY_TEXT_MAX];
        (void)printf("  %-12s p50 %-8s p99 %-8s max %s\n", result_part_name((enum result_part)i),
                     quantity_time_text(hist_fine_percentile(h, 50.0), p50),
                     quantity_time_text(hist_fine_percentile(h, 99.0), p99),
                     quantity_time_text(h->max_ns, max));
    }
    for (size_t i = 0; i < r->step_count; i++) {
        (void)printf("  step %.1f/s reached %.1f met %d\n", r->steps[i].rate, r->steps[i].reached,
                     r->steps[i].met);
    }
    (void)printf("client: %.1f us of CPU an operation, busiest thread %.0f %%, limits %u\n",
                 (double)r->client_cpu_ns / 1e3 / (double)(r->started != 0 ? r->started : 1),
                 r->busiest_thread * 100.0, r->limits);
}

static int run(const struct options *o)
{
    struct err e = {0};
    struct result r = {0};
    int status = 1;
    int rc = 0;
    if (engine_init(&engine, o, &e) != 0) {
        status = complain(&e, 2);
        goto out;
    }
    catch_signals();
    if (result_init(&r, o) != 0) {
        (void)err_set(&e, ERR_NOMEM, "out of memory for the result");
        status = complain(&e, 1);
        goto out;
    }
    rc = o->find_max ? find_max_run(&engine, &r, &e) : engine_run(&engine, o->rate, "", &r, &e);
    if (rc != 0) {
        status = complain(&e, e.code == ERR_CONFIG ? 2 : 1);
        goto out;
    }
    status = status_of(&r);
    summary(&r);
out:
    result_fini(&r);
    engine_fini(&engine);
    return status;
}

int bench_run_main(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    int rc = options_read(argc, argv, &o, &e);
    if (rc != 0) {
        return rc > 0 ? 0 : complain(&e, 2);
    }
    return run(&o);
}
