/* Throw-away certificates for the demonstration. */
#include "cli/demo_pki.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/mem.h"

#define LIFE_S (24L * 60 * 60)

struct demo_pki {
    const char *directory;
    EVP_PKEY *key;
    X509 *cert;
    X509_CRL *crl;
};

/* Open DIRECTORY/stem.suffix for writing as a stream that only we can read. */
static BIO *create(const struct demo_pki *p, const char *stem, const char *suffix, struct err *e)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s.%s", p->directory, stem, suffix);
    if (n < 0 || (size_t)n >= sizeof path) {
        err_set(e, ERR_TOO_LARGE, "the path of %s.%s is too long", stem, suffix);
        return NULL;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *stream = fd >= 0 ? fdopen(fd, "w") : NULL;
    BIO *bio = stream != NULL ? BIO_new_fp(stream, BIO_CLOSE) : NULL;
    if (bio == NULL) {
        err_set(e, ERR_IO, "cannot write %s", path);
    }
    return bio;
}

static int finish(BIO *bio, bool written, struct err *e)
{
    bool flushed = BIO_flush(bio) == 1;
    BIO_free(bio);
    return written && flushed ? 0 : err_set(e, ERR_IO, "cannot write a certificate file");
}

static int write_cert(const struct demo_pki *p, const char *stem, X509 *cert, struct err *e)
{
    BIO *bio = create(p, stem, "crt", e);
    return bio == NULL ? -ERR_IO : finish(bio, PEM_write_bio_X509(bio, cert) == 1, e);
}

static int write_key(const struct demo_pki *p, const char *stem, EVP_PKEY *key, struct err *e)
{
    BIO *bio = create(p, stem, "key", e);
    return bio == NULL
               ? -ERR_IO
               : finish(bio,
                        PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1, e);
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool set_serial(X509 *cert)
{
    unsigned char octets[16];
    if (RAND_bytes(octets, sizeof octets) != 1) {
        return false;
    }
    octets[0] = (unsigned char)((octets[0] & 0x3f) | 0x40); /* positive, no leading zero */
    BIGNUM *number = BN_bin2bn(octets, sizeof octets, NULL);
    bool set = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
    BN_free(number);
    return set;
}

static bool add_entry(X509_NAME *name, const char *field, const char *text)
{
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)text, -1,
                                      -1, 0) == 1;
}

/* A certificate with subject and public key, valid from now; NULL on failure. */
static X509 *new_cert(EVP_PKEY *key, const char *common_name)
{
    X509 *cert = X509_new();
    if (cert == NULL) {
        return NULL;
    }
    X509_NAME *subject = X509_get_subject_name(cert);
    bool made = X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
                X509_gmtime_adj(X509_getm_notBefore(cert), -60) != NULL &&
                X509_gmtime_adj(X509_getm_notAfter(cert), LIFE_S) != NULL &&
                add_entry(subject, "O", "countersign demonstration") &&
                add_entry(subject, "CN", common_name) && X509_set_pubkey(cert, key) == 1;
    if (!made) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static bool sign(struct demo_pki *p, X509 *cert, X509 *issuer)
{
    return X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1 &&
           add_extension(cert, issuer, NID_subject_key_identifier, "hash") &&
           add_extension(cert, issuer, NID_authority_key_identifier, "keyid") &&
           X509_sign(cert, p->key, EVP_sha256()) > 0;
}

static bool make_authority(struct demo_pki *p)
{
    p->key = EVP_EC_gen("P-256");
    p->cert = p->key != NULL ? new_cert(p->key, "demonstration CA") : NULL;
    p->crl = X509_CRL_new();
    return p->cert != NULL && p->crl != NULL &&
           add_extension(p->cert, p->cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(p->cert, p->cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           sign(p, p->cert, p->cert);
}

struct demo_pki *demo_pki_new(const char *directory, struct err *e)
{
    struct demo_pki *p = mem_calloc(1, sizeof *p);
    if (p == NULL) {
        err_set(e, ERR_NOMEM, "out of memory");
        return NULL;
    }
    p->directory = directory;
    if (!make_authority(p)) {
        err_set(e, ERR_CRYPTO, "cannot make a CA");
        goto fail;
    }
    if (write_cert(p, "ca", p->cert, e) != 0) {
        goto fail;
    }
    return p;
fail:
    demo_pki_free(p);
    return NULL;
}

void demo_pki_free(struct demo_pki *p)
{
    if (p == NULL) {
        return;
    }
    EVP_PKEY_free(p->key);
    X509_free(p->cert);
    X509_CRL_free(p->crl);
    mem_free(p);
}

/* Put cert on the list of the withdrawn. */
static bool withdraw(struct demo_pki *p, X509 *cert)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
    bool added = entry != NULL && now != NULL &&
                 X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(cert)) == 1 &&
                 X509_REVOKED_set_revocationDate(entry, now) == 1 &&
                 X509_CRL_add0_revoked(p->crl, entry) == 1;
    if (!added) {
        X509_REVOKED_free(entry);
    }
    ASN1_TIME_free(now);
    return added;
}

static bool make_leaf(struct demo_pki *p, X509 *cert, bool is_server)
{
    return add_extension(cert, p->cert, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(cert, p->cert, NID_key_usage, "critical,digitalSignature") &&
           add_extension(cert, p->cert, NID_ext_key_usage,
                         is_server ? "serverAuth" : "clientAuth") &&
           (!is_server || add_extension(cert, p->cert, NID_subject_alt_name,
                                        "DNS:localhost,IP:127.0.0.1,IP:::1")) &&
           sign(p, cert, p->cert);
}

int demo_pki_issue(struct demo_pki *p, const char *stem, const char *common_name, bool is_server,
                   bool withdrawn, struct err *e)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key != NULL ? new_cert(key, common_name) : NULL;
    int result = 0;
    if (cert == NULL || !make_leaf(p, cert, is_server) || (withdrawn && !withdraw(p, cert))) {
        result = err_set(e, ERR_CRYPTO, "cannot make the certificate of %s", common_name);
    }
    if (result == 0) {
        result = write_cert(p, stem, cert, e);
    }
    if (result == 0) {
        result = write_key(p, stem, key, e);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return result;
}

static bool sign_crl(struct demo_pki *p)
{
    ASN1_TIME *last = X509_gmtime_adj(NULL, -60);
    ASN1_TIME *next = X509_gmtime_adj(NULL, LIFE_S);
    bool made = last != NULL && next != NULL &&
                X509_CRL_set_version(p->crl, X509_CRL_VERSION_2) == 1 &&
                X509_CRL_set_issuer_name(p->crl, X509_get_subject_name(p->cert)) == 1 &&
                X509_CRL_set1_lastUpdate(p->crl, last) == 1 &&
                X509_CRL_set1_nextUpdate(p->crl, next) == 1 && X509_CRL_sort(p->crl) == 1 &&
                X509_CRL_sign(p->crl, p->key, EVP_sha256()) > 0;
    ASN1_TIME_free(last);
    ASN1_TIME_free(next);
    return made;
}

int demo_pki_write_crl(struct demo_pki *p, struct err *e)
{
    if (!sign_crl(p)) {
        return err_set(e, ERR_CRYPTO, "cannot sign the CRL");
    }
    BIO *bio = create(p, "ca", "crl", e);
    return bio == NULL ? -ERR_IO : finish(bio, PEM_write_bio_X509_CRL(bio, p->crl) == 1, e);
}
