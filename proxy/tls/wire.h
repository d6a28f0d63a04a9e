/* Reading the vectors of TLS's presentation language (RFC 8446 3.4): a length, and as many octets.
 * Private to proxy/tls. Pure functions. */
#ifndef PROXY_TLS_WIRE_H
#define PROXY_TLS_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* The number in the first n octets (to 3) of s, the highest first; s has as many. */
static inline size_t wire_number(struct str s, size_t n)
{
    size_t value = 0;
    for (size_t i = 0; i < n; i++) {
        value = value << 8 | (unsigned char)s.p[i];
    }
    return value;
}

/* Cut a number of n octets (to 3) off the front of *rest. False if there are fewer. */
static inline bool wire_cut_number(struct str *rest, size_t n, size_t *value)
{
    if (rest->n < n) {
        return false;
    }
    *value = wire_number(*rest, n);
    *rest = str_slice(*rest, n, rest->n);
    return true;
}

/* Cut n octets off the front of *rest. False if there are fewer. */
static inline bool wire_cut(struct str *rest, size_t n, struct str *out)
{
    if (rest->n < n) {
        return false;
    }
    *out = str_slice(*rest, 0, n);
    *rest = str_slice(*rest, n, rest->n);
    return true;
}

/* Cut a vector whose length stands in length_n octets (to 3) off the front of *rest. False if it is
 * not whole; *rest is of no use then. */
static inline bool wire_cut_vector(struct str *rest, size_t length_n, struct str *out)
{
    size_t n = 0;
    return wire_cut_number(rest, length_n, &n) && wire_cut(rest, n, out);
}

#endif
