/* Owns: which rate is tried next. */
#include "bench/search.h"

#include <math.h>

void search_init(struct search *s, double rate)
{
    *s = (struct search){.rate = rate};
}

bool search_converged(const struct search *s)
{
    return s->low > 0.0 && s->high > 0.0 && s->high / s->low <= SEARCH_CLOSE;
}

bool search_tell(struct search *s, bool met)
{
    s->steps++;
    if (!met && !s->doubt) {
        s->doubt = true;
        return s->steps < SEARCH_STEPS_MAX;
    }
    s->doubt = false;
    if (met) {
        s->low = s->rate;
    } else {
        s->high = s->rate;
    }
    if (s->low > 0.0 && s->high > 0.0) {
        s->rate = sqrt(s->low * s->high);
    } else {
        s->rate = met ? s->rate * 2.0 : s->rate / 2.0;
    }
    return !search_converged(s) && s->steps < SEARCH_STEPS_MAX && s->rate >= SEARCH_RATE_MIN &&
           s->rate <= SEARCH_RATE_MAX;
}
