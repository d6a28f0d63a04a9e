/* A number over octets, to see whether they are still the same. Not for what an adversary may
 * choose: who wants to can make two texts alike. */
#ifndef BASE_SUM_H
#define BASE_SUM_H

#include <stdint.h>

#include "base/str.h"

/* 64 bits over s; another text has another number but once in 2^64. The same on one machine only.
 * Some GB/s. */
uint64_t sum_of(struct str s);

#endif
