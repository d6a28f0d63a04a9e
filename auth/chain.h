/* What RFC 5280 asks of a chain and OpenSSL does not look at. */
#ifndef AUTH_CHAIN_H
#define AUTH_CHAIN_H

#include <openssl/x509.h>

/* Judge built, a chain that OpenSSL accepted, leaf first, anchor last. Returns X509_V_OK or the
 * X509_V_ERR_ code that fits. */
int chain_lint(STACK_OF(X509) * built);

#endif
