/* What one verified certificate says, in the forms in which headers need it. Lives only while they
 * are written. Private to auth/headers. */
#ifndef AUTH_HEADERS_FACTS_H
#define AUTH_HEADERS_FACTS_H

#include <stdint.h>

#include <openssl/x509.h>

#include "base/arena.h"
#include "base/str.h"

/* One attribute of a name. A value that is no text is empty. */
struct facts_attribute {
    const ASN1_OBJECT *type; /* borrowed from the certificate */
    struct str value;        /* UTF-8 */
};

struct facts_name {
    struct facts_attribute *v; /* in the certificate's order */
    size_t n;
    struct str text; /* RFC 2253, printable ASCII */
};

enum facts_san_kind { FACTS_SAN_DNS = 0, FACTS_SAN_EMAIL, FACTS_SAN_URI, FACTS_SAN_IP };

struct facts_san {
    enum facts_san_kind kind;
    struct str value; /* octets as in the certificate; of an IP address its text */
};

struct facts {
    struct str der;
    struct str *chain; /* DER of each; the issuer of the leaf first, the anchor last */
    size_t chain_count;
    struct facts_name subject;
    struct facts_name issuer;
    struct facts_san *sans; /* in the certificate's order */
    size_t san_count;
    struct str serial;         /* upper-case hex, whole octets */
    struct str serial_decimal; /* the same number */
    struct str sha1;           /* lower-case hex, of the DER */
    struct str sha256;
    int64_t not_before_s; /* seconds since 1970 */
    int64_t not_after_s;
};

/* Read leaf and chain (by which it was judged, with or without leaf itself; may be NULL) into *f.
 * Everything is copied to a, but the types of attributes, which borrow from leaf. Returns 0,
 * -ERR_NOMEM, or -ERR_MALFORMED for a certificate whose names, serial number or dates cannot be
 * read, or are longer than 4 KiB. */
int facts_read(struct facts *f, X509 *leaf, STACK_OF(X509) * chain, struct arena *a)
    __attribute__((warn_unused_result));

/* How many attributes of that type name has; *first gets the first of them (NULL: none). */
size_t facts_count(const struct facts_name *name, const ASN1_OBJECT *type, struct str *first);

#endif
