/* Owns: the order in which clients come. */
#include "bench/pick.h"

#include <math.h>

#include "base/mem.h"

double *pick_zipf_table(size_t n, double s)
{
    double *table = mem_calloc(n, sizeof(*table));
    double sum = 0.0;
    if (table == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        sum += pow((double)(i + 1), -s);
        table[i] = sum;
    }
    for (size_t i = 0; i < n; i++) {
        table[i] /= sum;
    }
    return table;
}

void pick_init(struct pick *p, const struct options *o, size_t n, const double *table,
               size_t thread)
{
    bool shared = n < o->threads;
    *p = (struct pick){.how = o->pick, .n = n, .zipf = table};
    p->low = shared ? 0 : thread * n / o->threads;
    p->high = shared ? n : (thread + 1) * n / o->threads;
    p->next = shared ? thread % n : p->low;
}

/* The first entry above share. */
static size_t search(const double *table, size_t n, double share)
{
    size_t low = 0;
    size_t high = n - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table[middle] > share) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

size_t pick_next(struct pick *p, struct lot *l)
{
    size_t i = p->next;
    switch (p->how) {
    case PICK_RANDOM:
        return (size_t)lot_below(l, p->n);
    case PICK_ZIPF:
        return search(p->zipf, p->n, lot_share(l));
    case PICK_ROUND_ROBIN:
    default:
        p->next = i + 1 < p->high ? i + 1 : p->low;
        return i;
    }
}
