/* Owns: the order and the timing of single steps. Leaves the steps to rows_*.c. */
#include "bench/micro/rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/micro/measure.h"
#include "bench/micro/need.h"

static const struct row_group *const groups[] = {&rows_of_messages, &rows_of_clients,
                                                 &rows_of_withdrawal, &rows_of_handshakes,
                                                 &rows_of_connections};

#define GROUPS   (sizeof(groups) / sizeof(groups[0]))
#define ROWS_MAX 64

struct timed {
    const struct row *row;
    void *state;
    size_t calls;
    double spent; /* in this round */
    double *ns;   /* of one call, by round; owned */
};

static void call_row(void *arg)
{
    const struct timed *t = arg;
    for (size_t i = 0; i < t->calls; i++) {
        t->row->call(t->state);
    }
}

static void take_turn(void *arg)
{
    struct timed *t = arg;
    t->spent = measure_work(call_row, t);
}

static void measure(struct timed *timed, size_t n, size_t rounds)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < PKI_CLIENTS; k++) {
            timed[i].row->call(timed[i].state); /* what is made at the first time, of each client */
        }
    }
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < n; i++) {
            measure_turn(take_turn, &timed[i]);
            timed[i].ns[round] = timed[i].spent / (double)timed[i].calls;
        }
    }
}

static void report(struct timed *timed, size_t n, size_t rounds, struct sheet *s)
{
    (void)printf("\n%-58s %9s\n", "single steps", "ns");
    for (size_t i = 0; i < n; i++) {
        const struct sheet_row row = {.name = timed[i].row->name,
                                      .ns = measure_median(timed[i].ns, rounds),
                                      .count = timed[i].calls};
        (void)printf("%-58s %9.0f\n", row.name, row.ns);
        sheet_add(s, "step", timed[i].row->key, &row);
        free(timed[i].ns);
    }
}

void rows_run(const struct pki *pki, size_t rounds, size_t calls, struct sheet *s)
{
    struct scene scene;
    void *states[GROUPS];
    struct timed timed[ROWS_MAX];
    size_t n = 0;
    scene_make(&scene, pki);
    for (size_t g = 0; g < GROUPS; g++) {
        states[g] = groups[g]->set_up(&scene);
        for (size_t i = 0; i < groups[g]->n && n < ROWS_MAX; i++, n++) {
            timed[n] = (struct timed){&groups[g]->rows[i], states[g], calls, 0,
                                      calloc(rounds, sizeof(double))};
            need(timed[n].ns != NULL, "asking for memory");
        }
    }
    measure(timed, n, rounds);
    report(timed, n, rounds, s);
    for (size_t g = 0; g < GROUPS; g++) {
        groups[g]->tear_down(states[g]);
    }
    scene_free(&scene);
}
