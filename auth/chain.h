/* What RFC 5280 asks of a chain and OpenSSL does not look at, even when strict. */
#ifndef AUTH_CHAIN_H
#define AUTH_CHAIN_H

#include <openssl/x509.h>

/* Judge built, a chain that OpenSSL accepted, leaf first, anchor last. Refused are: a leaf that is
 * a CA's or carries name constraints; below the anchor, certificates of version 1 or 2, serials
 * that are not positive or over 20 octets, known extensions that do not decode, and policy
 * constraints that are not critical; anywhere, empty name constraints and keys other than RSA, EC
 * and EdDSA. Returns X509_V_OK or the X509_V_ERR_ code that fits. */
int chain_lint(STACK_OF(X509) * built);

#endif
