/* Owns: PEM files as a certificate with its key, and back. */
#include "cli/renew_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "auth/revoke/asn1time.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/rewrite.h"
#include "ca/web.h"
#include "cli/renew_switch.h"

#define FILE_MAX 262144

static int read_file(const char *path, struct buf *out, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t n = fd >= 0 ? 1 : -1;
    while (n > 0) {
        char *room = buf_reserve(out, 4096);
        if (room == NULL) {
            (void)close(fd);
            return err_set(e, ERR_CONFIG, "%s: is too large", path);
        }
        n = read(fd, room, 4096);
        buf_commit(out, n > 0 ? (size_t)n : 0);
    }
    int rc = n == 0 ? 0 : err_set_errno(e, ERR_CONFIG, errno, "%s", path);
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

static BIO *bio_of(const struct buf *text)
{
    struct str s = buf_str(text);
    return BIO_new_mem_buf(s.p, (int)s.n);
}

static int take_certificates(struct renew_pair *p, const struct buf *text, const char *path,
                             struct err *e)
{
    int64_t from_s = 0;
    int64_t to_s = 0;
    BIO *bio = bio_of(text);
    p->above = sk_X509_new_null();
    p->certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    X509 *x = NULL;
    while (p->certificate != NULL && p->above != NULL &&
           (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_push(p->above, x) <= 0) {
            X509_free(x);
        }
    }
    BIO_free(bio);
    ERR_clear_error();
    if (p->certificate == NULL || p->above == NULL ||
        !asn1time_seconds(X509_get0_notBefore(p->certificate), &from_s) ||
        !asn1time_seconds(X509_get0_notAfter(p->certificate), &to_s)) {
        return err_set(e, ERR_CONFIG, "%s: holds no certificate in PEM form", path);
    }
    p->not_before_ms = from_s * 1000;
    p->not_after_ms = to_s * 1000;
    return 0;
}

/* Called for a key that is encrypted; without a passphrase the terminal must not be asked. */
static int give_passphrase(char *out, int size, int rwflag, void *arg)
{
    struct renew_pair *p = arg;
    size_t n = strlen(p->passphrase);
    (void)rwflag;
    p->encrypted = true;
    if (n == 0 || n > (size_t)size) {
        return -1;
    }
    memcpy(out, p->passphrase, n);
    return (int)n;
}

static int take_key(struct renew_pair *p, const struct buf *text, const struct renew_place *place,
                    struct err *e)
{
    BIO *bio = bio_of(text);
    p->key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, p) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    if (p->key == NULL) {
        return p->encrypted && place->passphrase_file == NULL
                   ? err_set(e, ERR_CONFIG, "%s: the key is encrypted: say --passphrase-file",
                             place->key)
                   : err_set(e, ERR_CONFIG, "%s: %s", place->key,
                             p->encrypted ? "the passphrase does not open the key"
                                          : "holds no private key in PEM form");
    }
    if (X509_check_private_key(p->certificate, p->key) != 1) {
        ERR_clear_error();
        return err_set(e, ERR_CONFIG, "%s: is not the key of the certificate in %s", place->key,
                       place->certificate);
    }
    return 0;
}

int renew_pair_read(const struct renew_place *place, struct renew_pair *p, struct err *e)
{
    struct buf text;
    buf_init(&text, FILE_MAX);
    *p = (struct renew_pair){.certificate = NULL};
    int rc = read_file(place->certificate, &text, e);
    rc = rc == 0 ? take_certificates(p, &text, place->certificate, e) : rc;
    if (rc == 0 && place->passphrase_file != NULL) {
        rc = web_read_secret(place->passphrase_file, p->passphrase, sizeof(p->passphrase), e);
    }
    if (rc == 0 && strcmp(place->certificate, place->key) != 0) {
        buf_wipe(&text);
        rc = read_file(place->key, &text, e);
    }
    rc = rc == 0 ? take_key(p, &text, place, e) : rc;
    buf_wipe(&text);
    return rc;
}

void renew_pair_fini(struct renew_pair *p)
{
    X509_free(p->certificate);
    sk_X509_pop_free(p->above, X509_free);
    EVP_PKEY_free(p->key);
    mem_wipe(p, sizeof(*p));
}

/* ---- Writing ---- */

static bool write_certificates(BIO *bio, const struct renew_pair *p)
{
    bool ok = PEM_write_bio_X509(bio, p->certificate) == 1;
    for (int i = 0; ok && i < sk_X509_num(p->above); i++) {
        ok = PEM_write_bio_X509(bio, sk_X509_value(p->above, i)) == 1;
    }
    return ok;
}

static bool write_key(BIO *bio, const struct renew_pair *p)
{
    const EVP_CIPHER *cipher = p->encrypted ? EVP_aes_256_cbc() : NULL;
    return PEM_write_bio_PKCS8PrivateKey(bio, p->key, cipher, p->encrypted ? p->passphrase : NULL,
                                         (int)strlen(p->passphrase), NULL, NULL) == 1;
}

static struct str text_of(BIO *bio)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    return (struct str){p, (size_t)n};
}

static int replace_one(const char *path, const struct renew_pair *new, struct err *e)
{
    struct rewrite *file = NULL;
    BIO *bio = BIO_new(BIO_s_secmem());
    int rc = bio != NULL && write_certificates(bio, new) && write_key(bio, new)
                 ? rewrite_open(&file, path, e)
                 : err_set(e, ERR_NOMEM, "out of memory");
    rc = rc == 0 ? rewrite_put(file, text_of(bio), e) : rc;
    rewrite_close(file);
    BIO_free(bio);
    return rc;
}

static int replace_two(const struct renew_place *place, const struct renew_pair *old,
                       const struct renew_pair *new, struct err *e)
{
    BIO *bios[4];
    bool ok = true;
    for (size_t i = 0; i < 4; i++) {
        bios[i] = BIO_new(i % 2 == 0 ? BIO_s_mem() : BIO_s_secmem());
        ok = ok && bios[i] != NULL;
    }
    ok = ok && write_certificates(bios[0], old) && write_key(bios[1], old) &&
         write_certificates(bios[2], new) && write_key(bios[3], new);
    int rc = ok ? 0 : err_set(e, ERR_NOMEM, "out of memory");
    if (rc == 0) {
        const struct renew_switch_texts before = {text_of(bios[0]), text_of(bios[1])};
        const struct renew_switch_texts after = {text_of(bios[2]), text_of(bios[3])};
        rc = renew_switch(place->certificate, place->key, &before, &after, e);
    }
    for (size_t i = 0; i < 4; i++) {
        BIO_free(bios[i]);
    }
    return rc;
}

int renew_pair_replace(const struct renew_place *place, const struct renew_pair *old,
                       const struct renew_pair *new, struct err *e)
{
    return strcmp(place->certificate, place->key) == 0 ? replace_one(place->certificate, new, e)
                                                       : replace_two(place, old, new, e);
}
