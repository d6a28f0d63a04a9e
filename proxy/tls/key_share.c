/* Owns: one key exchange, and what all have in common. On one thread. */
#include "proxy/tls/key_share.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/err.h"
#include "base/mem.h"
#include "proxy/tls/client_hello.h"

enum { X25519_KEY = 32 };

/* OpenSSL looks through all names it knows whenever it is asked for a key or a context by name. */
struct key_maker {
    OSSL_LIB_CTX *library; /* borrowed */
    EVP_PKEY_CTX *x25519;  /* makes keys of octets */
    EVP_PKEY *base;        /* the base point of X25519 (RFC 7748 4.1) */
    EVP_PKEY *theirs;      /* gets the key of the client that is served */
};

static const unsigned char base_point[X25519_KEY] = {9};

static EVP_PKEY *point(OSSL_LIB_CTX *library)
{
    return EVP_PKEY_new_raw_public_key_ex(library, "X25519", NULL, base_point, X25519_KEY);
}

void key_maker_free(struct key_maker *m)
{
    if (m != NULL) {
        EVP_PKEY_CTX_free(m->x25519);
        EVP_PKEY_free(m->base);
        EVP_PKEY_free(m->theirs);
        mem_free(m);
    }
}

/* ---- X25519 ---- */

/* A private key. OpenSSL would compute its public part by a way that takes longer than the exchange
 * does, unless there is one: the one it gets here is nobody's, and nobody asks for it. */
static EVP_PKEY *make_x25519(struct key_maker *m)
{
    unsigned char secret[X25519_KEY];
    EVP_PKEY *made = NULL;
    const OSSL_PARAM parts[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, secret, sizeof(secret)),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)base_point,
                                          sizeof(base_point)),
        OSSL_PARAM_construct_end()};
    if (RAND_priv_bytes_ex(m->library, secret, sizeof(secret), 0) == 1 &&
        EVP_PKEY_fromdata(m->x25519, &made, EVP_PKEY_KEYPAIR, (OSSL_PARAM *)(uintptr_t)parts) !=
            1) {
        made = NULL;
    }
    mem_wipe(secret, sizeof(secret));
    return made;
}

/* The product of the private key of x and a point. OpenSSL looks whether it is zeros, which is what
 * must be looked for (RFC 8446 7.4.2); any 32 octets are a point. */
static bool multiply(EVP_PKEY_CTX *x, EVP_PKEY *by, unsigned char out[X25519_KEY])
{
    size_t n = X25519_KEY;
    return EVP_PKEY_derive_set_peer_ex(x, by, 0) == 1 && EVP_PKEY_derive(x, out, &n) == 1 &&
           n == X25519_KEY;
}

/* Our public key is the product with the base point (RFC 7748 6.1). */
static int agree_x25519(struct key_maker *m, struct str theirs, struct key_share *out)
{
    EVP_PKEY *own = make_x25519(m);
    EVP_PKEY_CTX *x = own != NULL ? EVP_PKEY_CTX_new_from_pkey(m->library, own, NULL) : NULL;
    int rc = -ERR_CRYPTO;
    if (x != NULL && EVP_PKEY_derive_init(x) == 1 && multiply(x, m->base, out->own)) {
        const unsigned char *octets = (const unsigned char *)theirs.p;
        out->own_n = X25519_KEY;
        rc = theirs.n == X25519_KEY &&
                     EVP_PKEY_set1_encoded_public_key(m->theirs, octets, theirs.n) == 1 &&
                     multiply(x, m->theirs, out->shared)
                 ? 0
                 : -ERR_MALFORMED;
    }
    EVP_PKEY_CTX_free(x);
    EVP_PKEY_free(own);
    return rc;
}

/* Once with a key that OpenSSL has made: a provider may well refuse private keys with the public
 * part of another. */
static bool try_x25519(struct key_maker *m)
{
    struct key_share ours;
    unsigned char theirs[X25519_KEY];
    unsigned char shared[X25519_KEY];
    size_t n = sizeof(theirs);
    EVP_PKEY *key = EVP_PKEY_Q_keygen(m->library, NULL, "X25519");
    EVP_PKEY_CTX *x = key != NULL ? EVP_PKEY_CTX_new_from_pkey(m->library, key, NULL) : NULL;
    bool agrees = x != NULL && EVP_PKEY_derive_init(x) == 1 &&
                  EVP_PKEY_get_raw_public_key(key, theirs, &n) == 1 &&
                  agree_x25519(m, (struct str){(const char *)theirs, n}, &ours) == 0 &&
                  EVP_PKEY_set1_encoded_public_key(m->theirs, ours.own, ours.own_n) == 1 &&
                  multiply(x, m->theirs, shared) &&
                  mem_equal_secret(shared, ours.shared, X25519_KEY);
    EVP_PKEY_CTX_free(x);
    EVP_PKEY_free(key);
    mem_wipe(shared, sizeof(shared));
    mem_wipe(&ours, sizeof(ours));
    return agrees;
}

struct key_maker *key_maker_new(OSSL_LIB_CTX *library)
{
    struct key_maker *m = mem_calloc(1, sizeof(*m));
    if (m == NULL) {
        return NULL;
    }
    m->library = library;
    m->x25519 = EVP_PKEY_CTX_new_from_name(library, "X25519", NULL);
    m->base = point(library);
    m->theirs = point(library);
    if (m->x25519 == NULL || EVP_PKEY_fromdata_init(m->x25519) != 1 || m->base == NULL ||
        m->theirs == NULL || !try_x25519(m)) {
        key_maker_free(m);
        m = NULL;
    }
    ERR_clear_error();
    return m;
}

/* ---- P-256 ---- */

/* The client's key. Points are not compressed (RFC 8446 4.2.8.2). */
static EVP_PKEY *read_p256(EVP_PKEY *own, struct str octets)
{
    const unsigned char *p = (const unsigned char *)octets.p;
    EVP_PKEY *key = octets.n == KEY_SHARE_MAX && p[0] == 4 ? EVP_PKEY_new() : NULL;
    if (key != NULL && (EVP_PKEY_copy_parameters(key, own) != 1 ||
                        EVP_PKEY_set1_encoded_public_key(key, p, octets.n) != 1)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

static bool write_p256(EVP_PKEY *own, struct key_share *out)
{
    unsigned char *octets = NULL;
    out->own_n = EVP_PKEY_get1_encoded_public_key(own, &octets);
    bool ok = out->own_n > 0 && out->own_n <= sizeof(out->own);
    if (ok) {
        memcpy(out->own, octets, out->own_n);
    }
    OPENSSL_free(octets);
    return ok;
}

/* OpenSSL looks at the client's key: a point that is not on the curve fails. */
static int combine(OSSL_LIB_CTX *library, EVP_PKEY *own, EVP_PKEY *theirs, struct key_share *out)
{
    size_t n = sizeof(out->shared);
    EVP_PKEY_CTX *x = EVP_PKEY_CTX_new_from_pkey(library, own, NULL);
    int rc = x != NULL && EVP_PKEY_derive_init(x) == 1 ? 0 : -ERR_CRYPTO;
    if (rc == 0 && (EVP_PKEY_derive_set_peer(x, theirs) != 1 ||
                    EVP_PKEY_derive(x, out->shared, &n) != 1 || n != sizeof(out->shared))) {
        rc = -ERR_MALFORMED;
    }
    EVP_PKEY_CTX_free(x);
    return rc;
}

static int agree_p256(const struct key_maker *m, struct str theirs, struct key_share *out)
{
    EVP_PKEY *own = EVP_PKEY_Q_keygen(m->library, NULL, "EC", "P-256");
    EVP_PKEY *key = own != NULL ? read_p256(own, theirs) : NULL;
    int rc = -ERR_CRYPTO;
    if (own != NULL && write_p256(own, out)) {
        rc = key != NULL ? combine(m->library, own, key, out) : -ERR_MALFORMED;
    }
    EVP_PKEY_free(own);
    EVP_PKEY_free(key);
    return rc;
}

int key_share_agree(struct key_maker *m, unsigned group, struct str theirs, struct key_share *out)
{
    int rc = group == GROUP_X25519 ? agree_x25519(m, theirs, out) : agree_p256(m, theirs, out);
    if (rc != 0) {
        ERR_clear_error();
    }
    return rc;
}
