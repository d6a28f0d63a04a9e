/* Owns: what a CA's own certificate looks like, and its files. Leaves clients' certificates to
 * leaf. */
#include "ca/authority.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "auth/revoke/asn1time.h"
#include "ca/certificate.h"

#define DAY_S INT64_C(86400)

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
        return *out != NULL ? 0 : certificate_failed(e, "a key");
    }
    return err_set(e, ERR_UNSUPPORTED,
                   "\"%.*s\" is not a kind of key: p256, p384, ed25519, rsa2048, rsa3072 or "
                   "rsa4096",
                   STR_ARG(kind));
}

static bool set_extensions(X509 *x, const struct authority_wish *w, X509 *issuer)
{
    char basic[48];
    (void)snprintf(basic, sizeof(basic), "critical,CA:TRUE,pathlen:%d", w->path_length);
    return certificate_add_extension(x, issuer, NID_basic_constraints, basic) &&
           certificate_add_extension(x, issuer, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           certificate_add_extension(x, issuer, NID_subject_key_identifier, "hash") &&
           certificate_add_authority(x, NULL, issuer);
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

/* A part of a day is let through: it is the time between making the one and the other. */
static int check_life(X509 *issuer, const struct authority_wish *w, struct err *e)
{
    int64_t end_s = 0;
    if (!w->exact || issuer == NULL) {
        return 0;
    }
    if (!asn1time_seconds(X509_get0_notAfter(issuer), &end_s)) {
        return err_set(e, ERR_DENIED, "the end of the CA above cannot be read");
    }
    int64_t left = (end_s - w->now_ms / 1000 + DAY_S - 1) / DAY_S;
    return (int64_t)w->life_days <= left
               ? 0
               : err_set(e, ERR_DENIED, "%u days are more than the CA above has left: %lld at most",
                         w->life_days, (long long)(left > 0 ? left : 0));
}

static int build(X509 *x, const struct authority_wish *w, EVP_PKEY *key, X509 *issuer,
                 EVP_PKEY *issuer_key, struct err *e)
{
    unsigned char serial[CERTIFICATE_SERIAL_OCTETS];
    int64_t now_s = w->now_ms / 1000;
    struct certificate_time time = {now_s, now_s, now_s + (int64_t)w->life_days * DAY_S};
    int rc = issuer != NULL ? check_issuer(issuer, issuer_key, w, e) : 0;
    rc = rc == 0 ? check_life(issuer, w, e) : rc;
    if (rc != 0) {
        return rc;
    }
    if (X509_set_version(x, X509_VERSION_3) != 1 || certificate_serial(serial) != 0 ||
        !certificate_set_serial(x, serial) || !certificate_set_subject(x, w->company, w->name) ||
        X509_set_issuer_name(x, X509_get_subject_name(issuer != NULL ? issuer : x)) != 1 ||
        X509_set_pubkey(x, key) != 1) {
        return certificate_failed(e, "a certificate of this name");
    }
    rc = certificate_set_time(x, issuer, &time, e);
    if (rc != 0) {
        return rc;
    }
    return set_extensions(x, w, issuer != NULL ? issuer : x) &&
                   certificate_sign(x, issuer != NULL ? issuer_key : key)
               ? 0
               : certificate_failed(e, "a certificate");
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

static bool ask_for_extensions(X509_REQ *r)
{
    static const struct {
        int nid;
        const char *value;
    } rows[] = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                {NID_key_usage, "critical,keyCertSign,cRLSign"}};
    STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();
    bool ok = all != NULL;
    for (size_t i = 0; ok && i < sizeof(rows) / sizeof(rows[0]); i++) {
        X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, rows[i].nid, rows[i].value);
        ok = x != NULL && sk_X509_EXTENSION_push(all, x) > 0;
        if (!ok) {
            X509_EXTENSION_free(x);
        }
    }
    ok = ok && X509_REQ_add_extensions(r, all) == 1;
    sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
    return ok;
}

int authority_request(struct str name, struct str company, EVP_PKEY *key, X509_REQ **out,
                      struct err *e)
{
    X509_REQ *r = X509_REQ_new();
    bool ok = r != NULL && X509_REQ_set_version(r, X509_REQ_VERSION_1) == 1 &&
              certificate_fill_name(X509_REQ_get_subject_name(r), company, name) &&
              X509_REQ_set_pubkey(r, key) == 1 && ask_for_extensions(r) &&
              X509_REQ_sign(r, key, certificate_digest(key)) > 0;
    if (!ok) {
        X509_REQ_free(r);
        r = NULL;
    }
    *out = r;
    return ok ? 0 : certificate_failed(e, "a request");
}

/* What was written under a name is there after a power cut, too. */
static int sync_directory(const char *path)
{
    char directory[4096];
    const char *end = strrchr(path, '/');
    int n = snprintf(directory, sizeof(directory), "%.*s", end != NULL ? (int)(end - path) : 1,
                     end != NULL ? path : ".");
    int fd = n > 0 ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                   : open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 ? fsync(fd) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
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
    if ((close(fd) != 0 || sync_directory(path) != 0) && rc == 0) {
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
                 : certificate_failed(e, "PEM of the key");
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
    int rc = ok ? write_new(path, 0644, bio, e) : certificate_failed(e, "PEM of the certificates");
    BIO_free(bio);
    return rc;
}

int authority_write_request(const char *path, X509_REQ *request, struct err *e)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int rc = bio != NULL && PEM_write_bio_X509_REQ(bio, request) == 1
                 ? write_new(path, 0644, bio, e)
                 : certificate_failed(e, "PEM of the request");
    BIO_free(bio);
    return rc;
}
