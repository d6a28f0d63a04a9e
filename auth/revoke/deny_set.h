/* What reading and asking a deny list share. Private to auth/revoke. */
#ifndef AUTH_REVOKE_DENY_SET_H
#define AUTH_REVOKE_DENY_SET_H

#include "auth/revoke/deny.h"
#include "base/err.h"

/* One entry on its way into the table. */
struct deny_item {
    unsigned char key[DENY_KEY];
    enum deny_kind kind;
    enum deny_reason reason;
};

struct deny_items {
    struct deny_item *v; /* owned */
    size_t n;
    size_t size;
    size_t counts[DENY_KIND_COUNT];
};

/* One file as it was read. */
struct deny_file {
    char *path; /* owned */
    size_t n;   /* octets */
    unsigned lines;
    uint64_t sum; /* over all of it */
};

/* Where a set comes from: what it takes to read only what its files have more than before. */
struct deny_origin {
    struct deny_file *v; /* owned */
    size_t n;
};

/* Free what o holds. */
void deny_origin_release(struct deny_origin *o);

/* The set that holds items, and those of base, if that is not NULL. Takes over *origin, which is
 * then empty; it is released in any case. NULL with e. */
struct deny *deny_make(const struct deny *base, const struct deny_items *items,
                       const struct conf_identity *rule, struct deny_origin *origin, struct err *e);

/* What d was made of; NULL for one of deny_open(). Borrowed. */
const struct deny_origin *deny_origin(const struct deny *d);

/* Keys as in the table. Return 0 or -ERR_CRYPTO. */
void deny_key_of_digest(const unsigned char digest[DENY_DIGEST], unsigned char key[DENY_KEY]);
int deny_key_of_serial(const unsigned char issuer[DENY_DIGEST], struct str serial,
                       unsigned char key[DENY_KEY]) __attribute__((warn_unused_result));
int deny_key_of_user(struct str normal, unsigned char key[DENY_KEY])
    __attribute__((warn_unused_result));

#endif
