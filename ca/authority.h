/* Making a CA: its keys and its own certificates, on disk. */
#ifndef CA_AUTHORITY_H
#define CA_AUTHORITY_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "base/str.h"

/* What makes a CA's certificate differ from another's. */
struct authority_wish {
    struct str name;    /* commonName; UTF-8, 1-64 octets */
    struct str company; /* organizationName; empty: none */
    int path_length;    /* CAs below it; 0: it issues to clients alone */
    uint32_t life_days; /* cut to the end of its issuer's */
    bool exact;         /* it was asked for: more than the issuer has left is refused, not cut */
    int64_t now_ms;
};

/* A new key: "p256", "p384", "ed25519", "rsa2048", "rsa3072", "rsa4096". Returns 0 with *out
 * (EVP_PKEY_free), -ERR_UNSUPPORTED for another word, -ERR_CRYPTO, with e. */
int authority_key(struct str kind, EVP_PKEY **out, struct err *e)
    __attribute__((warn_unused_result));

/* A certificate of a CA for key (public half): v3, CA:TRUE with the path length, keyCertSign and
 * cRLSign, both critical (RFC 5280 4.2.1.3, 4.2.1.9), random serial of 159 bits. issuer NULL:
 * signed by key itself, a root; otherwise by issuer_key. Returns 0 with *out (X509_free), or
 * -ERR_CRYPTO, -ERR_DENIED (issuer may not have such a CA below it, is not in its time, or ends too
 * soon for an exact life), with e. */
int authority_certificate(const struct authority_wish *w, EVP_PKEY *key, X509 *issuer,
                          EVP_PKEY *issuer_key, X509 **out, struct err *e)
    __attribute__((warn_unused_result));

/* A request for the certificate of an issuing CA, to be signed by a root elsewhere: name and
 * company as in authority_wish, with what authority_certificate() puts in as extensions, so that
 * others than ours do so too. Returns 0 with *out (X509_REQ_free), or -ERR_CRYPTO with e. */
int authority_request(struct str name, struct str company, EVP_PKEY *key, X509_REQ **out,
                      struct err *e) __attribute__((warn_unused_result));

/* Write key to path as PKCS#8 PEM, mode 0600, encrypted (AES-256, PBKDF2) if passphrase.p is not
 * NULL. The file must not exist, and is on the disk when this returns. Returns 0, -ERR_EXISTS,
 * -ERR_IO, -ERR_CRYPTO, with e; nothing is left then. */
int authority_write_key(const char *path, EVP_PKEY *key, struct str passphrase, struct err *e)
    __attribute__((warn_unused_result));

/* Write certificates (n of them, one after the other) to path as PEM, mode 0644; as above. */
int authority_write_certificates(const char *path, X509 *const *certificates, size_t n,
                                 struct err *e) __attribute__((warn_unused_result));

/* Write a request likewise. */
int authority_write_request(const char *path, X509_REQ *request, struct err *e)
    __attribute__((warn_unused_result));

#endif
