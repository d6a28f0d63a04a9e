/* The verb run. */
#include <signal.h>
#include <stdio.h>

#include "bench/bench.h"
#include "bench/engine.h"
#include "bench/find_max.h"
#include "bench/options_read.h"
#include "bench/output.h"

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

static int run(const struct options *o)
{
    struct err e = {0};
    struct result r = {0};
    int status = 1;
    int rc = 0;
    if (output_check(o, &e) != 0 || engine_init(&engine, o, &e) != 0) {
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
    if (output_write(&r, &e) != 0) {
        status = complain(&e, 1);
    }
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
