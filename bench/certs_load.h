/* Reads client certificates with their keys from files. One thread. */
#ifndef BENCH_CERTS_LOAD_H
#define BENCH_CERTS_LOAD_H

#include <stddef.h>

#include <openssl/evp.h>
#include <openssl/types.h>
#include <openssl/x509.h>

#include "base/err.h"

struct cert_entry {
    char *name; /* common name of the subject; if it has none, the file's name without ending */
    X509 *cert;
    STACK_OF(X509) * chain; /* what stood between certificate and key; may be NULL */
    EVP_PKEY *key;
};

struct cert_list {
    struct cert_entry *v; /* owned, with all in it */
    size_t n, size;
    OSSL_LIB_CTX *library; /* that certificates are read in; NULL: the default one */
};

/* Fill l (all zero, but library) from what --certs says: a pattern of files (glob(7)), or a
 * directory: the .pem files of its sub-directory clients (as gen-pki makes it), else its
 * clients.pem, else its own .pem files, in order of name. A file holds one client or many, each:
 * certificate, its intermediates if any, key. A file without a key takes it from the file of the
 * same name that ends in .key. Returns 0 or -ERR_CONFIG, -ERR_NOMEM with e naming the file; call
 * certs_free either way. */
int certs_load(const char *where, struct cert_list *l, struct err *e)
    __attribute__((warn_unused_result));

/* Free all that l owns. */
void certs_free(struct cert_list *l);

#endif
