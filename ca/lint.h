/* Our own word on a certificate that is to go out. */
#ifndef CA_LINT_H
#define CA_LINT_H

#include <openssl/x509.h>

#include "base/err.h"
#include "ca/key.h"

/* Look at leaf: signed by ca; a positive serial number of 64 to 159 bits; no CA bit; keyUsage
 * digitalSignature (with RSA keyEncipherment too) and extendedKeyUsage clientAuth and nothing else;
 * inside the name constraints of the CA and those above it; validity inside the CA's; a SAN with
 * the e-mail that the common name is (RFC 5280 4.1.2.6); no extension twice; a key other than the
 * CA's and those of the CAs above it. Returns 0, or -ERR_DENIED with e: the first fault. */
int lint_leaf(const struct ca_key *ca, X509 *leaf, struct err *e)
    __attribute__((warn_unused_result));

#endif
