/* Owns: counting password hashes by kind and cost. Any thread. */
#include "auth/costs.h"

#include <string.h>

void costs_add(void *arg, struct str hash)
{
    struct costs *c = arg;
    struct str cost = pwhash_cost(hash);
    size_t k = 0;
    while (k < c->n && !str_eq(pwhash_cost((struct str){c->seen[k].hash, c->seen[k].n}), cost)) {
        k++;
    }
    if (k == COSTS_MAX || hash.n > PWHASH_MAX) {
        return;
    }
    if (k == c->n) {
        memcpy(c->seen[k].hash, hash.p, hash.n);
        c->seen[k].n = hash.n;
        c->seen[k].users = 0;
        c->n++;
    }
    c->seen[k].users++;
    c->best = c->seen[k].users > c->seen[c->best].users ? k : c->best;
}

struct str costs_best(const struct costs *c)
{
    return c->n > 0 ? (struct str){c->seen[c->best].hash, c->seen[c->best].n} : STR_NONE;
}
