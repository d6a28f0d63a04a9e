/* Memory that is not needed at the moment, kept for whoever needs its like next: what was used last
 * goes first, as it is still in the processor's caches. One thread. */
#ifndef BASE_SPARES_H
#define BASE_SPARES_H

#include <stdbool.h>
#include <stddef.h>

#define SPARES_MAX 64

/* All cleared is empty. */
struct spares {
    size_t n;
    void *v[SPARES_MAX];
};

/* One of them, now the caller's; NULL if there is none. */
static inline void *spares_take(struct spares *s)
{
    return s->n > 0 ? s->v[--s->n] : NULL;
}

/* Keep p. Returns false if there are enough: p stays the caller's. */
static inline bool spares_give(struct spares *s, void *p)
{
    if (s->n == SPARES_MAX) {
        return false;
    }
    s->v[s->n++] = p;
    return true;
}

#endif
