/* Which kind and cost of password hash is the most frequent. */
#ifndef AUTH_COSTS_H
#define AUTH_COSTS_H

#include <stddef.h>

#include "auth/store/pwhash.h"
#include "base/str.h"

#define COSTS_MAX 32 /* kinds and costs that are told apart */

struct costs {
    struct {
        char hash[PWHASH_MAX + 1]; /* the first of its kind and cost */
        size_t n;                  /* its length */
        size_t users;
    } seen[COSTS_MAX];
    size_t n;
    size_t best;
};

/* Count one hash (arg: a struct costs, zeroed at first). Copied. */
void costs_add(void *arg, struct str hash);

/* A hash of the most frequent kind and cost; empty if none was counted. Borrows c. */
struct str costs_best(const struct costs *c);

#endif
