/* Whether a public key is one that nobody else can easily have, and is written in the one way that
 * there is for it. Private to ca. */
#ifndef CA_PUBKEY_H
#define CA_PUBKEY_H

#include <openssl/x509.h>

/* What is wrong with a key that came as spki, in words that go behind "the request has ", or NULL.
 * RSA: public exponent odd, 65537 to 2^256 (FIPS 186-5 5.4); modulus odd, without small factors,
 * not of two primes that lie close together, and not of those that a broken library made
 * (CVE-2017-15361). EC: a named curve (RFC 5480 2.1.1), the point uncompressed and on it. Ed25519:
 * none of the points of small order, with which everybody can sign. The octets must be those that
 * DER has for the key, so that no key looks like two. */
const char *pubkey_fault(const X509_PUBKEY *spki, EVP_PKEY *key);

/* SHA-256 of the DER of a SubjectPublicKeyInfo. Returns 0 or -ERR_CRYPTO. */
int pubkey_digest(const X509_PUBKEY *spki, unsigned char out[32])
    __attribute__((warn_unused_result));

#endif
