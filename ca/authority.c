/* Owns: what a CA's own certificate looks like, and its files. Leaves clients' certificates to
 * leaf. */
#include "ca/authority.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "auth/revoke/asn1time.h"

#define DAY_S         INT64_C(86400)
#define SERIAL_OCTETS 20

static int library(struct err *e, const char *what)
{
    ERR_clear_error();
    return err_set(e, ERR_CRYPTO, "the library cannot make %s", what);
}

int authority_key(struct str kind, EVP_PKEY **out, struct err *e)
{
    static const struct {
        const char *kind;
        const char *type;
        const char *group;
        size_t bits;
    } rows[] = {
        {"p256", "EC", "P-256", 0},      {"p384", "EC", "P-384", 0},
        {"ed25519", "ED25519", NULL, 0}, {"rsa2048", "RSA", NULL, 2048},
        {"rsa3072", "RSA", NULL, 3072},  {"rsa4096", "RSA", NULL, 4096},
    };
    *out = NULL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!str_eq(kind, str_of(rows[i].kind))) {
            continue;
        }
        *out = rows[i].group != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, rows[i].type, rows[i].group)
               : rows[i].bits > 0    ? EVP_PKEY_Q_keygen(NULL, NULL, rows[i].type, rows[i].bits)
                                     : EVP_PKEY_Q_keygen(NULL, NULL, rows[i].type);
        return *out != NULL ? 0 : library(e, "a key");
    }
    return err_set(e, ERR_UNSUPPORTED,
                   "\"%.*s\" is not a kind of key: p256, p384, ed25519, rsa2048, rsa3072 or "
                   "rsa4096",
                   STR_ARG(kind));
}

static bool set_serial(X509 *x)
{
    unsigned char octets[SERIAL_OCTETS];
    if (RAND_bytes(octets, sizeof(octets)) != 1) {
        return false;
    }
    octets[0] = (unsigned char)((octets[0] & 0x3fU) | 0x40U);
    BIGNUM *number = BN_bin2bn(octets, sizeof(octets), NULL);
    bool ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;
    BN_free(number);
    return ok;
}

static bool add_text(X509_NAME *name, int nid, struct str text)
{
    return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)text.p,
                                      (int)text.n, -1, 0) == 1;
}

static int set_dates(X509 *x, const struct authority_wish *w, const X509 *issuer, struct err *e)
{
    int64_t from_s = w->now_ms / 1000;
    int64_t to_s = from_s + (int64_t)w->life_days * DAY_S;
    int64_t first_s = from_s;
    int64_t last_s = to_s;
    if (issuer != NULL && (!asn1time_seconds(X509_get0_notBefore(issuer), &first_s) ||
                           !asn1time_seconds(X509_get0_notAfter(issuer), &last_s))) {
        return library(e, "a certificate under this CA");
    }
    if (from_s < first_s || from_s >= last_s) {
        return err_set(e, ERR_DENIED, "the CA above is not in its time");
    }
    to_s = to_s > last_s ? last_s : to_s;
    return ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from_s) != NULL &&
                   ASN1_TIME_set(X509_getm_notAfter(x), (time_t)to_s) != NULL
               ? 0
               : library(e, "a certificate");
}

/* value: in the syntax of x509v3_config(5), never a text from outside. */
static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer != NULL ? issuer : x, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool ok = extension != NULL && X509_add_ext(x, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static bool set_extensions(X509 *x, const struct authority_wish *w, X509 *issuer)
{
    char basic[48];
    (void)snprintf(basic, sizeof(basic), "critical,CA:TRUE,pathlen:%d", w->path_length);
    return add_extension(x, issuer, NID_basic_constraints, basic) &&
           add_extension(x, issuer, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add_extension(x, issuer, NID_subject_key_identifier, "hash") &&
           add_extension(x, issuer, NID_authority_key_identifier, "keyid:always");
}

/* What stands above must let another CA stand below it. */
static int check_issuer(X509 *issuer, EVP_PKEY *key, const struct authority_wish *w, struct err *e)
{
    long below = X509_get_pathlen(issuer);
    if (X509_check_private_key(issuer, key) != 1) {
        ERR_clear_error();
        return err_set(e, ERR_DENIED, "this is not the key of the CA above");
    }
    if (X509_check_ca(issuer) != 1 || (below >= 0 && below <= w->path_length)) {
        return err_set(e, ERR_DENIED, "the CA above may have no such CA below it");
    }
    return 0;
}

static const EVP_MD *digest_for(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "ED25519")) {
        return NULL;
    }
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
}

static int build(X509 *x, const struct authority_wish *w, EVP_PKEY *key, X509 *issuer,
                 EVP_PKEY *issuer_key, struct err *e)
{
    X509_NAME *name = X509_get_subject_name(x);
    int rc = issuer != NULL ? check_issuer(issuer, issuer_key, w, e) : 0;
    if (rc != 0) {
        return rc;
    }
    if (X509_set_version(x, X509_VERSION_3) != 1 || !set_serial(x) ||
        (w->company.n > 0 && !add_text(name, NID_organizationName, w->company)) ||
        !add_text(name, NID_commonName, w->name) ||
        X509_set_issuer_name(x, issuer != NULL ? X509_get_subject_name(issuer) : name) != 1 ||
        X509_set_pubkey(x, key) != 1) {
        return library(e, "a certificate of this name");
    }
    rc = set_dates(x, w, issuer, e);
    if (rc != 0) {
        return rc;
    }
    EVP_PKEY *signer = issuer != NULL ? issuer_key : key;
    return set_extensions(x, w, issuer) && X509_sign(x, signer, digest_for(signer)) > 0
               ? 0
               : library(e, "a certificate");
}

int authority_certificate(const struct authority_wish *w, EVP_PKEY *key, X509 *issuer,
                          EVP_PKEY *issuer_key, X509 **out, struct err *e)
{
    X509 *x = X509_new();
    int rc = x != NULL ? build(x, w, key, issuer, issuer_key, e)
                       : err_set(e, ERR_NOMEM, "out of memory");
    if (rc != 0) {
        X509_free(x);
        x = NULL;
    }
    *out = x;
    return rc;
}

/* Write all that is in bio to a new file; bio is the caller's. */
static int write_new(const char *path, mode_t mode, BIO *bio, struct err *e)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return err_set_errno(e, errno == EEXIST ? ERR_EXISTS : ERR_IO, errno, "%s", path);
    }
    int rc = 0;
    if (write(fd, p, (size_t)n) != n || fsync(fd) != 0) {
        rc = err_set_errno(e, ERR_IO, errno, "%s", path);
    }
    if (close(fd) != 0 && rc == 0) {
        rc = err_set_errno(e, ERR_IO, errno, "%s", path);
    }
    if (rc != 0) {
        (void)unlink(path);
    }
    return rc;
}

int authority_write_key(const char *path, EVP_PKEY *key, struct str passphrase, struct err *e)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    const EVP_CIPHER *cipher = passphrase.p != NULL ? EVP_aes_256_cbc() : NULL;
    int rc = bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, passphrase.p,
                                                          (int)passphrase.n, NULL, NULL) == 1
                 ? write_new(path, 0600, bio, e)
                 : library(e, "PEM of the key");
    BIO_free(bio);
    return rc;
}

int authority_write_certificates(const char *path, X509 *const *certificates, size_t n,
                                 struct err *e)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL;
    for (size_t i = 0; i < n && ok; i++) {
        ok = PEM_write_bio_X509(bio, certificates[i]) == 1;
    }
    int rc = ok ? write_new(path, 0644, bio, e) : library(e, "PEM of the certificates");
    BIO_free(bio);
    return rc;
}
