/* Owns: reading and writing the heads of DER values. Not: what they mean. Pure, any thread. */
#include "auth/revoke/der.h"

#include <assert.h>

#define LENGTH_OCTETS_MAX 4

/* The length at p[1..], of n octets in all; false if it is not in its shortest form. */
static bool read_length(const unsigned char *p, size_t n, size_t *head, size_t *length)
{
    if (n < 2) {
        return false;
    }
    *head = 2;
    *length = p[1];
    if (p[1] < 0x80) {
        return true;
    }
    size_t octets = p[1] & 0x7fU;
    if (octets == 0 || octets > LENGTH_OCTETS_MAX || n < 2 + octets || p[2] == 0) {
        return false;
    }
    *length = 0;
    for (size_t i = 0; i < octets; i++) {
        *length = *length << 8 | p[2 + i];
    }
    *head += octets;
    return *length >= 0x80;
}

bool der_next(struct str *rest, struct der *out)
{
    const unsigned char *p = (const unsigned char *)rest->p;
    size_t head = 0;
    size_t length = 0;
    if (!read_length(p, rest->n, &head, &length) || (p[0] & 0x1f) == 0x1f ||
        length > rest->n - head) {
        return false;
    }
    out->tag = p[0];
    out->body = (struct str){rest->p + head, length};
    out->whole = (struct str){rest->p, head + length};
    rest->p += head + length;
    rest->n -= head + length;
    return true;
}

bool der_take(struct str *rest, unsigned char tag, struct der *out)
{
    struct str after = *rest;
    struct der found;
    if (!der_next(&after, &found) || found.tag != tag) {
        return false;
    }
    *rest = after;
    *out = found;
    return true;
}

size_t der_header(unsigned char tag, size_t n, unsigned char out[DER_HEADER_MAX])
{
    size_t octets = 0;
    assert(n <= UINT32_MAX);
    for (size_t left = n; n >= 0x80 && left > 0; left >>= 8) {
        octets++;
    }
    out[0] = tag;
    out[1] = octets == 0 ? (unsigned char)n : (unsigned char)(0x80 | octets);
    for (size_t i = 0; i < octets; i++) {
        out[2 + i] = (unsigned char)(n >> 8 * (octets - 1 - i));
    }
    return 2 + octets;
}
