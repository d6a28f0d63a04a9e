/* Owns: private keys that sign for upstreams. Not: what is signed (token, message). Loading at
 * start and reload, signing on the loop's thread: tens of microseconds. */
#include "auth/sign/es256.h"

#include <limits.h>
#include <stdio.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/enc.h"
#include "base/err.h"
#include "base/mem.h"

#define COORDINATE 32 /* octets */
#define TEXT_MAX   48 /* of a coordinate or thumbprint in base64url, with room */

/* As for the keys of certificates: nothing for others, no writing for the group. */
#define KEY_MODE_FORBIDDEN 027

struct key {
    EVP_PKEY *pkey;
    char x[TEXT_MAX]; /* base64url, NUL-ended */
    char y[TEXT_MAX];
    char name[TEXT_MAX];
};

struct es256 {
    struct key *v;
    size_t n;
};

static int no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    *(bool *)arg = true;
    return -1;
}

static EVP_PKEY *read_pem(struct str pem, struct err *e)
{
    bool asked = false;
    BIO *b = pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    EVP_PKEY *pkey = b != NULL ? PEM_read_bio_PrivateKey(b, NULL, no_passphrase, &asked) : NULL;
    BIO_free(b);
    ERR_clear_error();
    if (pkey == NULL) {
        (void)err_set(e, ERR_MALFORMED, "%s",
                      asked ? "is encrypted, which is not supported for this key"
                            : "holds no PEM private key that can be read");
        return NULL;
    }
    char curve[32] = "";
    size_t n = 0;
    if (EVP_PKEY_get_group_name(pkey, curve, sizeof(curve), &n) != 1 ||
        strcmp(curve, SN_X9_62_prime256v1) != 0) {
        ERR_clear_error();
        EVP_PKEY_free(pkey);
        (void)err_set(e, ERR_UNSUPPORTED, "is no key on the curve P-256");
        return NULL;
    }
    return pkey;
}

static int coordinate(const EVP_PKEY *pkey, const char *which, char out[TEXT_MAX])
{
    BIGNUM *number = NULL;
    unsigned char octets[COORDINATE];
    char text[ENC_BASE64_LEN(COORDINATE)];
    int rc = -ERR_CRYPTO;
    if (EVP_PKEY_get_bn_param(pkey, which, &number) == 1 &&
        BN_bn2binpad(number, octets, COORDINATE) == COORDINATE) {
        size_t n = enc_base64url((struct str){(const char *)octets, COORDINATE}, text);
        memcpy(out, text, n);
        out[n] = '\0';
        rc = 0;
    }
    BN_free(number);
    return rc;
}

/* RFC 7638: the digest of the required members, in the order of their names. */
static int thumbprint(struct key *k)
{
    char text[2 * TEXT_MAX + 64];
    unsigned char digest[32];
    char encoded[ENC_BASE64_LEN(32)];
    int n = snprintf(text, sizeof(text),
                     "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", k->x, k->y);
    if (n < 0 || (size_t)n >= sizeof(text) ||
        enc_sha256((struct str){text, (size_t)n}, digest) != 0) {
        return -ERR_CRYPTO;
    }
    size_t length = enc_base64url((struct str){(const char *)digest, sizeof(digest)}, encoded);
    memcpy(k->name, encoded, length);
    k->name[length] = '\0';
    return 0;
}

static int take_key(struct key *k, struct str pem, struct err *e)
{
    k->pkey = read_pem(pem, e);
    if (k->pkey == NULL) {
        return -(int)e->code;
    }
    if (coordinate(k->pkey, OSSL_PKEY_PARAM_EC_PUB_X, k->x) != 0 ||
        coordinate(k->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, k->y) != 0 || thumbprint(k) != 0) {
        ERR_clear_error();
        return err_set(e, ERR_CRYPTO, "has no public part");
    }
    return 0;
}

static bool load_key(struct key *k, const struct conf_text *path, bool insecure_modes,
                     struct files *files, struct diags *diags, const char *key)
{
    struct err e = {.code = ERR_OK};
    struct str pem;
    if (files_read(files, path->p, &pem, &e) != 0) {
        diag_add(diags, DIAG_ERROR, path->at, key, NULL, "%s", e.text);
        return false;
    }
    mode_t mode = files_mode(files, path->p);
    if ((mode & KEY_MODE_FORBIDDEN) != 0 && !insecure_modes) {
        diag_add(diags, DIAG_ERROR, path->at, key, "Use chmod 600, or 640 with a group of its own.",
                 "%s is open to other users of this machine (mode %04o)", path->p, (unsigned)mode);
        return false;
    }
    if (take_key(k, pem, &e) != 0) {
        diag_add(diags, DIAG_ERROR, path->at, key,
                 "Make one by openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256.",
                 "%s %s", path->p, e.text);
        return false;
    }
    return true;
}

struct es256 *es256_load(const struct conf_texts *paths, bool insecure_modes, struct files *files,
                         struct diags *diags, const char *key)
{
    struct es256 *k = mem_calloc(1, sizeof(*k));
    bool whole = true;
    if (k != NULL) {
        k->v = mem_calloc(paths->n + 1, sizeof(*k->v));
    }
    if (k == NULL || k->v == NULL) {
        const struct conf_pos nowhere = {0};
        diag_add(diags, DIAG_ERROR, nowhere, key, NULL, "out of memory");
        es256_free(k);
        return NULL;
    }
    for (; k->n < paths->n; k->n++) {
        const struct conf_text *path = &paths->v[k->n];
        whole = load_key(&k->v[k->n], path, insecure_modes, files, diags, key) && whole;
    }
    if (!whole) {
        es256_free(k);
        return NULL;
    }
    return k;
}

void es256_free(struct es256 *k)
{
    if (k == NULL) {
        return;
    }
    for (size_t i = 0; i < k->n; i++) {
        EVP_PKEY_free(k->v[i].pkey);
    }
    mem_free(k->v);
    mem_free(k);
}

size_t es256_count(const struct es256 *k)
{
    return k->n;
}

struct str es256_name(const struct es256 *k, size_t i)
{
    return str_of(k->v[i].name);
}

int es256_jwk(const struct es256 *k, size_t i, struct buf *out)
{
    return buf_printf(out,
                      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\",\"kid\":\"%s\","
                      "\"alg\":\"ES256\",\"use\":\"sig\"}",
                      k->v[i].x, k->v[i].y, k->v[i].name);
}

/* OpenSSL gives a signature as DER; both formats of ours want the two numbers in a row. */
static int raw_of_der(const unsigned char *der, size_t n, unsigned char out[ES256_SIGNATURE])
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
    int rc = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, COORDINATE) == COORDINATE &&
                     BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + COORDINATE, COORDINATE) == COORDINATE
                 ? 0
                 : -ERR_CRYPTO;
    ECDSA_SIG_free(sig);
    return rc;
}

int es256_sign(const struct es256 *k, struct str text, unsigned char out[ES256_SIGNATURE])
{
    unsigned char der[128];
    size_t n = sizeof(der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int rc = -ERR_CRYPTO;
    if (ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->v[0].pkey) == 1 &&
        EVP_DigestSign(ctx, der, &n, (const unsigned char *)text.p, text.n) == 1) {
        rc = raw_of_der(der, n, out);
    }
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return rc;
}
