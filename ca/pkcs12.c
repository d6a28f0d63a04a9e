/* Owns: the algorithms of the file, and its order. */
#include "ca/pkcs12.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>

#include "ca/certificate.h"

/* The password has 80 random bits: more rounds would not make it longer. */
enum { ROUNDS = 100000, ROUNDS_OLD = 2048 };

static STACK_OF(X509) * chain_of(const struct ca_key *ca)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    bool ok = chain != NULL && sk_X509_push(chain, ca->certificate) > 0;
    for (int i = 0; ok && i < sk_X509_num(ca->chain); i++) {
        ok = sk_X509_push(chain, sk_X509_value(ca->chain, i)) > 0;
    }
    if (!ok) {
        sk_X509_free(chain);
        return NULL;
    }
    return chain;
}

static PKCS12 *build(const struct pkcs12_wish *w)
{
    STACK_OF(X509) *chain = chain_of(w->ca);
    int cipher = w->old ? NID_pbe_WithSHA1And3_Key_TripleDES_CBC : NID_aes_256_cbc;
    int rounds = w->old ? ROUNDS_OLD : ROUNDS;
    /* The MAC is set apart, as its digest is no argument here. */
    PKCS12 *p = chain != NULL ? PKCS12_create(w->password, w->name, w->key, w->leaf, chain, cipher,
                                              cipher, rounds, -1, 0)
                              : NULL;
    sk_X509_free(chain);
    if (p != NULL && PKCS12_set_mac(p, w->password, -1, NULL, 0, rounds,
                                    w->old ? EVP_sha1() : EVP_sha256()) != 1) {
        PKCS12_free(p);
        p = NULL;
    }
    return p;
}

int pkcs12_write(const struct pkcs12_wish *w, struct buf *out, struct err *e)
{
    unsigned char *der = NULL;
    PKCS12 *p = build(w);
    int n = p != NULL ? i2d_PKCS12(p, &der) : 0;
    PKCS12_free(p);
    if (n <= 0) {
        return certificate_failed(e, "a PKCS#12 file");
    }
    int rc = buf_append(out, (struct str){(const char *)der, (size_t)n});
    OPENSSL_free(der);
    return rc == 0 ? 0 : err_set(e, (enum err_code) - rc, "the PKCS#12 file has no room");
}
