/* The revocation list of an offline root: which CAs below it are no longer good. It has no
 * database; each list is made of the one before. */
#ifndef CA_ROOT_CRL_H
#define CA_ROOT_CRL_H

#include <stdint.h>

#include <openssl/x509.h>

#include "base/err.h"
#include "base/str.h"

struct root_crl_wish {
    X509 *root;
    EVP_PKEY *key;
    X509_CRL *last;    /* NULL: there was none */
    X509 *withdraw;    /* NULL: nobody more than in the last */
    struct str reason; /* of RFC 5280: "superseded", ...; empty: unspecified */
    int64_t now_ms;
    uint32_t life_days; /* to the next update */
};

/* A new list with all that is in the last one and what is to be withdrawn; its number is one more.
 * Returns 0 with *out (X509_CRL_free), or with e: -ERR_DENIED (the last is not signed by this root;
 * what is to be withdrawn is not issued by it), -ERR_EXISTS (is withdrawn already), -ERR_MALFORMED
 * (no such reason for a CA), -ERR_CRYPTO. */
int root_crl_make(const struct root_crl_wish *w, X509_CRL **out, struct err *e)
    __attribute__((warn_unused_result));

#endif
