/* The elder of the two bridges to PKCS#11: an engine of OpenSSL. Private to auth/keys. */
#ifndef AUTH_KEYS_TOKEN_ENGINE_H
#define AUTH_KEYS_TOKEN_ENGINE_H

#include <stdbool.h>

#include <openssl/evp.h>

/* Open the key that uri names by the engine "pkcs11", with pin; module (NULL: the engine's own
 * choice) is the PKCS#11 library. *there: whether there is such an engine. Returns
 * the key or NULL; why stands in OpenSSL's error queue. */
EVP_PKEY *token_engine_open(const char *uri, const char *module, const char *pin, bool *there);

#endif
