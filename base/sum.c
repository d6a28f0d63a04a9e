/* Owns: nothing. Pure, any thread. */
#include "base/sum.h"

#include <string.h>

#define LANES ((size_t)4)
#define WORD  ((size_t)8)

/* Odd, and with no pattern: from the digits of the golden ratio and of the square roots of 2, 3,
 * 5. */
static const uint64_t factors[LANES] = {0x9e3779b97f4a7c15U, 0x6a09e667f3bcc909U,
                                        0xbb67ae8584caa73bU, 0x3c6ef372fe94f82bU};

static uint64_t turn(uint64_t x)
{
    return x << 31 | x >> 33;
}

/* Each of the steps can be undone, so that lanes which differ once differ to the end. */
static uint64_t mix(uint64_t lane, uint64_t word, uint64_t factor)
{
    return turn((lane ^ word) * factor) + factor;
}

static uint64_t word_at(const char *p)
{
    uint64_t word;
    memcpy(&word, p, WORD);
    return word;
}

uint64_t sum_of(struct str s)
{
    uint64_t lane[LANES] = {1, 2, 3, 4};
    uint64_t sum = s.n;
    size_t i = 0;
    /* Lanes do not wait for each other. */
    for (; i + LANES * WORD <= s.n; i += LANES * WORD) {
        for (size_t k = 0; k < LANES; k++) {
            lane[k] = mix(lane[k], word_at(s.p + i + k * WORD), factors[k]);
        }
    }
    for (; i + WORD <= s.n; i += WORD) {
        lane[0] = mix(lane[0], word_at(s.p + i), factors[0]);
    }
    for (; i < s.n; i++) {
        lane[1] = mix(lane[1], (unsigned char)s.p[i], factors[1]);
    }
    for (size_t k = 0; k < LANES; k++) {
        sum = mix(sum, lane[k], factors[k]);
        sum ^= sum >> 29;
    }
    return sum;
}
