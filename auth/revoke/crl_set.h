/* What a set of CRLs holds, shared by reading and asking (crl.c) and by handing over (crl_pack.c)
 * alone. */
#ifndef AUTH_REVOKE_CRL_SET_H
#define AUTH_REVOKE_CRL_SET_H

#include "auth/revoke/crl.h"

/* One CRL. Serials stand in records of the same width, sorted as octets. */
struct crl {
    X509_NAME *issuer;
    ASN1_OCTET_STRING *key_id; /* of the CA that signed; NULL if it has none */
    unsigned char key_digest[32];
    int64_t this_s;
    int64_t next_s;
    size_t width;
    size_t count;
    const unsigned char *serials;
    unsigned char *owned; /* the same, or NULL if they are borrowed from the set's block */
    struct str der;       /* the whole CRL, or empty */
    char *owned_der;      /* the same; NULL likewise */
};

struct crl_set {
    struct crl *v;
    size_t n;
    bool keeps_der;
    struct derived *block; /* what serials and CRLs are borrowed from; a reference, or NULL */
};

/* Drop what c owns. */
void crl_release(struct crl *c);

#endif
