/* The CA's certificate and its private key, held by the CA's process alone. */
#ifndef CA_KEY_H
#define CA_KEY_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "base/str.h"
#include "conf/model_ca.h"

#define CA_FORMER_MAX 8

/* A CA that issues no more, and whose key is still here. */
struct ca_former {
    X509 *certificate; /* one of others, borrowed */
    EVP_PKEY *key;
};

struct ca_key {
    X509 *certificate;
    STACK_OF(X509) * chain;  /* above it, the issuer first; may be empty or NULL */
    STACK_OF(X509) * others; /* what else is in its file, such as a former one; or NULL */
    EVP_PKEY *key;
    struct ca_former former[CA_FORMER_MAX];
    size_t former_count;
};

/* Load what conf names: a file (its passphrase from key_passphrase_file), or the URI of a token
 * (its PIN from there) or another store. The key must fit the certificate, which must be as
 * issuer_check() asks of one that was taken over. Keys of former CAs must each fit a certificate of
 * others. A key file that others may read is refused.
 * Returns 0, or with e: as key_file_open(), or -ERR_CONFIG (they do not fit). On error *k is
 * cleared. */
int ca_key_load(const struct conf_ca *conf, struct ca_key *k, struct err *e)
    __attribute__((warn_unused_result));

/* As ca_key_load(), but the certificates alone: k->key is NULL and nothing is judged. For who hands
 * out what was signed before. */
int ca_key_load_certificates(const struct conf_ca *conf, struct ca_key *k, struct err *e)
    __attribute__((warn_unused_result));

/* Give back what k holds, wiped; a cleared one is fine. */
void ca_key_fini(struct ca_key *k);

#endif
