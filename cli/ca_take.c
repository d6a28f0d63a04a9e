/* countersign ca accept, ca import: certificates that were made elsewhere. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ca/authority.h"
#include "ca/issuer.h"
#include "cli/ca_parts.h"

#define ABOVE_MAX 15

/* A CA that is taken: its certificate, what was given with it, and those of them that stand above.
 */
struct taken {
    EVP_PKEY *key;
    STACK_OF(X509) * given;
    X509 *certificate; /* one of given */
    STACK_OF(X509) * above;
    struct key_passphrase passphrase;
};

static void drop(struct taken *t)
{
    EVP_PKEY_free(t->key);
    sk_X509_pop_free(t->above, X509_free);
    sk_X509_pop_free(t->given, X509_free);
    mem_wipe(&t->passphrase, sizeof(t->passphrase));
}

static X509 *top_of(const struct taken *t)
{
    int n = sk_X509_num(t->above);
    return n > 0 ? sk_X509_value(t->above, n - 1) : t->certificate;
}

/* The one of the key; without one the first, so that it is told why it does not fit. */
static void pick(struct taken *t)
{
    t->certificate = sk_X509_value(t->given, 0);
    for (int i = sk_X509_num(t->given) - 1; i >= 0; i--) {
        X509 *x = sk_X509_value(t->given, i);
        if (X509_get0_pubkey(x) != NULL && X509_check_private_key(x, t->key) == 1) {
            t->certificate = x;
        }
    }
    ERR_clear_error();
}

static int judge(struct taken *t, enum issuer_use use, const char *path, struct err *e)
{
    struct err inner = {0};
    pick(t);
    t->above = issuer_chain(t->certificate, t->given);
    if (t->above == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    if (sk_X509_num(t->above) > ABOVE_MAX) {
        return err_set(e, ERR_DENIED, "%s: has more than %d CAs above it", path, ABOVE_MAX);
    }
    int rc = issuer_check(use, t->certificate, t->above, t->key, clock_wall_ms() / 1000, &inner);
    return rc == 0 ? 0 : err_set(e, inner.code, "%s: %s", path, inner.text);
}

static int write_chain(const struct ca_wish *w, const struct taken *t, struct err *e)
{
    X509 *all[1 + ABOVE_MAX] = {t->certificate};
    size_t n = 1;
    char path[CA_PATH_MAX];
    for (int i = 0; i < sk_X509_num(t->above) && i < ABOVE_MAX; i++) {
        all[n++] = sk_X509_value(t->above, i);
    }
    return authority_write_certificates(ca_path(w, "issuing.crt", path), all, n, e);
}

/* root.crt, which must be the same if it is there. */
static int write_root(const struct ca_wish *w, const struct taken *t, struct err *e)
{
    char path[CA_PATH_MAX];
    struct stat s;
    STACK_OF(X509) *there = NULL;
    X509 *root = top_of(t);
    if (lstat(ca_path(w, "root.crt", path), &s) != 0) {
        return authority_write_certificates(path, &root, 1, e);
    }
    int rc = key_file_certificates(path, &there, e);
    if (rc == 0 && X509_cmp(sk_X509_value(there, 0), root) != 0) {
        rc = err_set(e, ERR_DENIED, "%s: is another root than the one that has certified this",
                     path);
    }
    sk_X509_pop_free(there, X509_free);
    return rc;
}

/* A root that was brought before is as good as one in the file. */
static int add_root(const struct ca_wish *w, struct taken *t, struct err *e)
{
    char path[CA_PATH_MAX];
    struct stat s;
    STACK_OF(X509) *there = NULL;
    if (lstat(ca_path(w, "root.crt", path), &s) != 0) {
        return 0;
    }
    int rc = key_file_certificates(path, &there, e);
    X509 *root = rc == 0 ? sk_X509_shift(there) : NULL;
    if (root != NULL && sk_X509_push(t->given, root) <= 0) {
        X509_free(root);
    }
    sk_X509_pop_free(there, X509_free);
    return rc;
}

static int accept_all(const struct ca_wish *w, struct taken *t, struct err *e)
{
    static const char *const names[] = {"issuing.crt", NULL};
    char path[CA_PATH_MAX];
    int rc = ca_make_room(w, names, e);
    rc = rc == 0 ? key_file_certificates(w->argument, &t->given, e) : rc;
    rc = rc == 0 ? add_root(w, t, e) : rc;
    rc = rc == 0 ? ca_open_key(w, w->key != NULL ? w->key : ca_path(w, "issuing.key", path),
                               &t->passphrase, &t->key, e)
                 : rc;
    rc = rc == 0 ? judge(t, ISSUER_NEW, w->argument, e) : rc;
    rc = rc == 0 ? write_root(w, t, e) : rc;
    return rc == 0 ? write_chain(w, t, e) : rc;
}

static void tell(const struct ca_wish *w, const struct taken *t)
{
    char day[16];
    ca_last_day(t->certificate, day);
    (void)printf("The CA is in %s, and good until %s: ca.certificate is issuing.crt, ca.key %s.\n",
                 w->directory, day,
                 w->key != NULL && key_file_is_uri(w->key) ? "the key's URI" : "issuing.key");
}

int ca_accept(const struct ca_wish *w)
{
    struct err e = {0};
    struct taken t = {.key = NULL};
    int rc = accept_all(w, &t, &e);
    if (rc == 0) {
        tell(w, &t);
    }
    drop(&t);
    return rc == 0 ? 0 : ca_complain(&e);
}

/* From one PKCS#12 file, or from a file of certificates and a key. */
static int read_taken(const struct ca_wish *w, struct taken *t, struct err *e)
{
    struct err first = {0};
    int rc =
        w->passphrase_file != NULL ? key_file_passphrase(w->passphrase_file, &t->passphrase, e) : 0;
    if (rc != 0) {
        return rc;
    }
    rc = key_file_pkcs12(w->certificate, &t->passphrase, &t->key, &t->given, &first);
    if (rc == -ERR_DENIED && !t->passphrase.given) {
        rc = ca_ask("Passphrase of the PKCS#12 file: ", &t->passphrase, e);
        return rc == 0 ? key_file_pkcs12(w->certificate, &t->passphrase, &t->key, &t->given, e)
                       : rc;
    }
    if (rc != -ERR_UNSUPPORTED) {
        return rc == 0 ? 0 : err_set(e, first.code, "%s", first.text);
    }
    rc = key_file_certificates(w->certificate, &t->given, e);
    return rc == 0 ? ca_open_key(w, w->key != NULL ? w->key : w->certificate, &t->passphrase,
                                 &t->key, e)
                   : rc;
}

/* What the key was encrypted with it stays encrypted with. */
static int write_key(const struct ca_wish *w, struct taken *t, struct err *e)
{
    char path[CA_PATH_MAX];
    if (w->key != NULL && key_file_is_uri(w->key)) {
        return 0;
    }
    if (!t->passphrase.given && w->encrypt) {
        int rc = ca_new_passphrase(w, &t->passphrase, e);
        if (rc != 0) {
            return rc;
        }
    }
    return authority_write_key(ca_path(w, "issuing.key", path), t->key,
                               t->passphrase.n > 0 ? ca_passphrase_text(&t->passphrase) : STR_NONE,
                               e);
}

static int import_all(const struct ca_wish *w, struct taken *t, struct err *e)
{
    static const char *const names[] = {"issuing.key", "issuing.crt", "root.crt", NULL};
    int rc = ca_make_room(w, names, e);
    rc = rc == 0 ? read_taken(w, t, e) : rc;
    rc = rc == 0 ? judge(t, ISSUER_TAKEN, w->certificate, e) : rc;
    rc = rc == 0 ? write_key(w, t, e) : rc;
    rc = rc == 0 ? write_chain(w, t, e) : rc;
    return rc == 0 && X509_self_signed(top_of(t), 1) == 1 ? write_root(w, t, e) : rc;
}

static void note(const struct taken *t)
{
    if (X509_self_signed(top_of(t), 1) != 1) {
        (void)puts("Note: its root was not among the certificates; client.ca needs it.");
    }
    if ((X509_get_extension_flags(t->certificate) & EXFLAG_KUSAGE) == 0) {
        (void)puts("Note: it has no keyUsage (RFC 5280 4.2.1.3); strict clients refuse such CAs.");
    }
    if (X509_get_pathlen(t->certificate) != 0) {
        (void)puts("Note: it may have CAs below it (no pathlen:0); none are made here.");
    }
    if (sk_X509_num(t->above) == 0 && X509_self_signed(t->certificate, 1) == 1) {
        (void)puts(
            "Note: it is a root itself; with an issuing CA below it, its key could be away.");
    }
}

int ca_import(const struct ca_wish *w)
{
    struct err e = {0};
    struct taken t = {.key = NULL};
    if (w->certificate == NULL) {
        (void)fputs("countersign ca: import needs --certificate FILE\n", stderr);
        return 2;
    }
    int rc = import_all(w, &t, &e);
    if (rc == 0) {
        tell(w, &t);
        note(&t);
    }
    drop(&t);
    return rc == 0 ? 0 : ca_complain(&e);
}
