/* Owns: the algorithms of the file, and its order. */
#include "ca/pkcs12.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>

#include "ca/certificate.h"

/* The password has 80 random bits: more rounds would not make it longer. */
enum { ROUNDS = 100000, ROUNDS_OLD = 2048 };

static int rounds_of(const struct pkcs12_wish *w)
{
    return w->old ? ROUNDS_OLD : ROUNDS;
}

/* What tells which certificate belongs to the key: its SHA-1, as everybody has it. */
struct mark {
    unsigned char octets[EVP_MAX_MD_SIZE];
    unsigned n;
};

static bool mark(PKCS12_SAFEBAG *bag, const struct pkcs12_wish *w, struct mark *m)
{
    return bag != NULL && PKCS12_add_friendlyname_utf8(bag, w->name, -1) == 1 &&
           PKCS12_add_localkeyid(bag, m->octets, (int)m->n) == 1;
}

static bool add_certificates(STACK_OF(PKCS7) * *safes, const struct pkcs12_wish *w, struct mark *m)
{
    STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
    int cipher = w->old ? NID_pbe_WithSHA1And3_Key_TripleDES_CBC : NID_aes_256_cbc;
    bool ok = mark(PKCS12_add_cert(&bags, w->leaf), w, m) &&
              PKCS12_add_cert(&bags, w->ca->certificate) != NULL;
    for (int i = 0; ok && i < sk_X509_num(w->ca->chain); i++) {
        ok = PKCS12_add_cert(&bags, sk_X509_value(w->ca->chain, i)) != NULL;
    }
    ok = ok && PKCS12_add_safe(safes, bags, cipher, rounds_of(w), w->password) == 1;
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    return ok;
}

static bool add_key(STACK_OF(PKCS7) * *safes, const struct pkcs12_wish *w, struct mark *m)
{
    STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
    int cipher = w->old ? NID_pbe_WithSHA1And3_Key_TripleDES_CBC : NID_aes_256_cbc;
    bool ok = mark(PKCS12_add_key(&bags, w->key, 0, rounds_of(w), cipher, w->password), w, m) &&
              PKCS12_add_safe(safes, bags, -1, 0, NULL) == 1;
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    return ok;
}

/* Not by PKCS12_create(): of OpenSSL 3.0, it leaves out a certificate for which there is no memory,
 * and says that all is well. The MAC is set apart, as its digest is no argument there. */
static PKCS12 *build(const struct pkcs12_wish *w)
{
    STACK_OF(PKCS7) *safes = NULL;
    struct mark m = {.n = 0};
    bool ok = X509_check_private_key(w->leaf, w->key) == 1 &&
              X509_digest(w->leaf, EVP_sha1(), m.octets, &m.n) == 1 &&
              add_certificates(&safes, w, &m) && add_key(&safes, w, &m);
    PKCS12 *p = ok ? PKCS12_add_safes(safes, 0) : NULL;
    sk_PKCS7_pop_free(safes, PKCS7_free);
    if (p != NULL && PKCS12_set_mac(p, w->password, -1, NULL, 0, rounds_of(w),
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
