/* Owns: reading keys, certificates and passphrases. Leaves judging them to issuer. */
#include "ca/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "auth/keys/token.h"
#include "base/mem.h"
#include "conf/syntax.h"

#define FILE_MAX 65536

struct text {
    size_t n;
    char p[FILE_MAX];
};

/* All of path into a new text (drop()); secret: only the owner (or a group that may but read) has
 * a right to it. */
static int read_file(const char *path, bool secret, struct text **out, struct err *e)
{
    struct stat s;
    struct text *t = mem_calloc(1, sizeof(*t));
    /* O_NONBLOCK: a FIFO by mistake must not hang us before we see what it is. */
    int fd = t != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
    *out = t;
    if (t == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    if (fd < 0) {
        return err_set_errno(e, ERR_IO, errno, "%s", path);
    }
    int rc = 0;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode)) {
        rc = err_set(e, ERR_IO, "%s: not a file", path);
    } else if (secret && (s.st_mode & 037) != 0) {
        rc = err_set(e, ERR_CONFIG, "%s: others can get at it (mode %04o): chmod 0600", path,
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

static void drop(struct text *t)
{
    if (t != NULL) {
        mem_wipe(t, sizeof(*t));
    }
    mem_free(t);
    ERR_clear_error();
}

static size_t line_length(const struct text *t)
{
    const char *end = memchr(t->p, '\n', t->n);
    size_t n = end != NULL ? (size_t)(end - t->p) : t->n;
    return n > 0 && t->p[n - 1] == '\r' ? n - 1 : n;
}

int key_file_passphrase(const char *path, struct key_passphrase *p, struct err *e)
{
    struct text *t = NULL;
    p->given = false;
    int rc = read_file(path, true, &t, e);
    size_t n = rc == 0 ? line_length(t) : 0;
    if (n > KEY_PASSPHRASE_MAX) {
        rc = err_set(e, ERR_TOO_LARGE, "%s: its first line is longer than %d octets", path,
                     KEY_PASSPHRASE_MAX);
    }
    if (rc == 0) {
        memcpy(p->text, t->p, n);
        p->text[n] = '\0';
        p->n = n;
        p->given = true;
    }
    drop(t);
    return rc;
}

struct answer {
    const struct key_passphrase *p;
    bool asked;
};

static int give_passphrase(char *out, int size, int writing, void *arg)
{
    struct answer *a = arg;
    (void)writing;
    a->asked = true;
    if (!a->p->given || size < 0 || a->p->n > (size_t)size) {
        return -1;
    }
    memcpy(out, a->p->text, a->p->n);
    return (int)a->p->n;
}

static int passphrase_error(const char *path, const struct key_passphrase *p, struct err *e)
{
    return p->given ? err_set(e, ERR_DENIED, "%s: the passphrase is not the right one", path)
                    : err_set(e, ERR_DENIED, "%s: is encrypted: its passphrase is needed", path);
}

static EVP_PKEY *read_key(const struct text *t, struct answer *a)
{
    EVP_PKEY *key = NULL;
    BIO *bio = BIO_new_mem_buf(t->p, (int)t->n);
    if (bio != NULL) {
        key = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, a);
    }
    if (bio != NULL && key == NULL && !a->asked && BIO_reset(bio) == 1) {
        key = d2i_PrivateKey_bio(bio, NULL);
    }
    if (bio != NULL && key == NULL && !a->asked && BIO_reset(bio) == 1) {
        key = d2i_PKCS8PrivateKey_bio(bio, NULL, give_passphrase, a);
    }
    BIO_free(bio);
    return key;
}

static int open_file(const char *path, const struct key_passphrase *p, EVP_PKEY **out,
                     struct err *e)
{
    struct text *t = NULL;
    struct answer a = {p, false};
    int rc = read_file(path, true, &t, e);
    if (rc == 0) {
        *out = read_key(t, &a);
        if (*out == NULL) {
            rc = a.asked
                     ? passphrase_error(path, p, e)
                     : err_set(e, ERR_MALFORMED, "%s: holds no private key that can be read", path);
        }
    }
    drop(t);
    return rc;
}

/* Of a URI that is not of PKCS#11 nobody knows what is secret in it, so its scheme alone is told.
 */
static int open_uri(const char *uri, const struct key_passphrase *p, EVP_PKEY **out, struct err *e)
{
    struct str text = str_of(uri);
    struct err inner = {0};
    bool in_token = str_starts(text, SYNTAX_PKCS11);
    size_t shown = in_token ? text.n : syntax_scheme(text);
    const char *wrong = in_token ? syntax_pkcs11(text) : syntax_key_uri(text);
    int rc = 0;
    if (wrong != NULL) {
        return err_set(e, ERR_MALFORMED, "the key's URI: %s", wrong);
    }
    if (in_token && !p->given) {
        rc = err_set(&inner, ERR_DENIED, "needs a PIN, in a file");
    } else {
        rc = token_open_key(text, (struct str){p->text, p->given ? p->n : 0}, out, &inner);
    }
    if (rc != 0) {
        (void)err_set(e, inner.code, "%.*s%s %s", (int)(shown < 100 ? shown : 100), uri,
                      in_token && shown < 100 ? "" : "...", inner.text);
    }
    return rc;
}

bool key_file_is_uri(const char *where)
{
    return syntax_scheme(str_of(where)) > 0;
}

int key_file_open(const char *where, const struct key_passphrase *p, EVP_PKEY **out, struct err *e)
{
    *out = NULL;
    return key_file_is_uri(where) ? open_uri(where, p, out, e) : open_file(where, p, out, e);
}

/* Reads PEM to its end: what cannot be read in between is not passed over. */
static int read_pem(BIO *bio, STACK_OF(X509) * all)
{
    X509 *x = NULL;
    ERR_clear_error();
    while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_push(all, x) <= 0) {
            X509_free(x);
            return -ERR_NOMEM;
        }
    }
    unsigned long code = ERR_peek_last_error();
    bool at_end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    return at_end ? 0 : -ERR_MALFORMED;
}

static int read_certificates(const struct text *t, STACK_OF(X509) * all)
{
    BIO *bio = BIO_new_mem_buf(t->p, (int)t->n);
    if (bio == NULL || all == NULL) {
        BIO_free(bio);
        return -ERR_NOMEM;
    }
    int rc = read_pem(bio, all);
    X509 *x = NULL;
    if (rc == 0 && sk_X509_num(all) == 0 && BIO_reset(bio) == 1) {
        x = d2i_X509_bio(bio, NULL);
    }
    if (x != NULL && sk_X509_push(all, x) <= 0) {
        X509_free(x);
    }
    BIO_free(bio);
    return rc;
}

int key_file_certificates(const char *path, STACK_OF(X509) * *out, struct err *e)
{
    struct text *t = NULL;
    STACK_OF(X509) *all = sk_X509_new_null();
    int rc = read_file(path, false, &t, e);
    if (rc == 0) {
        rc = read_certificates(t, all);
        if (rc != 0) {
            (void)err_set(e, (enum err_code) - rc, "%s: a certificate in it cannot be read", path);
        } else if (sk_X509_num(all) == 0) {
            rc = err_set(e, ERR_MALFORMED, "%s: holds no certificate", path);
        }
    }
    drop(t);
    if (rc != 0) {
        sk_X509_pop_free(all, X509_free);
        all = NULL;
    }
    *out = all;
    return rc;
}

/* An empty passphrase and none are two things in PKCS#12, and files have either. */
static bool has_right_passphrase(PKCS12 *p12, const struct key_passphrase *p)
{
    return PKCS12_verify_mac(p12, p->given ? p->text : "", -1) == 1 ||
           (p->n == 0 && PKCS12_verify_mac(p12, NULL, 0) == 1);
}

/* Its own certificate goes to the front. */
static bool put_first(STACK_OF(X509) * *all, X509 *own)
{
    if (*all == NULL) {
        *all = sk_X509_new_null();
    }
    return *all != NULL && sk_X509_unshift(*all, own) > 0;
}

static int open_pkcs12(const char *path, PKCS12 *p12, const struct key_passphrase *p,
                       EVP_PKEY **key, STACK_OF(X509) * *all, struct err *e)
{
    X509 *own = NULL;
    if (PKCS12_mac_present(p12) == 1 && !has_right_passphrase(p12, p)) {
        return passphrase_error(path, p, e);
    }
    if (PKCS12_parse(p12, p->given ? p->text : NULL, key, &own, all) != 1) {
        return err_set(e, ERR_MALFORMED,
                       "%s: cannot be opened: it is damaged, or encrypted in an old way (RC2, "
                       "DES): make it anew with a current program",
                       path);
    }
    if (*key == NULL || own == NULL) {
        X509_free(own);
        return err_set(e, ERR_MALFORMED, "%s: holds no private key with its certificate", path);
    }
    if (!put_first(all, own)) {
        X509_free(own);
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    return 0;
}

int key_file_pkcs12(const char *path, const struct key_passphrase *p, EVP_PKEY **key,
                    STACK_OF(X509) * *certificates, struct err *e)
{
    struct text *t = NULL;
    *key = NULL;
    *certificates = NULL;
    int rc = read_file(path, false, &t, e);
    const unsigned char *in = rc == 0 ? (const unsigned char *)t->p : NULL;
    PKCS12 *p12 = rc == 0 && t->n > 0 ? d2i_PKCS12(NULL, &in, (long)t->n) : NULL;
    if (rc == 0 && p12 == NULL) {
        rc = err_set(e, ERR_UNSUPPORTED, "%s: is not a PKCS#12 file", path);
    }
    drop(t);
    t = NULL;
    /* Now that it is known to hold a key. */
    rc = rc == 0 ? read_file(path, true, &t, e) : rc;
    drop(t);
    rc = rc == 0 ? open_pkcs12(path, p12, p, key, certificates, e) : rc;
    PKCS12_free(p12);
    if (rc != 0) {
        EVP_PKEY_free(*key);
        sk_X509_pop_free(*certificates, X509_free);
        *key = NULL;
        *certificates = NULL;
    }
    ERR_clear_error();
    return rc;
}
