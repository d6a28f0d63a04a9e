/* The job pool: bounded queue, every accepted job's done exactly once, threads without signals. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/job.c" /* NOLINT(bugprone-suspicious-include): to see stop */
#include "base/job.h"
#include "tests/support/check.h"

struct work {
    struct job job;
    struct job_pool *pool;
    sem_t *started;
    sem_t *release;
    pthread_t runner;
    pthread_t collector;
    int niceness;
    sigset_t mask;
    int runs;
    int dones;
};

static sem_t wakes;

static void on_wake(void *arg)
{
    (void)arg;
    sem_post(&wakes);
}

static void run(struct job *j)
{
    struct work *w = (struct work *)j;
    w->runs++;
    w->runner = pthread_self();
    w->niceness = getpriority(PRIO_PROCESS, (id_t)gettid());
    pthread_sigmask(SIG_SETMASK, NULL, &w->mask);
    if (w->started != NULL) {
        sem_post(w->started);
    }
    if (w->release != NULL) {
        sem_wait(w->release);
    }
}

static void done(struct job *j)
{
    struct work *w = (struct work *)j;
    w->dones++;
    w->collector = pthread_self();
}

#define WORK(...)                                                                                  \
    {                                                                                              \
        .job = {.run = run, .done = done}, __VA_ARGS__                                             \
    }

static void collect_all(struct job_pool *p)
{
    while (job_pending(p) > 0) {
        sem_wait(&wakes);
        job_collect(p);
    }
    job_collect(p);
}

static void test_queue_full(void **state)
{
    (void)state;
    sem_t started;
    sem_t release;
    sem_init(&started, 0, 0);
    sem_init(&release, 0, 0);
    sem_init(&wakes, 0, 0);
    struct job_pool *p = job_pool_new(1, 2, 0, on_wake, NULL);
    assert_non_null(p);
    struct work busy = WORK(.started = &started, .release = &release);
    struct work waiting[3] = {WORK(.runs = 0), WORK(.runs = 0), WORK(.runs = 0)};
    assert_int_equal(job_submit(p, &busy.job), 0);
    sem_wait(&started);
    assert_int_equal(job_submit(p, &waiting[0].job), 0);
    assert_int_equal(job_submit(p, &waiting[1].job), 0);
    assert_int_equal(job_submit(p, &waiting[2].job), -ERR_BUSY);
    assert_int_equal(job_pending(p), 3);
    job_collect(p);
    assert_int_equal(busy.dones, 0);
    sem_post(&release);
    collect_all(p);
    assert_int_equal(busy.dones, 1);
    assert_int_equal(waiting[0].runs + waiting[1].runs, 2);
    assert_int_equal(waiting[0].dones + waiting[1].dones, 2);
    assert_int_equal(waiting[2].runs + waiting[2].dones, 0);
    assert_int_equal(job_submit(p, &waiting[2].job), 0);
    job_pool_free(p);
    assert_int_equal(waiting[2].dones, 1);
}

static void run_until_stop(struct job *j)
{
    struct work *w = (struct work *)j;
    bool stop = false;
    w->runs++;
    sem_post(w->started);
    while (!stop) {
        pthread_mutex_lock(&w->pool->lock);
        stop = w->pool->stop;
        pthread_mutex_unlock(&w->pool->lock);
        sched_yield();
    }
}

static void test_free_while_queued(void **state)
{
    (void)state;
    sem_t started;
    sem_init(&started, 0, 0);
    sem_init(&wakes, 0, 0);
    struct job_pool *p = job_pool_new(1, 10, 0, on_wake, NULL);
    assert_non_null(p);
    struct work busy = WORK(.started = &started, .pool = p);
    busy.job.run = run_until_stop;
    struct work waiting[2] = {WORK(.runs = 0), WORK(.runs = 0)};
    assert_int_equal(job_submit(p, &busy.job), 0);
    sem_wait(&started);
    assert_int_equal(job_submit(p, &waiting[0].job), 0);
    assert_int_equal(job_submit(p, &waiting[1].job), 0);
    job_pool_free(p);
    assert_int_equal(busy.runs, 1);
    assert_int_equal(busy.dones, 1);
    for (size_t i = 0; i < ROWS(waiting); i++) {
        assert_int_equal(waiting[i].runs, 0);
        assert_int_equal(waiting[i].dones, 1);
    }
}

static void test_threads(void **state)
{
    (void)state;
    sem_init(&wakes, 0, 0);
    struct job_pool *p = job_pool_new(2, 10, 3, on_wake, NULL);
    assert_non_null(p);
    int niceness = getpriority(PRIO_PROCESS, (id_t)gettid());
    struct work w = WORK(.runs = 0);
    assert_int_equal(job_submit(p, &w.job), 0);
    collect_all(p);
    assert_int_equal(w.dones, 1);
    assert_true(pthread_equal(w.collector, pthread_self()));
    assert_false(pthread_equal(w.runner, pthread_self()));
    assert_int_equal(w.niceness, niceness + 3 > 19 ? 19 : niceness + 3);
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t)gettid()), niceness);
    assert_true(sigismember(&w.mask, SIGTERM));
    assert_true(sigismember(&w.mask, SIGHUP));
    sigset_t mine;
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM));
    job_pool_free(p);
}

static void test_many(void **state)
{
    (void)state;
    enum { N = 500 };
    static struct work works[N];
    sem_init(&wakes, 0, 0);
    struct job_pool *p = job_pool_new(3, N, 0, on_wake, NULL);
    assert_non_null(p);
    for (size_t i = 0; i < N; i++) {
        works[i] = (struct work)WORK(.runs = 0);
        assert_int_equal(job_submit(p, &works[i].job), 0);
        job_collect(p);
    }
    collect_all(p);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(works[i].runs, 1);
        assert_int_equal(works[i].dones, 1);
    }
    job_pool_free(p);
}

static void test_not_started(void **state)
{
    (void)state;
    assert_null(job_pool_new(0, 1, 0, on_wake, NULL));
    mem_fail_after(1, true);
    assert_null(job_pool_new(1, 1, 0, on_wake, NULL));
    mem_fail_after(0, false);
    job_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_full),  cmocka_unit_test(test_free_while_queued),
        cmocka_unit_test(test_threads),     cmocka_unit_test(test_many),
        cmocka_unit_test(test_not_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
