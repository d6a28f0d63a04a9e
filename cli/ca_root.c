/* countersign ca certify, ca crl: what a root does, on a machine without a network. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rewrite.h"
#include "ca/authority.h"
#include "ca/crl.h"
#include "ca/csr.h"
#include "ca/issuer.h"
#include "ca/root_crl.h"
#include "cli/ca_open.h"
#include "cli/ca_parts.h"

#define ISSUING_DAYS 3650
#define CRL_DAYS     365

#define CRL_FORMER_DAYS_MAX 40
#define DAY_MS              86400000U

struct root {
    X509 *certificate;
    EVP_PKEY *key;
};

static void close_root(struct root *r)
{
    X509_free(r->certificate);
    EVP_PKEY_free(r->key);
}

/* The first certificate of a file. */
static int read_certificate(const char *path, X509 **out, struct err *e)
{
    STACK_OF(X509) *all = NULL;
    int rc = key_file_certificates(path, &all, e);
    *out = rc == 0 ? sk_X509_shift(all) : NULL;
    sk_X509_pop_free(all, X509_free);
    return rc;
}

static int open_root(const struct ca_wish *w, struct root *r, struct err *e)
{
    char path[CA_PATH_MAX];
    struct key_passphrase p = {.given = false};
    struct err inner = {0};
    int rc = read_certificate(ca_path(w, "root.crt", path), &r->certificate, e);
    if (rc == 0) {
        rc = ca_open_key(w, w->key != NULL ? w->key : ca_path(w, "root.key", path), &p, &r->key, e);
    }
    mem_wipe(&p, sizeof(p));
    if (rc == 0) {
        rc =
            issuer_check(ISSUER_ROOT, r->certificate, NULL, r->key, clock_wall_ms() / 1000, &inner);
    }
    return inner.text[0] == '\0'
               ? rc
               : err_set(e, inner.code, "%s/root.crt: %s", w->directory, inner.text);
}

static int read_request(const char *path, struct csr **out, struct err *e)
{
    char text[CSR_OCTETS_MAX + 1];
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0) {
        n = read(fd, text, sizeof(text));
        (void)close(fd);
    }
    if (n < 0) {
        return err_set_errno(e, ERR_IO, errno, "%s", path);
    }
    struct err inner = {0};
    int rc = csr_read((struct str){text, (size_t)n}, out, &inner);
    return rc == 0 ? 0 : err_set(e, inner.code, "%s: %s", path, inner.text);
}

/* What is asked for beside name and key is not looked at: the certificate is built anew, and then
 * judged as the one who gets it will. */
static int certify(const struct ca_wish *w, const struct root *r, const struct csr *c, X509 **out,
                   struct err *e)
{
    struct authority_wish wish = {.name = str_of(c->user),
                                  .company = str_of(c->company),
                                  .path_length = 0,
                                  .life_days = w->days > 0 ? w->days : ISSUING_DAYS,
                                  .exact = w->days > 0,
                                  .now_ms = clock_wall_ms()};
    if (wish.name.n == 0 || wish.name.n > 64) {
        return err_set(e, ERR_DENIED, "the request must name a common name of 1 to 64 octets");
    }
    if (X509_NAME_cmp(X509_REQ_get_subject_name(c->req), X509_get_subject_name(r->certificate)) ==
        0) {
        return err_set(e, ERR_DENIED, "the request has the name of the root itself");
    }
    if (EVP_PKEY_eq(X509_REQ_get0_pubkey(c->req), X509_get0_pubkey(r->certificate)) == 1) {
        return err_set(e, ERR_DENIED, "the request has the key of the root itself");
    }
    struct err inner = {0};
    STACK_OF(X509) *above = sk_X509_new_null();
    int rc =
        authority_certificate(&wish, X509_REQ_get0_pubkey(c->req), r->certificate, r->key, out, e);
    if (rc == 0) {
        rc = above != NULL && sk_X509_push(above, r->certificate) > 0
                 ? issuer_check(ISSUER_NEW, *out, above, NULL, wish.now_ms / 1000, &inner)
                 : -ERR_NOMEM;
        if (rc != 0) {
            (void)err_set(e, ERR_DENIED, "the certificate must not go out: %s", inner.text);
        }
    }
    sk_X509_free(above);
    return rc;
}

static int write_out(const struct ca_wish *w, X509 *x, X509 *root, struct err *e)
{
    X509 *both[] = {x, root};
    if (w->write != NULL) {
        return authority_write_certificates(w->write, both, 2, e);
    }
    return PEM_write_X509(stdout, x) == 1 && PEM_write_X509(stdout, root) == 1
               ? 0
               : err_set(e, ERR_IO, "cannot write to standard output");
}

int ca_certify(const struct ca_wish *w)
{
    struct err e = {0};
    struct root r = {NULL, NULL};
    struct csr *c = NULL;
    X509 *x = NULL;
    char print[CA_PRINT_LEN + 1];
    char day[16];
    int rc = read_request(w->argument, &c, &e);
    rc = rc == 0 ? open_root(w, &r, &e) : rc;
    rc = rc == 0 ? certify(w, &r, c, &x, &e) : rc;
    rc = rc == 0 ? write_out(w, x, r.certificate, &e) : rc;
    if (rc == 0) {
        ca_print_of(X509_get0_pubkey(x), print);
        ca_last_day(x, day);
        (void)fprintf(stderr,
                      "Certified \"%s\" until %s. SHA-256 of its public key, to compare:\n%s\n",
                      c->user, day, print);
    }
    csr_free(c);
    X509_free(x);
    close_root(&r);
    return rc == 0 ? 0 : ca_complain(&e);
}

/* The list that is there; an empty text: none. */
static int parse_crl(const char *path, struct str text, X509_CRL **out, struct err *e)
{
    BIO *bio = text.n > 0 ? BIO_new_mem_buf(text.p, (int)text.n) : NULL;
    *out = bio != NULL ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return text.n == 0 || *out != NULL
               ? 0
               : err_set(e, ERR_MALFORMED, "%s: holds no revocation list", path);
}

static int put_crl(struct rewrite *file, X509_CRL *crl, struct err *e)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    int rc = -ERR_CRYPTO;
    if (bio != NULL && PEM_write_bio_X509_CRL(bio, crl) == 1) {
        long n = BIO_get_mem_data(bio, &p);
        rc = rewrite_put(file, (struct str){p, (size_t)n}, e);
    }
    BIO_free(bio);
    return rc == 0 ? 0 : err_set(e, (enum err_code) - rc, "cannot write the revocation list");
}

static int renew_crl(const struct ca_wish *w, const struct root *r, X509 *gone, const char *path,
                     struct err *e)
{
    struct rewrite *file = NULL;
    X509_CRL *crl = NULL;
    struct root_crl_wish wish = {.root = r->certificate,
                                 .key = r->key,
                                 .withdraw = gone,
                                 .reason = str_of(w->reason),
                                 .now_ms = clock_wall_ms(),
                                 .life_days = w->days > 0 ? w->days : CRL_DAYS};
    int rc = rewrite_open(&file, path, e);
    rc = rc == 0 ? parse_crl(path, rewrite_old(file), &wish.last, e) : rc;
    rc = rc == 0 ? root_crl_make(&wish, &crl, e) : rc;
    rc = rc == 0 ? put_crl(file, crl, e) : rc;
    rewrite_close(file);
    X509_CRL_free(wish.last);
    X509_CRL_free(crl);
    return rc;
}

/* The key may be in a directory that nobody has used since. */
static int open_former(const struct ca_wish *w, struct ca_key *k, struct err *e)
{
    char path[CA_PATH_MAX];
    struct key_passphrase p = {.given = false};
    struct err inner = {0};
    int rc = read_certificate(ca_path(w, "issuing.crt", path), &k->certificate, e);
    if (rc == 0) {
        rc = ca_open_key(w, w->key != NULL ? w->key : ca_path(w, "issuing.key", path), &p, &k->key,
                         e);
    }
    mem_wipe(&p, sizeof(p));
    if (rc == 0) {
        rc = issuer_check(ISSUER_TAKEN, k->certificate, NULL, k->key, clock_wall_ms() / 1000,
                          &inner);
    }
    return inner.text[0] == '\0'
               ? rc
               : err_set(e, inner.code, "%s/issuing.crt: %s", w->directory, inner.text);
}

static int renew_former(const struct ca_wish *w, const struct life *l, const struct ca_key *k,
                        const char *path, struct err *e)
{
    struct rewrite *file = NULL;
    X509_CRL *crl = NULL;
    uint32_t life_ms = w->days > 0 ? w->days * DAY_MS : l->conf->crl_life_ms;
    if (w->days > CRL_FORMER_DAYS_MAX) {
        return err_set(e, ERR_MALFORMED, "--days %u: a list of a former CA is good for %d at most",
                       w->days, CRL_FORMER_DAYS_MAX);
    }
    int rc = crl_make_former(l, k, life_ms, &crl, e);
    rc = rc == 0 ? rewrite_open(&file, path, e) : rc;
    rc = rc == 0 ? put_crl(file, crl, e) : rc;
    rewrite_close(file);
    X509_CRL_free(crl);
    return rc;
}

int ca_crl_former(const struct ca_wish *w)
{
    struct err e = {0};
    struct ca_open open;
    struct ca_key k = {.key = NULL};
    char path[CA_PATH_MAX];
    int rc = ca_open(&open, w->config, CA_OPEN_DATABASE, &e);
    rc = rc == 0 ? open_former(w, &k, &e) : rc;
    rc = rc == 0 ? renew_former(w, &open.life, &k, ca_path(w, "issuing.crl", path), &e) : rc;
    ca_key_fini(&k);
    ca_close(&open);
    if (rc != 0) {
        return ca_complain(&e);
    }
    (void)printf("The list is in %s\n", path);
    return 0;
}

int ca_crl(const struct ca_wish *w)
{
    struct err e = {0};
    struct root r = {NULL, NULL};
    X509 *gone = NULL;
    char path[CA_PATH_MAX];
    int rc = w->withdraw != NULL ? read_certificate(w->withdraw, &gone, &e) : 0;
    rc = rc == 0 ? open_root(w, &r, &e) : rc;
    rc = rc == 0 ? renew_crl(w, &r, gone, ca_path(w, "root.crl", path), &e) : rc;
    X509_free(gone);
    close_root(&r);
    if (rc != 0) {
        return ca_complain(&e);
    }
    (void)printf("The list is in %s\n", path);
    return 0;
}
