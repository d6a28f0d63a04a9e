/* The steps in building a certificate that leaves and CAs share. Private to ca. */
#ifndef CA_CERTIFICATE_H
#define CA_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/err.h"
#include "base/str.h"

#define CERTIFICATE_SERIAL_OCTETS 20 /* 159 random bits (RFC 5280 4.1.2.2: at most 20 octets) */

/* A fresh serial number: positive, 159 random bits, always of the full length. Returns 0 or
 * -ERR_CRYPTO. */
int certificate_serial(unsigned char serial[CERTIFICATE_SERIAL_OCTETS])
    __attribute__((warn_unused_result));

/* Write it into x. */
bool certificate_set_serial(X509 *x, const unsigned char serial[CERTIFICATE_SERIAL_OCTETS]);

/* Append organizationName (if not empty) and commonName, UTF-8. */
bool certificate_fill_name(X509_NAME *name, struct str company, struct str common_name);

/* The same as the subject. */
bool certificate_set_subject(X509 *x, struct str company, struct str name);

/* From from_s to to_s, both moved into the time of issuer (NULL: no bounds). Returns 0, -ERR_DENIED
 * (now_s is outside the issuer's time) or -ERR_CRYPTO, with e. */
struct certificate_time {
    int64_t now_s;
    int64_t from_s;
    int64_t to_s;
};
int certificate_set_time(X509 *x, const X509 *issuer, const struct certificate_time *t,
                         struct err *e) __attribute__((warn_unused_result));

/* Add the extension nid. value: in the syntax of x509v3_config(5), never a text from outside;
 * issuer: for the authority key identifier. */
bool certificate_add_extension(X509 *x, X509 *issuer, int nid, const char *value);

/* Add how issuer's key is told from others (RFC 5280 4.2.1.1): by its subjectKeyIdentifier, or,
 * where a CA made elsewhere has none, by its issuer and serial number. Of x, or of crl (the other
 * NULL).
 */
bool certificate_add_authority(X509 *x, X509_CRL *crl, X509 *issuer);

/* Whether issuer has issued x, by names and identifiers: the signature is not verified. Returns 1,
 * 0, or -ERR_CRYPTO: one of them cannot be read, as where memory has run out. */
int certificate_is_issued(X509 *issuer, X509 *x);

/* The digest that fits the key; NULL: the key hashes by itself. */
const EVP_MD *certificate_digest(const EVP_PKEY *key);

/* Sign, with the digest that fits the key. */
bool certificate_sign(X509 *x, EVP_PKEY *key);

/* What the library failed to make, unless memory ran out (library.h). Returns -ERR_CRYPTO or
 * -ERR_NOMEM. */
int certificate_failed(struct err *e, const char *what);

#endif
