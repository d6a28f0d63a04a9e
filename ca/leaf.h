/* The one place where a client's certificate is signed. Everything in it is built here; nothing is
 * copied from a request but the public key and the texts that were checked. */
#ifndef CA_LEAF_H
#define CA_LEAF_H

#include <stdint.h>

#include <openssl/x509.h>

#include "base/err.h"
#include "base/str.h"
#include "ca/certificate.h"
#include "ca/key.h"

#define LEAF_BACKDATE_S INT64_C(300) /* for clocks that are slow */

struct leaf_wish {
    EVP_PKEY *key;      /* the public key; borrowed */
    struct str user;    /* commonName, UTF-8, 1-64 octets (RFC 5280 ub-common-name) or more */
    struct str email;   /* SAN rfc822Name; ASCII; empty: the user if that is an e-mail */
    struct str company; /* organizationName; may be empty */
    unsigned char serial[CERTIFICATE_SERIAL_OCTETS]; /* from certificate_serial() */
    int64_t now_ms;                                  /* wall clock */
    uint32_t life_days;                              /* cut to the CA's own end */
    struct str crl_url;                              /* http; empty: no cRLDistributionPoints */
    struct str ocsp_url;                             /* http; empty: no authorityInfoAccess */
};

/* Build and sign: v3; basicConstraints CA:FALSE (critical); keyUsage digitalSignature (critical;
 * with RSA keys keyEncipherment too); extendedKeyUsage clientAuth; SAN with the e-mail; subject and
 * authority key identifiers; notBefore LEAF_BACKDATE_S before now but not before the CA's; no end
 * past the CA's. The result has passed lint_leaf(). Returns 0 with *out (X509_free), or
 * -ERR_CRYPTO, -ERR_NOMEM, -ERR_DENIED (the CA has expired, or lint), with e. */
int leaf_sign(const struct ca_key *ca, const struct leaf_wish *w, X509 **out, struct err *e)
    __attribute__((warn_unused_result));

#endif
