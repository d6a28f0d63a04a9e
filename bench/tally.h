/* Counts the outcomes of one thread's operations. One writer; only `live` may be read by another
 * thread at the same time. */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include "base/hist.h"
#include "bench/conn.h"
#include "bench/result.h"

/* For the line of progress: from the start, warm-up included. */
struct tally_live {
    _Atomic uint64_t ok, failed, full, resumed, in_flight;
    struct hist total; /* of right answers, corrected if there is a schedule */
};

struct tally_second {
    struct result_second counts; /* percentiles are not set, max_ns is */
    struct hist total;
};

struct tally {
    struct result r;   /* this thread's part; its seconds and steps are not used */
    uint64_t begin_ns; /* the measured part */
    uint64_t end_ns;
    struct tally_second *seconds; /* owned */
    size_t second_count, second_size;
    uint64_t late_client;  /* measured operations that began late though a connection was free */
    uint64_t late_blocked; /* that began late because none was */
    struct tally_live live;
};

/* Prepare t; its measured part is empty. Returns 0 or -ERR_NOMEM; call tally_fini either way. */
int tally_init(struct tally *t, const struct options *o) __attribute__((warn_unused_result));

/* Free what t owns. */
void tally_fini(struct tally *t);

/* An operation has begun; blocked: it waited for a free connection. */
void tally_begun(struct tally *t, const struct conn_op *op, bool blocked);

/* An operation has ended. */
void tally_ended(struct tally *t, const struct conn_op *op);

/* So many operations are under way at now_ns. */
void tally_in_flight(struct tally *t, uint64_t now_ns, uint64_t n);

/* Add what n threads counted to r, which is prepared and of the same options. Returns 0 or
 * -ERR_NOMEM. */
int tally_merge(struct result *r, const struct tally *const *v, size_t n)
    __attribute__((warn_unused_result));

#endif
