/* Where a CA's key and certificates come from: files of the usual forms, and stores that a URI
 * names. Whether they fit and may be used is for issuer.h. One thread. */
#ifndef CA_KEY_FILE_H
#define CA_KEY_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"

#define KEY_PASSPHRASE_MAX 1024 /* octets */

/* A passphrase or PIN. given false: there is none. */
struct key_passphrase {
    char text[KEY_PASSPHRASE_MAX + 1]; /* NUL-ended */
    size_t n;
    bool given;
};

/* The first line of the file at path, without its line end; a file that others can read is refused.
 * Wiped by the caller (mem_wipe). Returns 0, or with e: -ERR_IO, -ERR_CONFIG (its mode),
 * -ERR_TOO_LARGE. */
int key_file_passphrase(const char *path, struct key_passphrase *p, struct err *e)
    __attribute__((warn_unused_result));

/* Open the private key at where: a file (PEM or DER, encrypted or not), which others must not be
 * able to read; or a URI that a store of OpenSSL knows, a PKCS#11 one with p as its PIN. Nobody is
 * asked for another passphrase than p. *out: the caller's. Returns 0, or with e, which never holds
 * a secret: -ERR_IO, -ERR_CONFIG (its mode), -ERR_DENIED (the passphrase is needed or wrong),
 * -ERR_MALFORMED (no key), -ERR_NOT_FOUND, -ERR_UNSUPPORTED (as token_open_key()). */
int key_file_open(const char *where, const struct key_passphrase *p, EVP_PKEY **out, struct err *e)
    __attribute__((warn_unused_result));

/* True if where is a URI and no path. */
bool key_file_is_uri(const char *where);

/* All certificates of the file at path in its order, at least one: PEM, or one in DER. *out: the
 * caller's, with what is in it. Returns 0, or -ERR_IO, -ERR_TOO_LARGE, -ERR_MALFORMED with e. */
int key_file_certificates(const char *path, STACK_OF(X509) * *out, struct err *e)
    __attribute__((warn_unused_result));

/* A PKCS#12 file: its key, and its certificates with that of the key first. Others must not be
 * able to read it. Returns 0 with *key and *certificates, the caller's; -ERR_UNSUPPORTED (is none,
 * and may be something else); -ERR_CONFIG (its mode); -ERR_DENIED (the passphrase is needed or
 * wrong); -ERR_MALFORMED (holds no key with its certificate, or is encrypted in a way that is no
 * longer safe); -ERR_IO, -ERR_TOO_LARGE; with e. */
int key_file_pkcs12(const char *path, const struct key_passphrase *p, EVP_PKEY **key,
                    STACK_OF(X509) * *certificates, struct err *e)
    __attribute__((warn_unused_result));

#endif
