/* Owns: the threads and queues of a job pool. Not: what jobs do. job_submit, job_collect and
 * job_pool_free belong to one thread; run and wake happen on the pool's. */
#include "base/job.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

struct job_pool {
    pthread_mutex_t lock; /* guards the two lists, waiting_n and stop */
    pthread_cond_t work;  /* signalled on a submitted job and on stop */
    struct list waiting;
    struct list finished;
    size_t waiting_n;
    bool stop;

    _Atomic size_t pending;
    size_t queue_max;
    int nice_by;
    void (*wake)(void *arg);
    void *wake_arg;
    unsigned threads_n;
    pthread_t threads[];
};

/* The next job, or NULL when the pool stops. */
static struct job *next_job(struct job_pool *p)
{
    struct job *j = NULL;
    pthread_mutex_lock(&p->lock);
    while (!p->stop && list_empty(&p->waiting)) {
        pthread_cond_wait(&p->work, &p->lock);
    }
    if (!p->stop) {
        j = LIST_ENTRY(list_pop_front(&p->waiting), struct job, link);
        p->waiting_n--;
    }
    pthread_mutex_unlock(&p->lock);
    return j;
}

static void finish_job(struct job_pool *p, struct job *j)
{
    pthread_mutex_lock(&p->lock);
    bool first = list_empty(&p->finished);
    list_push_back(&p->finished, &j->link);
    /* Inside the lock: who has collected this job must not see it pending. */
    atomic_fetch_sub(&p->pending, 1);
    pthread_mutex_unlock(&p->lock);
    if (first) {
        p->wake(p->wake_arg);
    }
}

static void *thread_main(void *arg)
{
    struct job_pool *p = arg;
    /* On Linux a priority belongs to the thread. */
    pid_t tid = gettid();
    (void)setpriority(PRIO_PROCESS, (id_t)tid, getpriority(PRIO_PROCESS, (id_t)tid) + p->nice_by);
    struct job *j = next_job(p);
    while (j != NULL) {
        j->run(j);
        finish_job(p, j);
        j = next_job(p);
    }
    return NULL;
}

/* Starts threads until there are as many as wanted; they take no signals. */
static bool start_threads(struct job_pool *p, unsigned wanted)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (p->threads_n < wanted &&
           pthread_create(&p->threads[p->threads_n], NULL, thread_main, p) == 0) {
        p->threads_n++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return p->threads_n == wanted;
}

struct job_pool *job_pool_new(unsigned threads, size_t queue_max, int nice_by,
                              void (*wake)(void *arg), void *arg)
{
    struct job_pool *p = NULL;
    if (threads > 0) {
        p = mem_calloc(1, sizeof(*p) + threads * sizeof(p->threads[0]));
    }
    if (p == NULL) {
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    list_init(&p->waiting);
    list_init(&p->finished);
    p->queue_max = queue_max;
    p->nice_by = nice_by;
    p->wake = wake;
    p->wake_arg = arg;
    if (!start_threads(p, threads)) {
        job_pool_free(p);
        return NULL;
    }
    return p;
}

int job_submit(struct job_pool *p, struct job *j)
{
    int rc = -ERR_BUSY;
    pthread_mutex_lock(&p->lock);
    if (!p->stop && p->waiting_n < p->queue_max) {
        list_push_back(&p->waiting, &j->link);
        p->waiting_n++;
        atomic_fetch_add(&p->pending, 1);
        pthread_cond_signal(&p->work);
        rc = 0;
    }
    pthread_mutex_unlock(&p->lock);
    return rc;
}

void job_collect(struct job_pool *p)
{
    struct list batch;
    list_init(&batch);
    pthread_mutex_lock(&p->lock);
    for (struct list *l = list_pop_front(&p->finished); l != NULL;
         l = list_pop_front(&p->finished)) {
        list_push_back(&batch, l);
    }
    pthread_mutex_unlock(&p->lock);
    for (struct list *l = list_pop_front(&batch); l != NULL; l = list_pop_front(&batch)) {
        struct job *j = LIST_ENTRY(l, struct job, link);
        j->done(j);
    }
}

size_t job_pending(const struct job_pool *p)
{
    return atomic_load(&p->pending);
}

void job_pool_free(struct job_pool *p)
{
    if (p == NULL) {
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->threads_n; i++) {
        pthread_join(p->threads[i], NULL);
    }
    for (struct list *l = list_pop_front(&p->waiting); l != NULL; l = list_pop_front(&p->waiting)) {
        list_push_back(&p->finished, l);
    }
    atomic_store(&p->pending, 0);
    job_collect(p);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}
