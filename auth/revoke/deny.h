/* The deny list: which certificates and users are withdrawn, as one immutable set that the master
 * makes and every process maps. Asking costs the same for none and for a million entries. */
#ifndef AUTH_REVOKE_DENY_H
#define AUTH_REVOKE_DENY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "auth/revoke/deny_line.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/diag.h"
#include "conf/files.h"
#include "conf/model.h"

struct deny;

/* What a certificate may be found by: octets of its fingerprint, and of a digest over its issuer
 * and serial number, the issuer however it is spelled, or as it is. */
#define DENY_KEY 15
struct deny_keys {
    unsigned char fingerprint[DENY_KEY];
    unsigned char serial[DENY_KEY];
    unsigned char spelled[DENY_KEY];
};

/* The keys of a chain, the leaf first. */
#define DENY_CHAIN_MAX 12
struct deny_chain {
    size_t n;
    struct deny_keys v[DENY_CHAIN_MAX];
};

/* Normalise a user's name by rule into out[255]; false if no user can have it. */
typedef bool (*deny_normal_fn)(struct str name, const struct conf_identity *rule, char *out,
                               size_t *n);

/* What a set is made of. */
struct deny_source {
    const struct conf_revocation *conf;
    const struct conf_identity *rule; /* by which users' names are normalised */
    deny_normal_fn normal;
    /* NULL, or a set of deny_load(). Where its files have but grown, only what they have more is
     * read. What stands in two files has the reason that was read first then. */
    const struct deny *base;
};

/* Read every file of the source through files and make the set. Each fault is an error in diags at
 * file:line. Contents without a fault are not kept in files (files_done). Without a file the set
 * is empty. NULL on an error. */
struct deny *deny_load(const struct deny_source *source, struct files *files, struct diags *diags);

/* The same set, from the sealed memory file of another process; fd stays the caller's. NULL with
 * e. */
struct deny *deny_open(int fd, struct err *e);

/* The sealed memory file that holds the set; borrowed. -1 for one that came from deny_open(). */
int deny_descriptor(const struct deny *d);

/* Free it; NULL is fine. */
void deny_free(struct deny *d);

/* The keys of x. Returns 0 or -ERR_CRYPTO. */
int deny_keys_of(X509 *x, struct deny_keys *out) __attribute__((warn_unused_result));

/* SHA-256 of a name's DER form; name_digest() is that of the name itself. And the serial number of
 * x as in a line. Return 0 or -ERR_CRYPTO. */
int deny_spelled_digest(const X509_NAME *name, unsigned char digest[DENY_DIGEST])
    __attribute__((warn_unused_result));
int deny_serial_of(const X509 *x, char out[DENY_SERIAL_MAX + 1])
    __attribute__((warn_unused_result));

/* Put those of x at the end of c. Returns 0, -ERR_CRYPTO, or -ERR_FULL. */
int deny_chain_add(struct deny_chain *c, X509 *x) __attribute__((warn_unused_result));

/* Why a certificate is withdrawn, or DENY_NOT_LISTED. d NULL: an empty set. */
enum deny_reason deny_certificate(const struct deny *d, const struct deny_keys *keys);

/* The same for the first of a chain that is listed. c NULL: an empty chain. */
enum deny_reason deny_chain(const struct deny *d, const struct deny_chain *c);

/* Why the user of this name, normalised by deny_rule(), is withdrawn, or DENY_NOT_LISTED. */
enum deny_reason deny_user(const struct deny *d, struct str normal);

/* The rule that the users of the set were normalised by. d not NULL. */
struct conf_identity deny_rule(const struct deny *d);

/* Entries of a kind, one for each certificate or user; d NULL: 0. */
size_t deny_count(const struct deny *d, enum deny_kind kind);

#endif
