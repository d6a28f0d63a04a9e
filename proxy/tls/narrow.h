/* A library context of OpenSSL that knows only what TLS needs. Private to proxy/tls.
 *
 * OpenSSL 3.0 and 3.1 try every decoder and every key manager that they see for each public key
 * that they read, and that costs more than the cryptography of a handshake. In this context there
 * are few to try. It adds no algorithm: everything in it is the default provider's, but for a
 * shorter way to read P-256 keys (narrow_p256.h). */
#ifndef PROXY_TLS_NARROW_H
#define PROXY_TLS_NARROW_H

#include <openssl/types.h>

/* The context of this process, made at the first call, kept to the end; may be called from any
 * thread. NULL: it cannot be made. */
OSSL_LIB_CTX *narrow_context(void);

#endif
