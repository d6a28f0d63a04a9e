/* Owns: the threads of a run. Main thread. */
#include "bench/engine.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bench/environment.h"
#include "bench/pick.h"
#include "bench/progress.h"
#include "bench/worker.h"
#include "proxy/tls/library.h"

#define START_DELAY_NS  UINT64_C(20000000)
#define CPU_LIMIT       0.95
#define LATE_SHARE      0.01
#define JUDGED_MIN_NS   UINT64_C(100000000) /* what is shorter says nothing of a thread's load */
#define LATE_MIN        10
#define DESCRIPTORS_OWN 64

struct team {
    struct worker **workers;
    const struct tally **tallies;
    pthread_t *threads;
    size_t n;       /* workers */
    size_t running; /* threads begun */
};

static int raise_descriptors(const struct options *o, struct err *e)
{
    struct rlimit limit;
    /* Each connection may have one beside it that the server has still to close. */
    uint64_t need = o->connections * 2 + o->threads + DESCRIPTORS_OWN;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < need) {
        return err_set(e, ERR_CONFIG,
                       "--connections %llu need %llu descriptors and this process may have %llu: "
                       "take fewer, or raise it (ulimit -Hn)",
                       (unsigned long long)o->connections, (unsigned long long)need,
                       (unsigned long long)limit.rlim_max);
    }
    return 0;
}

int engine_init(struct engine *g, const struct options *o, struct err *e)
{
    const char *why = NULL;
    memset(g, 0, sizeof(*g));
    g->o = o;
    (void)signal(SIGPIPE, SIG_IGN);
    int rc = raise_descriptors(o, e);
    if (rc == 0) {
        g->lib = o->stock_library ? NULL : library_context(&why);
        rc = identities_load(o, g->lib, &g->ids, e);
    }
    if (rc == 0 && o->pick == PICK_ZIPF) {
        g->zipf = pick_zipf_table(g->ids.n, o->zipf);
        rc = g->zipf != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for the clients");
    }
    return rc;
}

void engine_fini(struct engine *g)
{
    identities_free(&g->ids);
    mem_free(g->zipf);
    g->zipf = NULL;
}

static int team_begin(struct team *team, const struct worker_plan *plan, struct err *e)
{
    size_t n = plan->o->threads;
    team->workers = mem_calloc(n, sizeof(struct worker *));
    team->tallies = mem_calloc(n, sizeof(struct tally *));
    team->threads = mem_calloc(n, sizeof(*team->threads));
    if (team->workers == NULL || team->tallies == NULL || team->threads == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the threads");
    }
    for (; team->n < n; team->n++) {
        team->workers[team->n] = worker_new(plan, team->n, e);
        if (team->workers[team->n] == NULL) {
            return -(int)e->code;
        }
        team->tallies[team->n] = worker_tally(team->workers[team->n]);
    }
    return 0;
}

static int team_start(struct team *team, struct err *e)
{
    for (; team->running < team->n; team->running++) {
        int rc = pthread_create(&team->threads[team->running], NULL, worker_main,
                                team->workers[team->running]);
        if (rc != 0) {
            return err_set_errno(e, ERR_IO, rc, "cannot start a thread");
        }
    }
    return 0;
}

static void team_free(struct team *team)
{
    for (size_t i = 0; i < team->n; i++) {
        worker_free(team->workers[i]);
    }
    mem_free(team->workers);
    mem_free((void *)team->tallies);
    mem_free(team->threads);
}

static bool all_ended(const struct team *team)
{
    for (size_t i = 0; i < team->running; i++) {
        if (!worker_ended(team->workers[i])) {
            return false;
        }
    }
    return true;
}

static void watch(const struct team *team, const struct worker_plan *plan, const char *label)
{
    struct progress p;
    progress_init(&p, label, plan->o->quiet, plan->start_ns, plan->end_ns);
    while (!all_ended(team)) {
        struct timespec wait = {.tv_nsec = 20000000};
        (void)nanosleep(&wait, NULL);
        progress_show(&p, clock_mono_ns(), team->tallies, team->n);
    }
    progress_clear(&p);
    for (size_t i = 0; i < team->running; i++) {
        (void)pthread_join(team->threads[i], NULL);
    }
}

/* What the threads themselves cost, and whether they were the limit. */
static void judge_client(const struct team *team, struct result *r)
{
    uint64_t late_client = 0;
    uint64_t overslept = 0;
    uint64_t late_blocked = 0;
    for (size_t i = 0; i < team->n; i++) {
        struct worker_usage u = worker_usage(team->workers[i]);
        bool enough = u.wall_ns >= JUDGED_MIN_NS;
        double share = u.wall_ns != 0 ? (double)u.cpu_ns / (double)u.wall_ns : 0.0;
        double wanted = u.wall_ns != 0 ? (double)(u.cpu_ns + u.wait_ns) / (double)u.wall_ns : 0.0;
        r->client_cpu_ns += u.cpu_ns;
        r->busiest_thread = share > r->busiest_thread ? share : r->busiest_thread;
        r->limits |= enough && wanted >= CPU_LIMIT ? LIMIT_CPU : 0;
        r->limits |= u.local_limit ? LIMIT_LOCAL : 0;
        overslept += u.overslept;
        late_client += team->tallies[i]->late_client;
        late_blocked += team->tallies[i]->late_blocked;
    }
    double started = (double)(r->started != 0 ? r->started : 1);
    late_client += overslept;
    bool late = late_client > LATE_MIN && (double)late_client / started > LATE_SHARE;
    bool blocked = late_blocked > LATE_MIN && (double)late_blocked / started > LATE_SHARE;
    r->limits |= late ? LIMIT_LAG : 0;
    r->limits |= blocked || r->not_begun > overslept ? LIMIT_CONNECTIONS : 0;
}

static int collect(struct engine *g, const struct team *team, const struct worker_plan *plan,
                   struct result *r, struct err *e)
{
    uint64_t ended = 0;
    for (size_t i = 0; i < team->n; i++) {
        uint64_t at = worker_usage(team->workers[i]).ended_ns;
        ended = at > ended ? at : ended;
    }
    r->elapsed_ns = ended > plan->begin_ns ? ended - plan->begin_ns : 0;
    r->interrupted = atomic_load(&g->stop) != 0;
    if (tally_merge(r, team->tallies, team->n) != 0) {
        return err_set(e, ERR_NOMEM, "out of memory for the result");
    }
    judge_client(team, r);
    return 0;
}

int engine_run(struct engine *g, double rate, const char *label, struct result *r, struct err *e)
{
    const struct options *o = g->o;
    struct team team = {0};
    struct worker_plan plan = {
        .o = o, .ids = &g->ids, .lib = g->lib, .zipf = g->zipf, .rate = rate, .stop = &g->stop};
    _Atomic uint64_t unopened = o->connections;
    plan.unopened = o->tell_opened ? &unopened : NULL;
    environment_read(&r->env);
    r->env.identities = g->ids.n;
    tls_client_key_text(g->ids.v[0].cert, r->env.client_key, sizeof(r->env.client_key));
    int rc = team_begin(&team, &plan, e);
    if (rc == 0) {
        plan.start_ns = clock_mono_ns() + START_DELAY_NS;
        plan.begin_ns = plan.start_ns + o->warmup_ms * 1000000;
        plan.end_ns = plan.begin_ns + o->duration_ms * 1000000;
        rc = team_start(&team, e);
        if (rc != 0) {
            atomic_store(&g->stop, 1);
        }
        watch(&team, &plan, label);
    }
    if (rc == 0) {
        rc = collect(g, &team, &plan, r, e);
    }
    team_free(&team);
    return rc;
}
