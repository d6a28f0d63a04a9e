/* Certificates that were decoded before, found by their octets: decoding one takes OpenSSL 3 as
 * long as verifying a signature. Only of clients that have shown that they have the key of a good
 * one, so that strangers fill no memory. Bounded; the one that was not asked for longest makes
 * room.
 *
 * One table a worker, for all listeners, that outlives reloads: what is remembered is a decoding,
 * no verdict. All that OpenSSL keeps in the object (the key, its size, what the extensions and the
 * signature's algorithm say) follows from the octets alone; what does not (trust settings, data of
 * an application, caches of policies) is never set: nothing here reads X509_AUX, and policies are
 * not checked. The key belongs to the library context that it was decoded in, so entries are found
 * by that, too; there are two, the default one and the narrow one (library.h), which is made once a
 * process: neither ends before the worker.
 *
 * Keys are digests with a secret in front. Bound to one thread. */
#ifndef PROXY_TLS_DECODED_H
#define PROXY_TLS_DECODED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "base/str.h"

/* The longest DER that is remembered. */
#define DECODED_DER_MAX 8192

struct decoded;

struct decoded_counts {
    uint64_t hits;
    uint64_t added; /* remembered, as they had not been found */
    size_t used;    /* entries now */
};

/* Room for max certificates, of some 8 KiB each; 0: none is remembered. NULL without memory. */
struct decoded *decoded_new(size_t max);

/* Free it; certificates that others have a reference to stay. NULL is fine. */
void decoded_free(struct decoded *d);

/* Room for max certificates from now on. What there is no room for any more is forgotten by
 * decoded_trim(), to be called until it says false, as freeing many takes long. Returns 0 or
 * -ERR_NOMEM: then there is room for as many as before. */
int decoded_resize(struct decoded *d, size_t max) __attribute__((warn_unused_result));

/* Forget at most n of those that there is no room for. True if there are more. */
bool decoded_trim(struct decoded *d, size_t n);

/* The certificate whose DER is exactly der, remembered or decoded now in library (NULL: the default
 * context), a reference for the caller. NULL if it is none, or without memory. d NULL: none is
 * remembered, here and below. */
X509 *decoded_get(struct decoded *d, OSSL_LIB_CTX *library, struct str der);

/* Remember x (a reference is taken), which was decoded in library; one that cannot be is not, nor
 * one that lacks anything as there was no memory. */
void decoded_keep(struct decoded *d, OSSL_LIB_CTX *library, X509 *x);

/* Forget x, if it is remembered. */
void decoded_forget(struct decoded *d, OSSL_LIB_CTX *library, X509 *x);

/* For metrics. */
struct decoded_counts decoded_counts(const struct decoded *d);

#endif
