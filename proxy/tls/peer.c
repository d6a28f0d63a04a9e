/* Owns: the two forms in which a client's certificate is kept. Decoded, one takes 8 KiB; its octets
 * are a few hundred. On the worker's thread. */
#include "proxy/tls/peer.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/mem.h"

struct tls_peer *peer_new(SSL *ssl, OSSL_LIB_CTX *library)
{
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    struct tls_peer *p = leaf != NULL ? mem_calloc(1, sizeof(*p)) : NULL;
    if (p == NULL) {
        return NULL;
    }
    STACK_OF(X509) *sent = SSL_session_reused(ssl) == 1 ? NULL : SSL_get_peer_cert_chain(ssl);
    p->library = library;
    p->sent = sk_X509_num(sent) > 0 ? X509_chain_up_ref(sent) : NULL;
    if (sk_X509_num(sent) > 0 && p->sent == NULL) {
        mem_free(p);
        return NULL;
    }
    (void)X509_up_ref(leaf);
    p->leaf = leaf;
    return p;
}

struct tls_peer *peer_take(STACK_OF(X509) * sent, OSSL_LIB_CTX *library)
{
    STACK_OF(X509) *all = X509_chain_up_ref(sent);
    struct tls_peer *p = all != NULL ? mem_calloc(1, sizeof(*p)) : NULL;
    if (p == NULL) {
        sk_X509_pop_free(all, X509_free);
        return NULL;
    }
    p->library = library;
    p->leaf = sk_X509_shift(all);
    p->sent = all;
    if (sk_X509_num(all) == 0) {
        sk_X509_free(all);
        p->sent = NULL;
    }
    return p;
}

static void drop(struct tls_peer *p)
{
    X509_free(p->leaf);
    sk_X509_pop_free(p->sent, X509_free);
    p->leaf = NULL;
    p->sent = NULL;
}

void peer_free(struct tls_peer *p)
{
    if (p != NULL) {
        drop(p);
        mem_free(p->der);
        mem_free(p);
    }
}

/* The certificate at *at, which goes behind it; NULL without memory. */
static X509 *decode(OSSL_LIB_CTX *library, const unsigned char **at, const unsigned char *end)
{
    X509 *x = X509_new_ex(library, NULL);
    return x != NULL ? d2i_X509(&x, at, end - *at) : NULL; /* frees x where it fails */
}

static bool decode_all(struct tls_peer *p)
{
    const unsigned char *at = p->der;
    const unsigned char *end = p->der + p->der_n;
    p->leaf = decode(p->library, &at, end);
    bool ok = p->leaf != NULL;
    if (ok && at < end) {
        p->sent = sk_X509_new_null();
        ok = p->sent != NULL;
    }
    while (ok && at < end) {
        X509 *x = decode(p->library, &at, end);
        ok = x != NULL && sk_X509_push(p->sent, x) > 0;
        if (!ok) {
            X509_free(x);
        }
    }
    ERR_clear_error();
    return ok;
}

X509 *peer_leaf(struct tls_peer *p)
{
    if (p == NULL) {
        return NULL;
    }
    if (p->leaf == NULL && !decode_all(p)) {
        drop(p);
    }
    return p->leaf;
}

bool peer_is_idle(const struct tls_peer *p)
{
    return p->leaf == NULL;
}

static size_t size_of(X509 *x)
{
    int n = i2d_X509(x, NULL);
    return n > 0 ? (size_t)n : 0;
}

/* Nothing is kept unless all of it can be. */
static void encode(struct tls_peer *p)
{
    size_t n = size_of(p->leaf);
    bool whole = n > 0;
    for (int i = 0; i < sk_X509_num(p->sent); i++) {
        size_t more = size_of(sk_X509_value(p->sent, i));
        whole = whole && more > 0;
        n += more;
    }
    p->der = whole ? mem_alloc(n) : NULL;
    if (p->der == NULL) {
        return;
    }
    unsigned char *to = p->der;
    whole = i2d_X509(p->leaf, &to) > 0;
    for (int i = 0; i < sk_X509_num(p->sent); i++) {
        whole = i2d_X509(sk_X509_value(p->sent, i), &to) > 0 && whole;
    }
    p->der_n = (size_t)(to - p->der);
    if (!whole) {
        mem_free(p->der);
        p->der = NULL;
    }
}

void peer_idle(struct tls_peer *p)
{
    if (p->leaf != NULL && p->der == NULL) {
        encode(p);
    }
    if (p->der != NULL) {
        drop(p);
    }
}
