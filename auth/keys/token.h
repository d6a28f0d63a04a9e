/* Private keys in tokens, by way of whatever bridge from OpenSSL to PKCS#11 there is, and in other
 * stores that a provider of OpenSSL knows. */
#ifndef AUTH_KEYS_TOKEN_H
#define AUTH_KEYS_TOKEN_H

#include <openssl/evp.h>

#include "base/err.h"
#include "base/str.h"

/* Octets of a PIN at most. */
#define TOKEN_PIN_MAX 255

/* Open the key that uri names (RFC 7512, as syntax_pkcs11() takes it; or with another scheme, that
 * a provider of OpenSSL knows), with pin (may be empty, for a token that needs none; no NUL in it).
 * Nobody is asked for another. module-path in a PKCS#11 URI is for the bridge: the PKCS#11 library
 * to load, the same for all keys of a process. A library is loaded into this process and stays
 * there; a fork must not use what was opened before it. *out: the caller's. Returns 0, or with e:
 * -ERR_UNSUPPORTED (no bridge, no such library, nobody knows the scheme), -ERR_NOT_FOUND (no such
 * key, or the PIN is wrong), -ERR_TOO_LARGE, -ERR_DENIED (such a PIN cannot be). */
int token_open_key(struct str uri, struct str pin, EVP_PKEY **out, struct err *e)
    __attribute__((warn_unused_result));

#endif
