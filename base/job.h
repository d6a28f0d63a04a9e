/* A bounded pool of threads for work that would block a loop. Jobs hold copies, no pointers into
 * the loop's objects. The submitting thread collects finished jobs itself. */
#ifndef BASE_JOB_H
#define BASE_JOB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"

struct job {
    void (*run)(struct job *j);  /* on a pool thread */
    void (*done)(struct job *j); /* on the collecting thread, exactly once; may free j */
    struct list link;            /* the pool's */
};

struct job_pool;

/* threads >= 1 (started at once, at lower priority by nice_by, 0-19); at most queue_max jobs wait.
 * wake(arg) is called from a pool thread when finished jobs are there to collect; it must be
 * thread-safe and short, and one call may stand for several jobs. NULL on failure. */
struct job_pool *job_pool_new(unsigned threads, size_t queue_max, int nice_by,
                              void (*wake)(void *arg), void *arg);

/* Queue j (borrowed until done). Returns 0, or -ERR_BUSY when queue_max wait: done then never
 * comes. */
int job_submit(struct job_pool *p, struct job *j) __attribute__((warn_unused_result));

/* Call done for every finished job, on this thread. */
void job_collect(struct job_pool *p);

/* Jobs that wait or run. */
size_t job_pending(const struct job_pool *p);

/* Finish what runs, drop what waits without running it, join the threads, call every done that is
 * owed (also for the dropped ones: done must cope with a job that never ran), free. No done may
 * submit to p any more. NULL is fine. */
void job_pool_free(struct job_pool *p);

#endif
