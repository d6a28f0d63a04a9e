/* Taking DER apart without a copy. Pure, any thread. */
#ifndef AUTH_REVOKE_DER_H
#define AUTH_REVOKE_DER_H

#include <stdbool.h>

#include "base/str.h"

enum {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_CONTEXT_0 = 0xa0
};

#define DER_HEADER_MAX 6 /* octets that der_header() writes at most */

/* One value. */
struct der {
    unsigned char tag;
    struct str body;  /* its content */
    struct str whole; /* with tag and length */
};

/* Take the value at the front of *rest. Both spans borrow like *rest. Returns false, *rest
 * untouched, at the end and for what is no DER (X.690 10.1): a length that is indefinite, longer
 * than needed, over 4 octets, or past the end; tags of several octets. */
bool der_next(struct str *rest, struct der *out) __attribute__((warn_unused_result));

/* The same, if it has that tag. What is optional may be taken without asking: *out is untouched if
 * it is not there, and whatever is in its place stays in *rest. */
bool der_take(struct str *rest, unsigned char tag, struct der *out);

/* Write tag and length for a content of n octets, which must be below 2^32. Returns how many
 * octets that took. */
size_t der_header(unsigned char tag, size_t n, unsigned char out[DER_HEADER_MAX]);

#endif
