/* What was measured, and the document of it, "countersign-micro/1", which countersign-bench compare
 * takes. A failure ends the program. */
#ifndef BENCH_MICRO_SHEET_H
#define BENCH_MICRO_SHEET_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/micro/pki.h"

enum { SHEET_MAX = 96, SHEET_KEY = 40 };

struct sheet_row {
    char key[SHEET_KEY];
    const char *name; /* static */
    double ns;        /* median of rounds, of one */
    bool compared;    /* with others of its round: the next two are there */
    double to_first;  /* medians of ratios */
    double to_floor;
    size_t count;   /* how many there are in a round */
    double *rounds; /* ns of one, by round; NULL: not told. In a sheet they are its own */
    size_t round_count;
};

/* In the order of the first round. */
struct sheet {
    size_t n;
    struct sheet_row rows[SHEET_MAX];
};

/* How it was measured. */
struct sheet_terms {
    const char *tls; /* "1.3", "1.2" */
    struct pki_kinds kinds;
    size_t rounds;
    bool keep_memory;
};

/* Add a row, whose key is the two with '_' between. */
void sheet_add(struct sheet *s, const char *table, const char *key, const struct sheet_row *row);

void sheet_free(struct sheet *s);

/* Write the document to a file, over what stands there. */
void sheet_write(const struct sheet *s, const struct sheet_terms *terms, const char *path);

#endif
