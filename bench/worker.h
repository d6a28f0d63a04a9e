/* One thread of load: its connections, its schedule, its epoll loop. */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include <stdatomic.h>

#include "bench/identities.h"
#include "bench/pick.h"
#include "bench/schedule.h"
#include "bench/tally.h"

/* What all threads of a run have in common; they only read it. The times are set between
 * worker_new and the start of the threads. */
struct worker_plan {
    const struct options *o;
    const struct identities *ids;
    OSSL_LIB_CTX *lib;  /* for handshakes; NULL: the default one */
    const double *zipf; /* for --pick zipf */
    double rate;        /* open loop */
    uint64_t start_ns;  /* warm-up begins */
    uint64_t begin_ns;  /* measured part */
    uint64_t end_ns;
    _Atomic uint64_t *unopened; /* connections without a first answer; NULL: nobody asks */
    const _Atomic int *stop;    /* not 0: begin no more, end soon */
};

struct worker;

/* A worker with index thread (below o->threads). NULL with e set. Free it with worker_free. */
struct worker *worker_new(const struct worker_plan *plan, size_t thread, struct err *e)
    __attribute__((warn_unused_result));

/* Close and free all of it; its thread must have ended. NULL is fine. */
void worker_free(struct worker *w);

/* The thread's function; arg is the worker. Returns NULL when all operations have ended. */
void *worker_main(void *arg);

/* What it counted: live while it runs, all of it after its end. */
const struct tally *worker_tally(const struct worker *w);

/* After its end. */
struct worker_usage {
    uint64_t ended_ns; /* end of the measured part, as it came */
    uint64_t cpu_ns;   /* of the thread within the measured part */
    uint64_t wait_ns;  /* ready to run, but on no CPU; 0 if not known */
    uint64_t wall_ns;
    uint64_t overslept; /* operations due and never begun, though a connection was free */
    bool local_limit;   /* descriptors, ports or memory ran out */
};
struct worker_usage worker_usage(const struct worker *w);

/* True once worker_main has returned. */
bool worker_ended(const struct worker *w);

#endif
