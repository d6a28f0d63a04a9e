/* Owns: decoding of certificates and keys. Not: reading files, judging dates and names
 * (site_load.c). At start and reload. */
#include "proxy/tls/credentials.h"

#include <limits.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "auth/keys/token.h"
#include "base/mem.h"
#include "conf/syntax.h"
#include "proxy/tls/tls_err.h"

/* Bits of security that a key must have: RSA from 2048, any usual curve. */
#define KEY_STRENGTH_MIN 112

#define PASSPHRASE_MAX 1024

struct passphrase {
    struct str text;
    bool asked;
};

void credentials_fini(struct credentials *c)
{
    X509_free(c->leaf);
    sk_X509_pop_free(c->chain, X509_free);
    EVP_PKEY_free(c->key);
    *c = (struct credentials){.leaf = NULL};
}

static int on_passphrase(char *out, int size, int writing, void *arg)
{
    (void)writing;
    struct passphrase *p = arg;
    p->asked = true;
    if (p->text.p == NULL || size < 0 || p->text.n > (size_t)size) {
        return -1;
    }
    if (p->text.n > 0) {
        memcpy(out, p->text.p, p->text.n);
    }
    return (int)p->text.n;
}

static BIO *open_text(struct str pem)
{
    return pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p != NULL ? pem.p : "", (int)pem.n) : NULL;
}

/* Adds one certificate to c, which owns it then, also on failure. */
static int add_certificate(struct credentials *c, X509 *x)
{
    if (c->leaf == NULL) {
        c->leaf = x;
        return 0;
    }
    if (sk_X509_push(c->chain, x) <= 0) {
        X509_free(x);
        return -ERR_NOMEM;
    }
    return 0;
}

int credentials_read_chain(struct credentials *c, struct str pem, struct err *e)
{
    ERR_clear_error();
    struct passphrase none = {.text = STR_NONE};
    BIO *b = open_text(pem);
    c->chain = sk_X509_new_null();
    int failed = b == NULL || c->chain == NULL ? err_set(e, ERR_NOMEM, "out of memory") : 0;
    X509 *x;
    while (failed == 0 && (x = PEM_read_bio_X509(b, NULL, on_passphrase, &none)) != NULL) {
        failed = add_certificate(c, x);
    }
    BIO_free(b);
    unsigned long code = ERR_peek_last_error();
    bool at_end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    struct tls_err words;
    tls_err_take(&words);
    if (failed != 0) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    if (!at_end) {
        return err_set(e, ERR_MALFORMED, "a certificate in it cannot be read (%s)", words.text);
    }
    return c->leaf != NULL ? 0 : err_set(e, ERR_MALFORMED, "holds no PEM certificate");
}

static struct str without_line_end(struct str s)
{
    if (s.n > 0 && s.p[s.n - 1] == '\n') {
        s.n--;
        if (s.n > 0 && s.p[s.n - 1] == '\r') {
            s.n--;
        }
    }
    return s;
}

static int key_error(const struct passphrase *p, struct err *e)
{
    struct tls_err words;
    tls_err_take(&words);
    if (p->asked && p->text.p == NULL) {
        return err_set(e, ERR_DENIED, "is encrypted and there is no key_passphrase_file");
    }
    if (p->asked) {
        return err_set(e, ERR_DENIED,
                       "cannot be opened with the passphrase of the "
                       "key_passphrase_file");
    }
    return err_set(e, ERR_MALFORMED, "holds no PEM private key that can be read (%s)", words.text);
}

static int check_key(const struct credentials *c, struct err *e)
{
    ERR_clear_error();
    if (c->leaf != NULL && X509_check_private_key(c->leaf, c->key) != 1) {
        ERR_clear_error();
        return err_set(e, ERR_CONFIG, "is not the key of the certificate");
    }
    if (EVP_PKEY_get_security_bits(c->key) < KEY_STRENGTH_MIN) {
        return err_set(e, ERR_UNSUPPORTED,
                       "is too weak: RSA needs 2048 bits or more, or use ECDSA P-256");
    }
    return 0;
}

/* A signature as TLS 1.3 wants it: RSA by PSS only. */
static bool set_scheme(EVP_PKEY_CTX *c, const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "RSA") == 0 ||
           (EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) == 1);
}

/* Whether the token does what a handshake will ask of it, so that this is told now. */
static int try_key(const struct credentials *c, struct err *e)
{
    static const unsigned char text[] = "countersign";
    unsigned char signature[1024];
    size_t n = sizeof(signature);
    EVP_PKEY *public_key = X509_get0_pubkey(c->leaf);
    bool plain = EVP_PKEY_is_a(c->key, "ED25519") == 1 || EVP_PKEY_is_a(c->key, "ED448") == 1;
    const EVP_MD *md = plain ? NULL : EVP_sha256();
    EVP_MD_CTX *m = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p = NULL;
    bool ok = m != NULL && EVP_DigestSignInit(m, &p, md, NULL, c->key) == 1 &&
              set_scheme(p, c->key) && EVP_DigestSign(m, signature, &n, text, sizeof(text)) == 1 &&
              EVP_MD_CTX_reset(m) == 1;
    p = NULL;
    ok = ok && EVP_DigestVerifyInit(m, &p, md, NULL, public_key) == 1 &&
         set_scheme(p, public_key) && EVP_DigestVerify(m, signature, n, text, sizeof(text)) == 1;
    EVP_MD_CTX_free(m);
    struct tls_err words;
    tls_err_take(&words);
    return ok ? 0
              : err_set(e, ERR_UNSUPPORTED, "is there, but cannot sign as TLS needs it (%s)",
                        words.text);
}

int credentials_read_key(struct credentials *c, struct str pem, struct str passphrase,
                         struct err *e)
{
    ERR_clear_error();
    struct passphrase p = {.text = without_line_end(passphrase)};
    if (p.text.n > PASSPHRASE_MAX) {
        return err_set(e, ERR_DENIED, "the passphrase is longer than %d octets", PASSPHRASE_MAX);
    }
    BIO *b = open_text(pem);
    if (b == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    c->key = PEM_read_bio_PrivateKey(b, NULL, on_passphrase, &p);
    BIO_free(b);
    if (c->key == NULL) {
        return key_error(&p, e);
    }
    return check_key(c, e);
}

int credentials_open_key(struct credentials *c, struct str uri, struct str passphrase,
                         struct err *e)
{
    if (passphrase.p == NULL && str_starts(uri, SYNTAX_PKCS11)) {
        return err_set(e, ERR_DENIED, "needs a PIN and there is no key_passphrase_file");
    }
    int failed = token_open_key(uri, without_line_end(passphrase), &c->key, e);
    if (failed == 0) {
        failed = check_key(c, e);
    }
    return failed == 0 && c->leaf != NULL ? try_key(c, e) : failed;
}
