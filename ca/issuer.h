/* Whether a certificate and a key may be those of a CA here. Pure. */
#ifndef CA_ISSUER_H
#define CA_ISSUER_H

#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"

enum issuer_use {
    ISSUER_NEW = 0, /* just certified for us: exactly what authority.h asks for */
    ISSUER_TAKEN,   /* made elsewhere, perhaps long ago: what RFC 5280 asks for */
    ISSUER_ROOT     /* certifies issuing CAs */
};

/* Judge x with those above it (its issuer first; NULL or empty: not known) and its key (NULL: not
 * looked at). Always: readable, of version 3, CA:TRUE, keyCertSign and cRLSign, a key of a known
 * kind and strong enough (P-256, P-384, P-521, Ed25519, RSA from 2048 bits), signed with a digest
 * that cannot be forged, in its time at now_s; the key is its own and can sign. Each of those above
 * has issued and signed the one before, may do so (CA:TRUE, keyCertSign, path length), is strong,
 * in its time, and good for at least as long.
 * ISSUER_NEW besides: keyUsage is there, path length 0, a root at the end of those above, and
 * within its time from the beginning. ISSUER_TAKEN may lack keyUsage. ISSUER_ROOT: signed by
 * itself, and with room for a CA below.
 * Returns 0, or -ERR_DENIED with e: the first thing that is wrong, as "it ...". */
int issuer_check(enum issuer_use use, X509 *x, STACK_OF(X509) * above, EVP_PKEY *key, int64_t now_s,
                 struct err *e) __attribute__((warn_unused_result));

/* Those of pool that stand above x, its issuer first, as far as there is one; each has signed the
 * one before. A new stack with references of its own (sk_X509_pop_free), which is empty for a root;
 * NULL without memory. */
STACK_OF(X509) * issuer_chain(X509 *x, STACK_OF(X509) * pool);

#endif
