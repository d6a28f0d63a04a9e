/* PKCS#12 files (RFC 7292): a key, its certificate and those above it, under one password. */
#ifndef CA_PKCS12_H
#define CA_PKCS12_H

#include <stdbool.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/err.h"
#include "ca/key.h"

struct pkcs12_wish {
    EVP_PKEY *key; /* of leaf */
    X509 *leaf;
    const struct ca_key *ca; /* who signed it; its certificates stand behind */
    const char *name;        /* shown by those who import it */
    const char *password;
    bool old; /* 3DES and SHA-1, for those who read nothing newer */
};

/* Append the file: PBES2 with AES-256-CBC and PBKDF2 by HMAC-SHA256, MAC by SHA-256. Returns 0,
 * -ERR_CRYPTO, -ERR_FULL or -ERR_NOMEM with e. */
int pkcs12_write(const struct pkcs12_wish *w, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
