/* Owns: the file that holds the key until its certificate is there, so that a request that waits
 * for somebody is asked about again, and not made anew. */
#include "cli/renew_begun.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/mem.h"
#include "ca/authority.h"

#define KEY_MAX 16384

static const char *kind_of(const EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_is_a(key, "ED25519")) {
        return "ed25519";
    }
    if (EVP_PKEY_is_a(key, "EC")) {
        return bits > 256 ? "p384" : "p256";
    }
    return bits > 3072 ? "rsa4096" : bits > 2048 ? "rsa3072" : "rsa2048";
}

static int lock(const struct renew_place *place, struct renew_begun *b, struct err *e)
{
    int n = snprintf(b->path, sizeof(b->path), "%s.renewing", place->certificate);
    if (n < 0 || (size_t)n >= sizeof(b->path)) {
        return err_set(e, ERR_IO, "%s: the path is too long", place->certificate);
    }
    b->fd = open(b->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (b->fd < 0) {
        return err_set_errno(e, ERR_IO, errno, "%s", b->path);
    }
    if (flock(b->fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK
                   ? err_set(e, ERR_BUSY, "%s: another renewal of this certificate is at work",
                             b->path)
                   : err_set_errno(e, ERR_IO, errno, "%s", b->path);
    }
    return 0;
}

static int give_passphrase(char *out, int size, int rwflag, void *arg)
{
    const char *passphrase = arg;
    size_t n = strlen(passphrase);
    (void)rwflag;
    if (n == 0 || n > (size_t)size) {
        return -1;
    }
    memcpy(out, passphrase, n);
    return (int)n;
}

/* NULL: there is none, or half of one, or one under another passphrase. */
static EVP_PKEY *read_key(const struct renew_begun *b, struct renew_pair *scratch)
{
    char text[KEY_MAX];
    ssize_t n = pread(b->fd, text, sizeof(text), 0);
    BIO *bio = n > 0 ? BIO_new_mem_buf(text, (int)n) : NULL;
    EVP_PKEY *key = bio != NULL
                        ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, scratch->passphrase)
                        : NULL;
    BIO_free(bio);
    ERR_clear_error();
    mem_wipe(text, sizeof(text));
    return key;
}

static int write_key(const struct renew_begun *b, const struct renew_pair *like, EVP_PKEY *key,
                     struct err *e)
{
    char *p = NULL;
    BIO *bio = BIO_new(BIO_s_secmem());
    bool ok = bio != NULL &&
              PEM_write_bio_PKCS8PrivateKey(bio, key, like->encrypted ? EVP_aes_256_cbc() : NULL,
                                            like->encrypted ? like->passphrase : NULL,
                                            (int)strlen(like->passphrase), NULL, NULL) == 1;
    if (!ok) {
        BIO_free(bio);
        return err_set(e, ERR_CRYPTO, "the new key cannot be encoded");
    }
    long n = BIO_get_mem_data(bio, &p);
    int rc = ftruncate(b->fd, 0) == 0 && pwrite(b->fd, p, (size_t)n, 0) == n && fsync(b->fd) == 0
                 ? 0
                 : err_set_errno(e, ERR_IO, errno, "%s", b->path);
    BIO_free(bio);
    return rc;
}

int renew_begun_open(const struct renew_place *place, const struct renew_pair *like,
                     const char *kind, struct renew_begun *b, EVP_PKEY **key, struct err *e)
{
    struct renew_pair scratch = {.certificate = NULL};
    *b = (struct renew_begun){.fd = -1};
    *key = NULL;
    int rc = lock(place, b, e);
    if (rc != 0) {
        return rc;
    }
    memcpy(scratch.passphrase, like->passphrase, sizeof(scratch.passphrase));
    *key = read_key(b, &scratch);
    mem_wipe(&scratch, sizeof(scratch));
    const char *wanted = kind != NULL ? kind : kind_of(like->key);
    if (*key != NULL && strcmp(kind_of(*key), wanted) == 0) {
        return 0;
    }
    EVP_PKEY_free(*key);
    *key = NULL;
    rc = authority_key(str_of(wanted), key, e);
    rc = rc == 0 ? write_key(b, like, *key, e) : rc;
    if (rc != 0) {
        EVP_PKEY_free(*key);
        *key = NULL;
    }
    return rc;
}

void renew_begun_end(struct renew_begun *b, bool over)
{
    if (b->fd >= 0) {
        if (over) {
            (void)unlink(b->path);
        }
        (void)close(b->fd);
        b->fd = -1;
    }
}
