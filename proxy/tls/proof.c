/* Owns: which scheme goes with which key, and what is signed. A key on one thread. */
#include "proxy/tls/proof.h"

#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "proxy/tls/traffic.h"

enum { PAD = 64, CONTEXT_MAX = 34, CONTENT_MAX = PAD + CONTEXT_MAX + TRAFFIC_SECRET_MAX };

/* Of RFC 8446 4.2.3 what may be signed with in TLS 1.3. */
static const struct scheme {
    unsigned number;
    int key;            /* EVP_PKEY_ */
    const char *curve;  /* NULL: no key of a curve */
    const char *digest; /* NULL: the scheme has its own */
} schemes[] = {
    {0x0403, EVP_PKEY_EC, SN_X9_62_prime256v1, "SHA256"},
    {0x0503, EVP_PKEY_EC, SN_secp384r1, "SHA384"},
    {0x0603, EVP_PKEY_EC, SN_secp521r1, "SHA512"},
    {0x0807, EVP_PKEY_ED25519, NULL, NULL},
    {0x0808, EVP_PKEY_ED448, NULL, NULL},
    {0x0809, EVP_PKEY_RSA_PSS, NULL, "SHA256"},
    {0x080a, EVP_PKEY_RSA_PSS, NULL, "SHA384"},
    {0x080b, EVP_PKEY_RSA_PSS, NULL, "SHA512"},
    {0x0804, EVP_PKEY_RSA, NULL, "SHA256"},
    {0x0805, EVP_PKEY_RSA, NULL, "SHA384"},
    {0x0806, EVP_PKEY_RSA, NULL, "SHA512"},
};

struct proof_key {
    const struct scheme *by;
    OSSL_LIB_CTX *library; /* borrowed */
    bool signs;
    EVP_MD_CTX *x; /* set up, and nothing is digested */
};

#define SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

/* The same, and RSA as certificates are signed with it. */
static const char offered[] = "\x04\x03\x05\x03\x06\x03\x08\x07\x08\x08\x08\x09\x08\x0a\x08\x0b"
                              "\x08\x04\x08\x05\x08\x06\x04\x01\x05\x01\x06\x01";

struct str proof_schemes(void)
{
    return (struct str){offered, sizeof(offered) - 1};
}

/* Of proof_schemes() what says how a certificate is signed: of keys on curves it tells the digest
 * only, and of keys of RSA not whether they are for PSS alone. */
static const struct {
    unsigned number;
    int key;
    int digest; /* NID */
} in_certificates[] = {
    {0x0403, EVP_PKEY_EC, NID_sha256},      {0x0503, EVP_PKEY_EC, NID_sha384},
    {0x0603, EVP_PKEY_EC, NID_sha512},      {0x0807, EVP_PKEY_ED25519, NID_undef},
    {0x0808, EVP_PKEY_ED448, NID_undef},    {0x0809, EVP_PKEY_RSA_PSS, NID_sha256},
    {0x080a, EVP_PKEY_RSA_PSS, NID_sha384}, {0x080b, EVP_PKEY_RSA_PSS, NID_sha512},
    {0x0804, EVP_PKEY_RSA_PSS, NID_sha256}, {0x0805, EVP_PKEY_RSA_PSS, NID_sha384},
    {0x0806, EVP_PKEY_RSA_PSS, NID_sha512}, {0x0401, EVP_PKEY_RSA, NID_sha256},
    {0x0501, EVP_PKEY_RSA, NID_sha384},     {0x0601, EVP_PKEY_RSA, NID_sha512},
};

size_t proof_schemes_in(X509 *x, unsigned out[PROOF_SCHEMES_IN_MAX])
{
    int digest = NID_undef;
    int key = NID_undef;
    size_t n = 0;
    if (X509_get_signature_info(x, &digest, &key, NULL, NULL) != 1) {
        return 0;
    }
    for (size_t i = 0;
         i < sizeof(in_certificates) / sizeof(in_certificates[0]) && n < PROOF_SCHEMES_IN_MAX;
         i++) {
        if (in_certificates[i].key == key && in_certificates[i].digest == digest) {
            out[n++] = in_certificates[i].number;
        }
    }
    return n;
}

static enum proof_fit fit(const struct scheme *scheme, const EVP_PKEY *key)
{
    char curve[32] = "";
    size_t n = 0;
    if (EVP_PKEY_get_base_id(key) != scheme->key) {
        return PROOF_FITS_NOT;
    }
    return scheme->curve == NULL || (EVP_PKEY_get_group_name(key, curve, sizeof(curve), &n) == 1 &&
                                     strcmp(curve, scheme->curve) == 0)
               ? PROOF_FITS
               : PROOF_OTHER_CURVE;
}

static const struct scheme *find(unsigned number)
{
    for (size_t i = 0; i < SCHEMES; i++) {
        if (schemes[i].number == number) {
            return &schemes[i];
        }
    }
    return NULL;
}

unsigned proof_scheme_of(const EVP_PKEY *key)
{
    static const unsigned ours[] = {0x0403, 0x0503, 0x0807, 0x0808, 0x0804};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (fit(find(ours[i]), key) == PROOF_FITS) {
            return ours[i];
        }
    }
    return 0;
}

enum proof_fit proof_fits(unsigned scheme, const EVP_PKEY *key)
{
    const struct scheme *found = find(scheme);
    return found != NULL ? fit(found, key) : PROOF_FITS_NOT;
}

static size_t put(unsigned char *to, const void *octets, size_t n)
{
    memcpy(to, octets, n);
    return n;
}

static size_t write_content(const struct proof *p, unsigned char out[CONTENT_MAX])
{
    static const char client[CONTEXT_MAX] = "TLS 1.3, client CertificateVerify";
    static const char server[CONTEXT_MAX] = "TLS 1.3, server CertificateVerify";
    memset(out, ' ', PAD);
    size_t n = PAD + put(out + PAD, p->by_client ? client : server, CONTEXT_MAX);
    return n + put(out + n, p->digest.p, p->digest.n);
}

/* RSA signs with PSS, and a salt as long as the digest (RFC 8446 4.2.3). */
static bool set_padding(const struct scheme *scheme, EVP_PKEY_CTX *x)
{
    bool rsa = scheme->key == EVP_PKEY_RSA || scheme->key == EVP_PKEY_RSA_PSS;
    return !rsa || (EVP_PKEY_CTX_set_rsa_padding(x, RSA_PKCS1_PSS_PADDING) == 1 &&
                    EVP_PKEY_CTX_set_rsa_pss_saltlen(x, RSA_PSS_SALTLEN_DIGEST) == 1);
}

/* True if OpenSSL has set x up for key. */
static bool begin(const struct proof_key *k, EVP_MD_CTX *x, EVP_PKEY *key)
{
    const char *digest = k->by->digest;
    EVP_PKEY_CTX *pkey = NULL;
    int rc = k->signs ? EVP_DigestSignInit_ex(x, &pkey, digest, k->library, NULL, key, NULL)
                      : EVP_DigestVerifyInit_ex(x, &pkey, digest, k->library, NULL, key, NULL);
    return rc == 1 && set_padding(k->by, pkey);
}

struct proof_key *proof_key_new(OSSL_LIB_CTX *library, unsigned scheme, EVP_PKEY *key, bool signs)
{
    const struct scheme *by = find(scheme);
    if (by == NULL) {
        return NULL;
    }
    struct proof_key *k = mem_calloc(1, sizeof(*k));
    if (k == NULL) {
        ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
        return NULL;
    }
    *k = (struct proof_key){by, library, signs, EVP_MD_CTX_new()};
    if (k->x == NULL || !begin(k, k->x, key)) {
        proof_key_free(k);
        return NULL;
    }
    /* Each signature is made with a copy of all this: OpenSSL need not make one more. */
    EVP_MD_CTX_set_flags(k->x, EVP_MD_CTX_FLAG_FINALISE);
    return k;
}

void proof_key_free(struct proof_key *k)
{
    if (k != NULL) {
        EVP_MD_CTX_free(k->x);
        mem_free(k);
    }
}

/* A context for one signature, set up anew. */
static EVP_MD_CTX *take_anew(const struct proof_key *k)
{
    EVP_MD_CTX *x = EVP_MD_CTX_new();
    if (x != NULL && !begin(k, x, EVP_PKEY_CTX_get0_pkey(EVP_MD_CTX_get_pkey_ctx(k->x)))) {
        EVP_MD_CTX_free(x);
        x = NULL;
    }
    return x;
}

/* The same by a copy, which takes less; to be freed, NULL without memory. From 3.2 on OpenSSL takes
 * none for a second one; and the first releases of 3.0 copy none without a digest. */
static EVP_MD_CTX *take(const struct proof_key *k)
{
    EVP_MD_CTX *x = EVP_MD_CTX_new();
    ERR_set_mark();
    if (x == NULL || EVP_MD_CTX_copy_ex(x, k->x) != 1) {
        EVP_MD_CTX_free(x);
        x = take_anew(k);
    }
    /* What failed on the way counts only if all did. */
    (void)(x != NULL ? ERR_pop_to_mark() : ERR_clear_last_mark());
    return x;
}

bool proof_sign(const struct proof *p, const struct proof_key *k, unsigned char out[PROOF_MAX],
                size_t *n)
{
    unsigned char content[CONTENT_MAX];
    size_t content_n = write_content(p, content);
    EVP_MD_CTX *x = take(k);
    *n = PROOF_MAX;
    bool ok = x != NULL && EVP_DigestSign(x, out, n, content, content_n) == 1 && *n > 0 &&
              *n <= PROOF_MAX; /* without memory, ECDSA gives (unsigned)-1, and 1 */
    EVP_MD_CTX_free(x);
    return ok;
}

bool proof_holds(const struct proof *p, const struct proof_key *k, struct str signature)
{
    unsigned char content[CONTENT_MAX];
    size_t content_n = write_content(p, content);
    EVP_MD_CTX *x = take(k);
    bool ok = x != NULL && EVP_DigestVerify(x, (const unsigned char *)signature.p, signature.n,
                                            content, content_n) == 1;
    EVP_MD_CTX_free(x);
    return ok;
}
