/* Owns: opening the CA's key, and whether it may be used. */
#include "ca/key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "auth/revoke/asn1time.h"
#include "base/clock.h"
#include "base/mem.h"

#define FILE_MAX       65536
#define PASSPHRASE_MAX 1024

struct text {
    char p[FILE_MAX];
    size_t n;
};

/* Read all of path; secret: only the owner (or a group that may but read) has a right to it. */
static int read_file(const char *path, bool secret, struct text *t, struct err *e)
{
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return err_set_errno(e, ERR_IO, errno, "%s", path);
    }
    int rc = 0;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode)) {
        rc = err_set(e, ERR_IO, "%s: not a file", path);
    } else if (secret && (s.st_mode & 037) != 0) {
        rc = err_set(e, ERR_DENIED, "%s: others can get at it (mode %04o): chmod 0600", path,
                     (unsigned)s.st_mode & 07777U);
    } else {
        ssize_t n = read(fd, t->p, sizeof(t->p));
        t->n = n > 0 ? (size_t)n : 0;
        rc = n < 0                  ? err_set_errno(e, ERR_IO, errno, "%s", path)
             : t->n == sizeof(t->p) ? err_set(e, ERR_TOO_LARGE, "%s: too large", path)
                                    : 0;
    }
    (void)close(fd);
    return rc;
}

/* All certificates of a PEM text, in its order. */
static STACK_OF(X509) * read_certificates(const struct text *t)
{
    BIO *bio = BIO_new_mem_buf(t->p, (int)t->n);
    STACK_OF(X509) *all = sk_X509_new_null();
    X509 *x = NULL;
    while (bio != NULL && all != NULL && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_push(all, x) <= 0) {
            X509_free(x);
        }
    }
    BIO_free(bio);
    ERR_clear_error();
    return all;
}

static int load_certificate(const struct conf_ca *conf, struct ca_key *k, struct text *t,
                            struct err *e)
{
    int rc = read_file(conf->certificate.p, false, t, e);
    if (rc != 0) {
        return rc;
    }
    STACK_OF(X509) *all = read_certificates(t);
    k->certificate = sk_X509_shift(all);
    k->chain = all;
    if (k->certificate == NULL) {
        return err_set(e, ERR_MALFORMED, "%s: holds no certificate", conf->certificate.p);
    }
    return 0;
}

struct passphrase {
    char p[PASSPHRASE_MAX];
    size_t n;
    bool given;
    bool asked;
};

static int give_passphrase(char *out, int size, int rwflag, void *arg)
{
    struct passphrase *p = arg;
    (void)rwflag;
    p->asked = true;
    if (!p->given || p->n > (size_t)size) {
        return -1;
    }
    memcpy(out, p->p, p->n);
    return (int)p->n;
}

/* The first line of the file. */
static int load_passphrase(const struct conf_ca *conf, struct passphrase *p, struct text *t,
                           struct err *e)
{
    if (conf->key_passphrase_file.p == NULL) {
        return 0;
    }
    int rc = read_file(conf->key_passphrase_file.p, true, t, e);
    const char *end = rc == 0 ? memchr(t->p, '\n', t->n) : NULL;
    size_t n = end != NULL ? (size_t)(end - t->p) : t->n;
    if (rc == 0 && n > sizeof(p->p)) {
        rc = err_set(e, ERR_TOO_LARGE, "%s: too long", conf->key_passphrase_file.p);
    }
    if (rc == 0) {
        memcpy(p->p, t->p, n);
        p->n = n;
        p->given = true;
    }
    mem_wipe(t, sizeof(*t));
    return rc;
}

static int load_key(const struct conf_ca *conf, struct ca_key *k, struct text *t, struct err *e)
{
    struct passphrase p = {.given = false};
    int rc = load_passphrase(conf, &p, t, e);
    rc = rc == 0 ? read_file(conf->key.p, true, t, e) : rc;
    if (rc == 0) {
        BIO *bio = BIO_new_mem_buf(t->p, (int)t->n);
        k->key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &p) : NULL;
        BIO_free(bio);
        ERR_clear_error();
        if (k->key == NULL && p.asked) {
            rc = err_set(e, ERR_DENIED, "%s: its passphrase is %s", conf->key.p,
                         p.given ? "not the one in ca.key_passphrase_file"
                                 : "needed: name the file that holds it in ca.key_passphrase_file");
        } else if (k->key == NULL) {
            rc = err_set(e, ERR_MALFORMED, "%s: not a private key in PEM", conf->key.p);
        }
    }
    mem_wipe(t, sizeof(*t));
    mem_wipe(&p, sizeof(p));
    return rc;
}

static int check(const struct conf_ca *conf, const struct ca_key *k, struct err *e)
{
    int64_t from_s = 0;
    int64_t to_s = 0;
    int64_t now_s = clock_wall_ms() / 1000;
    if (X509_check_private_key(k->certificate, k->key) != 1) {
        ERR_clear_error();
        return err_set(e, ERR_CONFIG, "%s is not the key of %s", conf->key.p, conf->certificate.p);
    }
    if (X509_check_ca(k->certificate) != 1 ||
        (X509_get_key_usage(k->certificate) & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) !=
            (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) {
        return err_set(e, ERR_CONFIG,
                       "%s: not a CA that may issue: it must say CA:TRUE, keyCertSign and cRLSign",
                       conf->certificate.p);
    }
    if (!asn1time_seconds(X509_get0_notBefore(k->certificate), &from_s) ||
        !asn1time_seconds(X509_get0_notAfter(k->certificate), &to_s) || now_s < from_s ||
        now_s >= to_s) {
        return err_set(e, ERR_CONFIG, "%s: not in its time", conf->certificate.p);
    }
    return 0;
}

int ca_key_load(const struct conf_ca *conf, struct ca_key *k, struct err *e)
{
    struct text *t = mem_calloc(1, sizeof(*t));
    *k = (struct ca_key){NULL, NULL, NULL};
    if (t == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    int rc = load_certificate(conf, k, t, e);
    rc = rc == 0 ? load_key(conf, k, t, e) : rc;
    rc = rc == 0 ? check(conf, k, e) : rc;
    mem_free(t);
    if (rc != 0) {
        ca_key_fini(k);
    }
    return rc;
}

void ca_key_fini(struct ca_key *k)
{
    X509_free(k->certificate);
    sk_X509_pop_free(k->chain, X509_free);
    EVP_PKEY_free(k->key);
    *k = (struct ca_key){NULL, NULL, NULL};
}
