/* What is put between OpenSSL's TLS and its default provider. Private to proxy/tls.
 *
 * OpenSSL 3.0 and 3.1 try every decoder and every key manager that they see for each public key
 * that they read, and that costs more than the cryptography of a handshake. In a narrow context
 * there are few to try. It adds no algorithm: everything in it is the default provider's, but for a
 * shorter way to read P-256 keys (narrow_p256.h) and to derive those of TLS 1.3 (narrow_kdf.h).
 *
 * Later versions need no such context, and the derivation alone is put beside the default one. */
#ifndef PROXY_TLS_NARROW_H
#define PROXY_TLS_NARROW_H

#include <stdbool.h>

#include <openssl/types.h>

/* The context of this process, made at the first call, kept to the end; may be called from any
 * thread. NULL: it cannot be made. */
OSSL_LIB_CTX *narrow_context(void);

/* A provider in the default context with nothing but the KDF of TLS 1.3. Only who asks gets it,
 * with the property query NARROW_ASKED. That has a property of its own: where a system asks for
 * certain providers by default (default_properties), a query for "provider" would replace that.
 * With NARROW_SAME, there and in the narrow context, keys are derived by OpenSSL, and heard. */
#define NARROW_BESIDE "own-tls13-kdf"
#define NARROW_ASKED  "?countersign.schedule=own"
#define NARROW_SAME   "?countersign.schedule=openssl"
#define NARROW_SHUN   "countersign.kdf!=yes"

/* Load that provider, for as long as the process runs, unless it is there; any thread. False: it
 * cannot be. */
bool narrow_beside(void);

#endif
