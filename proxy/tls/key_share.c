/* Owns: one key exchange. Any thread. */
#include "proxy/tls/key_share.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/err.h"
#include "proxy/tls/client_hello.h"

static EVP_PKEY *make_key(OSSL_LIB_CTX *library, unsigned group)
{
    return group == GROUP_X25519 ? EVP_PKEY_Q_keygen(library, NULL, "X25519")
                                 : EVP_PKEY_Q_keygen(library, NULL, "EC", "P-256");
}

/* The client's key, of the same group as own. */
static EVP_PKEY *read_key(OSSL_LIB_CTX *library, unsigned group, EVP_PKEY *own, struct str octets)
{
    const unsigned char *p = (const unsigned char *)octets.p;
    if (group == GROUP_X25519) {
        return EVP_PKEY_new_raw_public_key_ex(library, "X25519", NULL, p, octets.n);
    }
    /* Points are not compressed (RFC 8446 4.2.8.2). */
    EVP_PKEY *key = octets.n == KEY_SHARE_MAX && p[0] == 4 ? EVP_PKEY_new() : NULL;
    if (key != NULL && (EVP_PKEY_copy_parameters(key, own) != 1 ||
                        EVP_PKEY_set1_encoded_public_key(key, p, octets.n) != 1)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

static bool write_key(EVP_PKEY *own, struct key_share *out)
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

/* OpenSSL looks at the client's key: a point that is not on the curve, or a result of zeros, which
 * is what it must look for (RFC 8446 7.4.2), fails. */
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

int key_share_agree(OSSL_LIB_CTX *library, unsigned group, struct str theirs, struct key_share *out)
{
    EVP_PKEY *own = make_key(library, group);
    EVP_PKEY *key = own != NULL ? read_key(library, group, own, theirs) : NULL;
    int rc = -ERR_CRYPTO;
    if (own != NULL && write_key(own, out)) {
        rc = key != NULL ? combine(library, own, key, out) : -ERR_MALFORMED;
    }
    EVP_PKEY_free(own);
    EVP_PKEY_free(key);
    if (rc != 0) {
        ERR_clear_error();
    }
    return rc;
}
