/* Owns: SipHash-2-4. Pure, any thread. */
#include "base/siphash.h"

#include <endian.h>
#include <string.h>

struct state {
    uint64_t v0;
    uint64_t v1;
    uint64_t v2;
    uint64_t v3;
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void rounds(struct state *s, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 = rotate(s->v2, 32);
    }
}

/* Eight octets, the first the lowest. */
static uint64_t word_at(const void *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return le64toh(word);
}

/* What is left at the end, at most 7 octets, and the length above it. */
static uint64_t last_word(struct str s, size_t at)
{
    uint64_t word = (uint64_t)s.n << 56;
    for (size_t i = 0; i < s.n - at; i++) {
        word |= (uint64_t)(unsigned char)s.p[at + i] << (8 * i);
    }
    return word;
}

static void take(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    rounds(s, 2);
    s->v0 ^= word;
}

uint64_t siphash(const unsigned char *key, struct str s)
{
    const uint64_t k0 = word_at(key);
    const uint64_t k1 = word_at(key + 8);
    struct state state = {.v0 = k0 ^ UINT64_C(0x736f6d6570736575),
                          .v1 = k1 ^ UINT64_C(0x646f72616e646f6d),
                          .v2 = k0 ^ UINT64_C(0x6c7967656e657261),
                          .v3 = k1 ^ UINT64_C(0x7465646279746573)};
    size_t at = 0;
    while (s.n - at >= 8) {
        take(&state, word_at(s.p + at));
        at += 8;
    }
    take(&state, last_word(s, at));
    state.v2 ^= 0xff;
    rounds(&state, 4);
    return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}
