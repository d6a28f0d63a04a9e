/* The clients of a run: certificate, key and the request text with its credentials, made once and
 * then shared by all threads, which only read. */
#ifndef BENCH_IDENTITIES_H
#define BENCH_IDENTITIES_H

#include "base/str.h"
#include "bench/certs_load.h"
#include "bench/options.h"

struct identity {
    X509 *cert;             /* borrowed from the list; NULL: no client certificate */
    STACK_OF(X509) * chain; /* may be NULL */
    EVP_PKEY *key;
    struct str request; /* head of the request, secret: holds the Authorization field */
};

struct identities {
    struct identity *v; /* owned */
    size_t n;           /* at least 1 */
    struct cert_list certs;
};

/* Load what o->certs and o->users name into ids (all zero), certificates for
 * handshakes in the library context lib (NULL: the default one). With both, every certificate must
 * have a line in the file of users by its name. With neither there is one client without anything.
 * --mismatch needs two clients. Returns 0 or -ERR_CONFIG, -ERR_NOMEM with e set; call
 * identities_free either way. */
int identities_load(const struct options *o, OSSL_LIB_CTX *lib, struct identities *ids,
                    struct err *e) __attribute__((warn_unused_result));

/* Wipe and free. */
void identities_free(struct identities *ids);

#endif
