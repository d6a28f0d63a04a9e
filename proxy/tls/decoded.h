/* Certificates that were decoded before, found by their octets: decoding one takes OpenSSL 3 as
 * long as verifying a signature. What is remembered is the decoding, no verdict; only of clients
 * that have shown that they have the key of a good one, so that strangers fill no memory. Bounded;
 * the one that was not asked for longest makes room. Private to proxy/tls. On one thread. */
#ifndef PROXY_TLS_DECODED_H
#define PROXY_TLS_DECODED_H

#include <stddef.h>

#include <openssl/x509.h>

#include "base/str.h"

/* The longest DER that is remembered. */
#define DECODED_DER_MAX 8192

struct decoded;

/* Room for max certificates, of some 8 KiB each, decoded in library (borrowed; NULL: the default
 * context); max 0: none is remembered. NULL without memory. */
struct decoded *decoded_new(size_t max, OSSL_LIB_CTX *library);

/* Free it; certificates that others have a reference to stay. NULL is fine. */
void decoded_free(struct decoded *d);

/* The certificate whose DER is exactly der, remembered or decoded now, a reference for the caller.
 * NULL if it is none, or without memory. */
X509 *decoded_get(struct decoded *d, struct str der);

/* Remember x (a reference is taken); one that cannot be is not. */
void decoded_keep(struct decoded *d, X509 *x);

/* Forget x, if it is remembered. */
void decoded_forget(struct decoded *d, X509 *x);

#endif
