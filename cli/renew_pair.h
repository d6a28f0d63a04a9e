/* A certificate with its key, where its holder keeps them: read, and replaced as one. */
#ifndef CLI_RENEW_PAIR_H
#define CLI_RENEW_PAIR_H

#include <stdbool.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "base/str.h"

#define RENEW_PAIR_PASSPHRASE_MAX 1024

/* Where it is; borrowed. */
struct renew_place {
    const char *certificate;     /* PEM, with those above it behind it */
    const char *key;             /* PEM; may be the same file */
    const char *passphrase_file; /* NULL: the key has none */
};

struct renew_pair {
    X509 *certificate;
    STACK_OF(X509) * above; /* the CAs behind it in its file; may be empty */
    EVP_PKEY *key;
    bool encrypted; /* the key is, on the disk */
    char passphrase[RENEW_PAIR_PASSPHRASE_MAX];
    int64_t not_before_ms;
    int64_t not_after_ms;
};

/* Read it. Returns 0 with *p, or -ERR_CONFIG with e: a file that is missing, unreadable, or of
 * which there is no sense to be made, a key that does not fit or does not open; or -ERR_NOMEM.
 * renew_pair_fini() in any case. */
int renew_pair_read(const struct renew_place *place, struct renew_pair *p, struct err *e)
    __attribute__((warn_unused_result));

/* Free p, wiped; a cleared one is fine. */
void renew_pair_fini(struct renew_pair *p);

/* Put new in the place of old, which was read from there,
 * with the mode and owner of the files before, the key encrypted if it was. One file is replaced by
 * a rename. Of two, both names become symbolic links through one directory link
 * (CERTIFICATE.d/live), and that link alone is changed: whoever opens it finds one pair or the
 * other. The pair before is kept in CERTIFICATE.d, earlier ones are removed. On the disk when this
 * returns. Returns 0, or -ERR_IO or another with e: the old pair is in place then. */
int renew_pair_replace(const struct renew_place *place, const struct renew_pair *old,
                       const struct renew_pair *new, struct err *e)
    __attribute__((warn_unused_result));

#endif
