/* What people paste: DER, PEM, or base64 that has lost its armour. */
#ifndef CA_ARMOUR_H
#define CA_ARMOUR_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define ARMOUR_OCTETS_MAX 16384

/* What is looked for. */
struct armour_kind {
    const char *thing;    /* "request", for errors */
    const char *names[2]; /* of PEM blocks; the second may be NULL */
};

/* The DER in octets: octets itself if it begins like a SEQUENCE; the one PEM block of that kind,
 * with text around it but no other block; or base64 broken into lines anyhow. At most
 * ARMOUR_OCTETS_MAX octets. Returns 0 with *der (n octets; OPENSSL_free), -ERR_TOO_LARGE,
 * -ERR_MALFORMED (a private key beside it, too) or -ERR_NOMEM, with e. */
int armour_open(struct str octets, const struct armour_kind *kind, unsigned char **der, size_t *n,
                struct err *e) __attribute__((warn_unused_result));

#endif
