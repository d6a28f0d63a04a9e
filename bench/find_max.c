/* Owns: what it means that a rate meets the objective, and the steps on the way. */
#include "bench/find_max.h"

#include <stdio.h>

#include "base/mem.h"
#include "bench/search.h"

static struct result_step step_of(const struct options *o, double rate, const struct result *r)
{
    struct result_step step = {
        .rate = rate,
        .reached = result_rate(r),
        .slo_ns = hist_fine_percentile(result_latency(r, PART_TOTAL), o->slo.percent),
        .failed = result_failed(r),
        .client_limited = (r->limits & (unsigned)(LIMIT_CPU | LIMIT_LAG | LIMIT_LOCAL)) != 0,
    };
    step.met = r->by_class[RESULT_OK] > 0 && step.failed == 0 && r->not_begun == 0 &&
               step.slo_ns < o->slo.limit_ns;
    return step;
}

/* from takes the place of to; the steps stay with to. */
static void replace(struct result *to, struct result *from)
{
    struct result_step *steps = to->steps;
    size_t step_count = to->step_count;
    to->steps = NULL;
    result_fini(to);
    *to = *from;
    to->steps = steps;
    to->step_count = step_count;
    *from = (struct result){0};
}

/* One rate. *met is only set on 0. */
static int try_rate(struct engine *g, const struct search *s, struct result *best, bool *met,
                    struct err *e)
{
    struct result r;
    struct result_step step;
    char label[64];
    (void)snprintf(label, sizeof(label), "[step %zu: %.1f/s] ", s->steps + 1, s->rate);
    int rc = result_init(&r, g->o);
    if (rc != 0) {
        rc = err_set(e, ERR_NOMEM, "out of memory for the result");
        goto out;
    }
    rc = engine_run(g, s->rate, label, &r, e);
    if (rc != 0) {
        goto out;
    }
    step = step_of(g->o, s->rate, &r);
    *met = step.met;
    if (r.interrupted) {
        best->interrupted = true;
        if (best->step_count > 0) {
            goto out;
        }
    }
    best->steps[best->step_count++] = step;
    if (step.met || s->low <= 0.0) {
        replace(best, &r);
    }
out:
    result_fini(&r);
    return rc;
}

int find_max_run(struct engine *g, struct result *r, struct err *e)
{
    struct search s;
    bool more = true;
    r->steps = mem_calloc(SEARCH_STEPS_MAX, sizeof(*r->steps));
    if (r->steps == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the result");
    }
    search_init(&s, g->o->rate);
    while (more) {
        bool met = false;
        int rc = try_rate(g, &s, r, &met, e);
        if (rc != 0) {
            return rc;
        }
        if (r->interrupted) {
            break;
        }
        more = search_tell(&s, met);
    }
    r->converged = search_converged(&s);
    r->max_low = s.low;
    r->max_high = s.high;
    return 0;
}
