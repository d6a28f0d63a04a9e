/* Owns: the generator. Source of splitmix64: Steele, Lea, Flood 2014. One thread for each. */
#include "bench/lot.h"

uint64_t lot_next(struct lot *l)
{
    l->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = l->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void lot_init(struct lot *l, uint64_t seed, uint64_t stream)
{
    /* Two rounds: rows of neighbouring streams must not be the same row shifted. */
    struct lot first = {seed};
    struct lot second = {lot_next(&first) ^ (stream * UINT64_C(0xd1342543de82ef95))};
    l->state = lot_next(&second);
}

double lot_share(struct lot *l)
{
    return (double)(lot_next(l) >> 11) * 0x1.0p-53;
}

uint64_t lot_below(struct lot *l, uint64_t n)
{
    uint64_t i = (uint64_t)(lot_share(l) * (double)n);
    return i < n ? i : n - 1;
}
