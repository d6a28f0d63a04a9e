/* SipHash-2-4: a keyed hash of 64 bits, quick on short texts. Nobody without the key can choose
 * texts whose hashes meet. It is no password hash. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stdint.h>

#include "base/str.h"

#define SIPHASH_KEY 16

/* The hash of s under key, SIPHASH_KEY octets. Source: Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF", 2012. */
uint64_t siphash(const unsigned char *key, struct str s);

#endif
