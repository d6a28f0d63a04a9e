/* Owns: the order and the timing of single steps. Leaves the steps to rows_*.c. */
#include "bench/micro/rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/micro/measure.h"
#include "bench/micro/need.h"

static const struct row_group *const groups[] = {&rows_of_messages, &rows_of_clients,
                                                 &rows_of_withdrawal, &rows_of_connections};

#define GROUPS   (sizeof(groups) / sizeof(groups[0]))
#define ROWS_MAX 64

struct timed {
    const struct row *row;
    void *state;
    double *ns; /* by round; owned */
};

/* What is measured of a row in one round; profilers know it by its name. */
static double __attribute__((noinline)) rows_counted(const struct timed *t, size_t calls)
{
    double from = measure_cpu_ns();
    for (size_t i = 0; i < calls; i++) {
        t->row->call(t->state);
    }
    return (measure_cpu_ns() - from) / (double)calls;
}

void rows_run(const struct pki *pki, size_t rounds, size_t calls)
{
    struct scene scene;
    void *states[GROUPS];
    struct timed timed[ROWS_MAX];
    size_t n = 0;
    scene_make(&scene, pki);
    for (size_t g = 0; g < GROUPS; g++) {
        states[g] = groups[g]->set_up(&scene);
        for (size_t i = 0; i < groups[g]->n && n < ROWS_MAX; i++, n++) {
            timed[n] =
                (struct timed){&groups[g]->rows[i], states[g], calloc(rounds, sizeof(double))};
            need(timed[n].ns != NULL, "asking for memory");
            timed[n].row->call(timed[n].state); /* what is made at the first time */
        }
    }
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < n; i++) {
            timed[i].ns[round] = rows_counted(&timed[i], calls);
        }
    }
    (void)printf("\n%-58s %9s\n", "single steps", "ns");
    for (size_t i = 0; i < n; i++) {
        (void)printf("%-58s %9.0f\n", timed[i].row->name, measure_median(timed[i].ns, rounds));
        free(timed[i].ns);
    }
    for (size_t g = 0; g < GROUPS; g++) {
        groups[g]->tear_down(states[g]);
    }
    scene_free(&scene);
}
