/* Owns: finding and parsing of client certificates and their keys. One thread. */
#include "bench/certs_load.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/mem.h"
#include "base/str.h"
#include "bench/pki_files.h"

#define PATH_MAX_OURS 4096

/* Reads keys. Making a decoder costs ten times what using it does. */
struct key_reader {
    OSSL_DECODER_CTX *decoder;
    EVP_PKEY *out;
};

/* One PEM block. */
struct block {
    char *name;
    char *header;
    unsigned char *der;
    long n;
};

static void block_free(struct block *b)
{
    if (b->der != NULL) {
        OPENSSL_cleanse(b->der, (size_t)b->n);
    }
    OPENSSL_free(b->name);
    OPENSSL_free(b->header);
    OPENSSL_free(b->der);
    *b = (struct block){0};
}

static void entry_fini(struct cert_entry *c)
{
    mem_free(c->name);
    X509_free(c->cert);
    sk_X509_pop_free(c->chain, X509_free);
    EVP_PKEY_free(c->key);
    *c = (struct cert_entry){0};
}

void certs_free(struct cert_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        entry_fini(&l->v[i]);
    }
    mem_free(l->v);
    *l = (struct cert_list){0};
}

static char *name_of(X509 *cert, const char *path)
{
    char name[256];
    int n =
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof(name));
    if (n > 0) {
        return mem_dup(name, (size_t)n);
    }
    const char *slash = strrchr(path, '/');
    struct str file = str_of(slash != NULL ? slash + 1 : path);
    struct str stem;
    struct str rest;
    (void)str_cut(file, '.', &stem, &rest);
    return mem_dup(stem.p, stem.n);
}

static struct cert_entry *append(struct cert_list *l)
{
    if (l->n == l->size) {
        size_t size = l->size != 0 ? l->size * 2 : 64;
        struct cert_entry *v = mem_realloc(l->v, size * sizeof(*v));
        if (v == NULL) {
            return NULL;
        }
        l->v = v;
        l->size = size;
    }
    l->v[l->n] = (struct cert_entry){0};
    return &l->v[l->n++];
}

/* A certificate: of a new client if the one before has its key, else of its chain. */
static int take_cert(struct cert_list *l, size_t first, const struct block *b, const char *path,
                     struct err *e)
{
    const unsigned char *p = b->der;
    X509 *cert = X509_new_ex(l->library, NULL);
    if (cert == NULL || d2i_X509(&cert, &p, b->n) == NULL) {
        return err_set(e, ERR_CONFIG, "%s: a certificate in it cannot be read", path);
    }
    struct cert_entry *last = l->n > first ? &l->v[l->n - 1] : NULL;
    if (last != NULL && last->key == NULL) {
        if (last->chain == NULL) {
            last->chain = sk_X509_new_null();
        }
        if (last->chain == NULL || sk_X509_push(last->chain, cert) <= 0) {
            X509_free(cert);
            return err_set(e, ERR_NOMEM, "%s: out of memory", path);
        }
        return 0;
    }
    struct cert_entry *c = append(l);
    if (c == NULL) {
        X509_free(cert);
        return err_set(e, ERR_NOMEM, "%s: out of memory", path);
    }
    c->cert = cert;
    c->name = name_of(cert, path);
    return c->name != NULL ? 0 : err_set(e, ERR_NOMEM, "%s: out of memory", path);
}

static EVP_PKEY *read_key(struct key_reader *keys, const struct block *b)
{
    const unsigned char *p = b->der;
    size_t n = (size_t)b->n;
    if (keys->decoder == NULL) {
        keys->decoder = OSSL_DECODER_CTX_new_for_pkey(&keys->out, "DER", NULL, NULL,
                                                      OSSL_KEYMGMT_SELECT_KEYPAIR, NULL, NULL);
    }
    keys->out = NULL;
    if (keys->decoder == NULL || OSSL_DECODER_from_data(keys->decoder, &p, &n) != 1) {
        return NULL;
    }
    return keys->out;
}

static int take_key(struct cert_list *l, size_t first, struct key_reader *keys,
                    const struct block *b, const char *path, struct err *e)
{
    struct cert_entry *last = l->n > first ? &l->v[l->n - 1] : NULL;
    if (last == NULL || last->key != NULL) {
        return err_set(e, ERR_CONFIG, "%s: a key without a certificate before it", path);
    }
    if (strcmp(b->name, PEM_STRING_PKCS8) == 0 || strstr(b->header, "ENCRYPTED") != NULL) {
        return err_set(e, ERR_CONFIG, "%s: the key is encrypted; decrypt it first", path);
    }
    last->key = read_key(keys, b);
    if (last->key == NULL) {
        return err_set(e, ERR_CONFIG, "%s: a key in it cannot be read", path);
    }
    if (X509_check_private_key(last->cert, last->key) != 1) {
        return err_set(e, ERR_CONFIG, "%s: the key is not that of the certificate of \"%s\"", path,
                       last->name);
    }
    return 0;
}

/* Reads all blocks of a file into clients from index first on. */
static int read_blocks(const char *path, struct cert_list *l, size_t first, struct key_reader *keys,
                       struct err *e)
{
    BIO *in = BIO_new_file(path, "r");
    struct block b = {0};
    int rc = 0;
    if (in == NULL) {
        ERR_clear_error();
        return err_set_errno(e, ERR_CONFIG, errno, "%s: cannot open", path);
    }
    while (rc == 0 && PEM_read_bio(in, &b.name, &b.header, &b.der, &b.n) == 1) {
        if (strcmp(b.name, PEM_STRING_X509) == 0) {
            rc = take_cert(l, first, &b, path, e);
        } else if (strstr(b.name, "PRIVATE KEY") != NULL) {
            rc = take_key(l, first, keys, &b, path, e);
        }
        block_free(&b);
    }
    if (rc == 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        rc = err_set(e, ERR_CONFIG, "%s: not PEM, or damaged", path);
    }
    ERR_clear_error();
    BIO_free(in);
    return rc;
}

/* path with its ending replaced by .key. */
static bool key_path(const char *path, char out[PATH_MAX_OURS])
{
    const char *dot = strrchr(path, '.');
    const char *slash = strrchr(path, '/');
    size_t n = dot != NULL && (slash == NULL || dot > slash) ? (size_t)(dot - path) : strlen(path);
    int made = snprintf(out, PATH_MAX_OURS, "%.*s.key", (int)n, path);
    return made > 0 && made < PATH_MAX_OURS;
}

static int load_file(const char *path, struct cert_list *l, struct key_reader *keys, struct err *e)
{
    char beside[PATH_MAX_OURS];
    size_t first = l->n;
    int rc = read_blocks(path, l, first, keys, e);
    if (rc == 0 && l->n == first) {
        return err_set(e, ERR_CONFIG, "%s: there is no certificate in it", path);
    }
    if (rc == 0 && l->n == first + 1 && l->v[first].key == NULL && key_path(path, beside)) {
        if (access(beside, F_OK) != 0) {
            return err_set(e, ERR_CONFIG,
                           "%s: the key of \"%s\" is missing: it is neither in it nor "
                           "in %s",
                           path, l->v[first].name, beside);
        }
        rc = read_blocks(beside, l, first, keys, e);
    }
    if (rc == 0 && l->v[l->n - 1].key == NULL) {
        rc = err_set(e, ERR_CONFIG, "%s: the key of \"%s\" is missing", path, l->v[l->n - 1].name);
    }
    return rc;
}

static bool has_match(const char *pattern)
{
    glob_t found = {0};
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): before there are threads */
    bool yes = glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
    globfree(&found);
    return yes;
}

/* The pattern of files that where stands for. */
static int pattern_of(const char *where, char out[PATH_MAX_OURS], struct err *e)
{
    static const char *const below[] = {"/" PKI_FILES_CLIENTS "/*.pem", "/clients.pem", "/*.pem"};
    struct stat st;
    int n = snprintf(out, PATH_MAX_OURS, "%s", where);
    for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
        if (n < 0 || n + 32 > PATH_MAX_OURS) {
            return err_set(e, ERR_CONFIG, "--certs: too long");
        }
        if (stat(where, &st) != 0 || !S_ISDIR(st.st_mode)) {
            return 0;
        }
        (void)snprintf(out + n, (size_t)(PATH_MAX_OURS - n), "%s", below[i]);
        if (has_match(out)) {
            return 0;
        }
    }
    return 0;
}

int certs_load(const char *where, struct cert_list *l, struct err *e)
{
    char pattern[PATH_MAX_OURS];
    glob_t found = {0};
    struct key_reader keys = {0};
    int rc = pattern_of(where, pattern, e);
    if (rc != 0) {
        return rc;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): before there are threads */
    if (glob(pattern, GLOB_ERR, NULL, &found) != 0) {
        globfree(&found);
        return err_set(e, ERR_CONFIG, "--certs %s: no file there that can be read", where);
    }
    for (size_t i = 0; i < found.gl_pathc && rc == 0; i++) {
        rc = load_file(found.gl_pathv[i], l, &keys, e);
    }
    globfree(&found);
    OSSL_DECODER_CTX_free(keys.decoder);
    return rc;
}
