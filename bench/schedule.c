/* Owns: the times at which operations are due. */
#include "bench/schedule.h"

#include <math.h>

static void step(struct schedule *s, struct lot *l)
{
    if (s->arrivals == ARRIVALS_POISSON) {
        s->base_ns += -log(1.0 - lot_share(l)) * s->interval_ns;
        s->due_ns = s->start_ns + (uint64_t)s->base_ns;
        return;
    }
    /* By multiplication: sums of rounded intervals would drift. */
    s->due_ns = s->start_ns + (uint64_t)(s->base_ns + (double)s->number * s->interval_ns);
    s->number++;
}

void schedule_init(struct schedule *s, const struct options *o, double rate, uint64_t start_ns,
                   size_t thread, struct lot *l)
{
    double interval = 1e9 / rate * (double)o->threads;
    *s = (struct schedule){.arrivals = o->arrivals, .interval_ns = interval, .start_ns = start_ns};
    if (o->arrivals == ARRIVALS_UNIFORM) {
        s->base_ns = interval * (double)thread / (double)o->threads;
    }
    step(s, l);
}

void schedule_advance(struct schedule *s, struct lot *l)
{
    step(s, l);
}
