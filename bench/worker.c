/* Owns: a thread's connections and when their operations begin and expire. Not: what happens on a
 * connection (conn), how it is counted (tally). Runs on its own thread. */
#include "bench/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define EVENTS_MAX      256
#define BEGIN_MAX       64 /* operations begun in one turn, so that answers are not left waiting */
#define TICK_NS         UINT64_C(100000000) /* how often a stop is looked for at least */
#define LINGER_NS       UINT64_C(1000000000)
#define STOP_NS         UINT64_C(1000000000) /* what is under way gets that long after a stop */
#define FAILURE_WAIT_NS UINT64_C(5000000)    /* closed loop: pause when nothing works */
#define NEVER           UINT64_MAX

struct worker {
    const struct worker_plan *plan;
    size_t thread;
    struct conn_shared shared;
    struct tally tally;
    struct schedule schedule;
    struct pick pick;

    struct list busy;   /* operations under way, oldest first */
    struct list idle;   /* open connections, longest idle first */
    struct list linger; /* oldest first */
    struct list spare;  /* memory of closed ones */
    size_t active, idle_count, linger_count;
    size_t limit;  /* of connections with an operation, or kept */
    size_t most;   /* operations under way at once */
    uint64_t left; /* operations still to begin that count; NEVER: no bound */

    uint64_t now;
    uint64_t exhausted_ns; /* until when last no connection was free */
    uint64_t pause_until;  /* closed loop */
    size_t failures_in_row;
    uint64_t last_end_ns; /* of a measured operation */
    bool ending, coarse_wait;
    uint64_t drain_until;
    struct worker_usage usage;
    uint64_t cpu_begin, wait_begin;
    bool usage_begun;
    _Atomic bool ended;
};

const struct tally *worker_tally(const struct worker *w)
{
    return &w->tally;
}

struct worker_usage worker_usage(const struct worker *w)
{
    return w->usage;
}

bool worker_ended(const struct worker *w)
{
    return atomic_load(&w->ended);
}

/* Part `thread` of n shared by all threads; the first get one more if it does not divide. */
static uint64_t part_of(uint64_t n, size_t threads, size_t thread)
{
    return n / threads + (thread < n % threads ? 1 : 0);
}

struct worker *worker_new(const struct worker_plan *plan, size_t thread, struct err *e)
{
    const struct options *o = plan->o;
    struct worker *w = mem_calloc(1, sizeof(*w));
    if (w == NULL) {
        (void)err_set(e, ERR_NOMEM, "out of memory for a thread");
        return NULL;
    }
    w->plan = plan;
    w->thread = thread;
    w->shared.o = o;
    w->shared.ids = plan->ids;
    w->shared.env = &w->tally.r.env;
    w->shared.source_next = thread;
    w->shared.epoll = epoll_create1(EPOLL_CLOEXEC);
    list_init(&w->busy);
    list_init(&w->idle);
    list_init(&w->linger);
    list_init(&w->spare);
    w->limit = (size_t)part_of(o->connections, o->threads, thread);
    w->most = o->in_flight != 0 ? (size_t)part_of(o->in_flight, o->threads, thread) : w->limit;
    w->left = o->operations != 0 ? part_of(o->operations, o->threads, thread) : NEVER;
    lot_init(&w->shared.lot, o->seed, thread);
    pick_init(&w->pick, o, plan->ids->n, plan->zipf, thread);
    if (tally_init(&w->tally, o) != 0) {
        (void)err_set(e, ERR_NOMEM, "out of memory for a thread");
        goto fail;
    }
    if (w->shared.epoll < 0) {
        (void)err_set_errno(e, ERR_IO, errno, "cannot make an epoll descriptor");
        goto fail;
    }
    if (tls_client_init(&w->shared.tls, o, plan->lib, plan->ids->n, e) != 0) {
        goto fail;
    }
    return w;
fail:
    worker_free(w);
    return NULL;
}

static void free_all(struct list *l)
{
    struct list *node = NULL;
    while ((node = list_pop_front(l)) != NULL) {
        struct conn *c = LIST_ENTRY(node, struct conn, link);
        conn_close(c);
        mem_free(c);
    }
}

void worker_free(struct worker *w)
{
    if (w == NULL) {
        return;
    }
    free_all(&w->busy);
    free_all(&w->idle);
    free_all(&w->linger);
    free_all(&w->spare);
    tls_client_fini(&w->shared.tls);
    tally_fini(&w->tally);
    if (w->shared.epoll >= 0) {
        (void)close(w->shared.epoll);
    }
    mem_wipe(w->shared.scratch, sizeof(w->shared.scratch));
    mem_free(w);
}

static bool keeps(const struct worker *w)
{
    return w->plan->o->mode == MODE_KEEPALIVE;
}

/* New connections come first, until there are as many as there may be: then they take turns. */
static bool may_open(const struct worker *w)
{
    return w->active + (keeps(w) ? w->idle_count : 0) < w->limit;
}

static bool can_begin(const struct worker *w)
{
    return w->active < w->most && (may_open(w) || (keeps(w) && w->idle_count > 0));
}

static void retire(struct worker *w, struct conn *c)
{
    conn_close(c);
    list_push_back(&w->spare, &c->link);
}

/* A connection has had its first answer. Told at once, by whichever thread has the last: who
 * listens measures from then on. */
static void note_opened(const struct worker *w)
{
    if (w->plan->unopened != NULL && atomic_fetch_sub(w->plan->unopened, 1) == 1) {
        (void)dprintf(STDERR_FILENO, "opened\n");
    }
}

/* The operation on c has ended. */
static void settle(struct worker *w, struct conn *c)
{
    const struct conn_op *op = &c->op;
    /* What became due while it was under way waited for a connection, though nobody looked then. */
    w->exhausted_ns = can_begin(w) ? w->exhausted_ns : op->end_ns;
    list_remove(&c->link);
    w->active--;
    w->failures_in_row = op->outcome == RESULT_OK ? 0 : w->failures_in_row + 1;
    w->usage.local_limit = w->usage.local_limit || op->outcome == RESULT_LOCAL;
    if (op->measured) {
        w->last_end_ns = op->end_ns;
    }
    tally_ended(&w->tally, op);
    if (op->outcome == RESULT_OK || op->outcome == RESULT_STATUS || op->outcome == RESULT_PAIRING) {
        if (c->state == CONN_IDLE) {
            if (op->fresh) {
                note_opened(w);
            }
            list_push_back(&w->idle, &c->link);
            w->idle_count++;
            return;
        }
        if (c->state == CONN_LINGER && c->fd >= 0) {
            list_push_back(&w->linger, &c->link);
            w->linger_count++;
            return;
        }
    }
    retire(w, c);
}

static struct conn *spare_conn(struct worker *w)
{
    struct list *node = list_pop_front(&w->spare);
    return node != NULL ? LIST_ENTRY(node, struct conn, link) : mem_alloc(sizeof(struct conn));
}

static bool begin(struct worker *w, uint64_t due)
{
    struct conn *c = NULL;
    enum conn_event event = CONN_WAIT;
    if (may_open(w)) {
        c = spare_conn(w);
        if (c == NULL) {
            w->usage.local_limit = true;
            return false;
        }
        event = conn_open(c, &w->shared, pick_next(&w->pick, &w->shared.lot), due);
    } else {
        c = LIST_ENTRY(list_pop_front(&w->idle), struct conn, link);
        w->idle_count--;
        event = conn_again(c, due);
    }
    c->op.measured = due >= w->plan->begin_ns && due < w->plan->end_ns;
    if (c->op.measured && w->left != NEVER) {
        w->left--;
    }
    w->active++;
    list_push_back(&w->busy, &c->link);
    tally_begun(&w->tally, &c->op, w->exhausted_ns >= due && w->exhausted_ns != 0);
    if (event == CONN_ENDED) {
        settle(w, c);
    }
    return true;
}

/* What the warm-up left undone is not carried into the measured part: it would be all that is done
 * there if the server is slow. */
static void forget_warm_up(struct worker *w)
{
    while (w->now >= w->plan->begin_ns && w->schedule.due_ns < w->plan->begin_ns) {
        schedule_advance(&w->schedule, &w->shared.lot);
    }
}

static void begin_scheduled(struct worker *w)
{
    forget_warm_up(w);
    for (int i = 0; i < BEGIN_MAX && w->schedule.due_ns <= w->now && w->left > 0; i++) {
        if (!can_begin(w)) {
            w->exhausted_ns = w->now;
            return;
        }
        if (!begin(w, w->schedule.due_ns)) {
            return;
        }
        schedule_advance(&w->schedule, &w->shared.lot);
    }
}

static void begin_closed(struct worker *w)
{
    if (w->failures_in_row > w->limit + 16) {
        w->failures_in_row = 0;
        w->pause_until = w->now + FAILURE_WAIT_NS;
    }
    for (int i = 0; i < BEGIN_MAX && w->now >= w->pause_until && w->left > 0 && can_begin(w); i++) {
        if (!begin(w, clock_mono_ns())) {
            return;
        }
    }
}

static void on_event(struct worker *w, struct conn *c)
{
    bool was_idle = c->state == CONN_IDLE;
    bool was_linger = c->state == CONN_LINGER;
    enum conn_event event = conn_step(c);
    if (event == CONN_ENDED) {
        settle(w, c);
    } else if (event == CONN_CLOSED) {
        w->idle_count -= was_idle;
        w->linger_count -= was_linger;
        list_remove(&c->link);
        retire(w, c);
    }
}

static void expire(struct worker *w)
{
    uint64_t timeout = w->plan->o->timeout_ms * 1000000;
    while (!list_empty(&w->busy)) {
        struct conn *c = LIST_ENTRY(w->busy.next, struct conn, link);
        if (c->op.begin_ns + timeout > w->now) {
            break;
        }
        conn_expire(c);
        settle(w, c);
    }
    while (!list_empty(&w->linger)) {
        struct conn *c = LIST_ENTRY(w->linger.next, struct conn, link);
        if (c->linger_ns + LINGER_NS > w->now && w->linger_count <= w->limit) {
            break;
        }
        list_remove(&c->link);
        w->linger_count--;
        retire(w, c);
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* How long nothing is due, in nanoseconds. */
static uint64_t quiet_ns(const struct worker *w)
{
    uint64_t next = w->now + TICK_NS;
    bool free_one = can_begin(w) && w->left > 0;
    if (!w->ending) {
        next = earlier(next, w->plan->end_ns);
        if (free_one) {
            next = earlier(next, w->plan->o->closed ? w->pause_until : w->schedule.due_ns);
        }
    }
    if (!list_empty(&w->busy)) {
        const struct conn *c = LIST_ENTRY(w->busy.next, struct conn, link);
        next = earlier(next, c->op.begin_ns + w->plan->o->timeout_ms * 1000000);
    }
    return next > w->now ? next - w->now : 0;
}

static int wait_events(struct worker *w, struct epoll_event *events)
{
    uint64_t ns = quiet_ns(w);
    struct timespec wait = {.tv_sec = (time_t)(ns / 1000000000),
                            .tv_nsec = (long)(ns % 1000000000)};
    if (!w->coarse_wait) {
        int n = epoll_pwait2(w->shared.epoll, events, EVENTS_MAX, &wait, NULL);
        if (n >= 0 || errno != ENOSYS) {
            return n;
        }
        w->coarse_wait = true; /* Linux before 5.11 */
    }
    return epoll_wait(w->shared.epoll, events, EVENTS_MAX, (int)((ns + 999999) / 1000000));
}

/* Time that this thread was on a CPU, and ready but on none. */
static void read_usage(uint64_t *cpu_ns, uint64_t *wait_ns)
{
    struct timespec t = {0};
    char text[96] = "";
    unsigned long long on = 0;
    unsigned long long ready = 0;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    *cpu_ns = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
    *wait_ns = 0;
    int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    ssize_t n = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    if (n > 0 && sscanf(text, "%llu %llu", &on, &ready) == 2) { /* NOLINT(cert-err34-c): two numbers
                                                                   of the kernel */
        *wait_ns = ready;
    }
}

static void begin_usage(struct worker *w)
{
    if (!w->usage_begun && w->now >= w->plan->begin_ns) {
        w->usage_begun = true;
        w->usage.wall_ns = w->now;
        read_usage(&w->cpu_begin, &w->wait_begin);
    }
}

static void end_usage(struct worker *w)
{
    uint64_t cpu = 0;
    uint64_t wait = 0;
    if (w->usage_begun) {
        read_usage(&cpu, &wait);
        w->usage.cpu_ns = cpu - w->cpu_begin;
        w->usage.wait_ns = wait - w->wait_begin;
        w->usage.wall_ns = w->now - w->usage.wall_ns;
    }
}

/* What was due until the end, but found no free connection, or nobody looked: this thread did not
 * get to run. */
static void count_not_begun(struct worker *w)
{
    uint64_t until = earlier(w->now, w->plan->end_ns);
    bool is_free = can_begin(w);
    while (!w->plan->o->closed && w->left > 0 && w->schedule.due_ns < until) {
        bool measured = w->schedule.due_ns >= w->plan->begin_ns;
        w->tally.r.not_begun += measured;
        w->usage.overslept += measured && is_free && w->schedule.due_ns >= w->exhausted_ns;
        schedule_advance(&w->schedule, &w->shared.lot);
    }
}

static void check_end(struct worker *w)
{
    bool stopped = atomic_load_explicit(w->plan->stop, memory_order_relaxed) != 0;
    if (w->ending) {
        w->drain_until = stopped ? earlier(w->drain_until, w->now + STOP_NS) : w->drain_until;
        return;
    }
    if (stopped || w->now >= w->plan->end_ns || w->left == 0) {
        w->ending = true;
        w->usage.ended_ns = earlier(w->now, w->plan->end_ns);
        w->drain_until = stopped ? w->now + STOP_NS : NEVER;
        count_not_begun(w);
        end_usage(w);
    }
}

/* A run that ended early was as long as its last operation. */
static void finish(struct worker *w)
{
    if (w->usage.ended_ns < w->plan->end_ns && w->last_end_ns > w->usage.ended_ns) {
        w->usage.ended_ns = w->last_end_ns;
    }
    w->tally.r.tickets = w->shared.tls.tickets;
    w->tally.r.bytes_in = w->shared.bytes_in;
    w->tally.r.bytes_out = w->shared.bytes_out;
    atomic_store(&w->ended, true);
}

static void prepare(struct worker *w)
{
    const struct worker_plan *plan = w->plan;
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    w->tally.begin_ns = plan->begin_ns;
    w->tally.end_ns = plan->end_ns;
    if (!plan->o->closed) {
        schedule_init(&w->schedule, plan->o, plan->rate, plan->start_ns, w->thread, &w->shared.lot);
    }
}

void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct epoll_event events[EVENTS_MAX];
    prepare(w);
    while (w->now < w->plan->start_ns) {
        w->now = clock_mono_ns();
        struct timespec wait = {.tv_nsec = 100000};
        (void)nanosleep(&wait, NULL);
    }
    for (;;) {
        w->now = clock_mono_ns();
        begin_usage(w);
        check_end(w);
        if (!w->ending && w->plan->o->closed) {
            begin_closed(w);
        } else if (!w->ending) {
            begin_scheduled(w);
        }
        tally_in_flight(&w->tally, w->now, w->active);
        if (w->ending && (w->active == 0 || w->now >= w->drain_until)) {
            break;
        }
        int n = wait_events(w, events);
        for (int i = 0; i < n; i++) {
            on_event(w, events[i].data.ptr);
        }
        w->now = clock_mono_ns();
        expire(w);
    }
    finish(w);
    return NULL;
}
