/* Classes of octets, for every check of this folder. */
#ifndef PROXY_HTTP_OCTET_H
#define PROXY_HTTP_OCTET_H

#include <stdbool.h>

#include "base/str.h"

enum octet_class {
    OCTET_TOKEN = 1,   /* tchar (RFC 9110 5.6.2) */
    OCTET_VALUE = 2,   /* in a field value: HTAB, SP, visible, obs-text (RFC 9110 5.5) */
    OCTET_VISIBLE = 4, /* VCHAR: 0x21-0x7e */
    OCTET_URI = 8,     /* in a path or query (RFC 3986), '%', '[' and ']' too, but not '#' */
    OCTET_HOST = 16,   /* "unreserved" of RFC 3986 */
    OCTET_HEX = 32     /* HEXDIG of either case */
};

extern const unsigned char octet_classes[256];

/* True if c is of a class in mask. */
static inline bool octet_is(char c, unsigned mask)
{
    return (octet_classes[(unsigned char)c] & mask) != 0;
}

/* How many octets at the front of s are of OCTET_VALUE. */
size_t octet_value_len(struct str s);

/* True if all of s are. */
static inline bool octet_all_value(struct str s)
{
    return octet_value_len(s) == s.n;
}

/* The value of a hexadecimal digit; c must be of OCTET_HEX. */
static inline unsigned octet_hex(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : ((unsigned)c & 0x0fU) + 9U;
}

#endif
