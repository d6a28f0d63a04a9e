/* The client's certificate as a connection keeps it: decoded while it is at work, as its octets
 * while it idles. Private to proxy/tls. */
#ifndef PROXY_TLS_PEER_H
#define PROXY_TLS_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

struct tls_peer {
    OSSL_LIB_CTX *library; /* borrowed; to decode in */
    X509 *leaf;            /* owned; NULL while it idles */
    STACK_OF(X509) * sent; /* owned; what came with it, if anything did */
    unsigned char *der;    /* owned; leaf and sent one after the other, or NULL */
    size_t der_n;
};

/* Take the certificate that the peer of ssl sent; library: what ssl works in. Of a resumed session
 * no chain is taken: some have what was sent in an earlier one, and others have not. NULL without
 * memory, or without a certificate. */
struct tls_peer *peer_new(SSL *ssl, OSSL_LIB_CTX *library);

/* Take sent, at least one certificate, the peer's own first; they stay the caller's. NULL without
 * memory. */
struct tls_peer *peer_take(STACK_OF(X509) * sent, OSSL_LIB_CTX *library);

/* Free it; NULL is fine. */
void peer_free(struct tls_peer *p);

/* Decode it if it idles. Returns the certificate, borrowed until peer_idle(); NULL without memory,
 * or if p is NULL. */
X509 *peer_leaf(struct tls_peer *p);

/* True if it idles. */
bool peer_is_idle(const struct tls_peer *p);

/* Keep only its octets; without memory for them, it stays decoded. */
void peer_idle(struct tls_peer *p);

#endif
