/* The signature over a handshake by which a side shows that the key of its certificate is its own:
 * CertificateVerify of TLS 1.3 (RFC 8446 4.4.3). The signatures are OpenSSL's. Private to
 * proxy/tls. A proof_key belongs to one thread. */
#ifndef PROXY_TLS_PROOF_H
#define PROXY_TLS_PROOF_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "base/str.h"

#define PROOF_MAX 2048 /* octets of a signature, of RSA with 16,384 bits */

#define PROOF_SCHEMES_IN_MAX 2 /* one and the same signature of a certificate may be called so */

/* What is signed. */
struct proof {
    bool by_client;    /* whose it is */
    struct str digest; /* of the transcript before it */
};

/* A key that signs, or whose signatures are verified, by one scheme. */
struct proof_key;

/* The numbers of the schemes (RFC 8446 4.2.3) that a client may sign with, by preference, two
 * octets each, with those that only certificates may be signed with behind them. */
struct str proof_schemes(void);

/* The scheme that a server with key signs with, 0 if it is a key of another kind than P-256, P-384,
 * Ed25519, Ed448 or RSA. */
unsigned proof_scheme_of(const EVP_PKEY *key);

/* The schemes that say how certificate x is signed, in out; how many. 0: not in a way that
 * proof_schemes() has. */
size_t proof_schemes_in(X509 *x, unsigned out[PROOF_SCHEMES_IN_MAX]);

/* Set up key for scheme, to sign or to verify, in library (borrowed; NULL: the default context).
 * NULL if OpenSSL fails: its error queue says why. Any number of signatures may be made or verified
 * with it, which takes less than setting it up. */
struct proof_key *proof_key_new(OSSL_LIB_CTX *library, unsigned scheme, EVP_PKEY *key, bool signs)
    __attribute__((warn_unused_result));

/* Free it; NULL is fine. */
void proof_key_free(struct proof_key *k);

/* Sign p with k, in out, *n octets. False if OpenSSL fails. */
bool proof_sign(const struct proof *p, const struct proof_key *k, unsigned char out[PROOF_MAX],
                size_t *n) __attribute__((warn_unused_result));

enum proof_fit {
    PROOF_FITS_NOT = 0,
    PROOF_OTHER_CURVE, /* all fits but that */
    PROOF_FITS
};

/* Whether scheme is one that a client with key may sign with. */
enum proof_fit proof_fits(unsigned scheme, const EVP_PKEY *key);

/* True if signature is by k over p. */
bool proof_holds(const struct proof *p, const struct proof_key *k, struct str signature)
    __attribute__((warn_unused_result));

#endif
