/* The record of who did what, when and from where: append-only rows in the database, each holding a
 * hash over itself and the one before. */
#ifndef CA_AUDIT_H
#define CA_AUDIT_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "ca/db.h"

/* Who acts: a user of the proxy, "local:NAME" for somebody at the machine, "system". */
struct actor {
    struct str name;
    struct str origin; /* address or "local" */
};

struct audit_entry {
    int64_t seq; /* from 1, without a gap */
    int64_t at_ms;
    struct str actor;
    struct str origin;
    struct str action; /* a token: "request.filed", "request.approved", ... */
    struct str object; /* a request's id or a certificate's serial */
    struct str detail; /* for people; no secret */
    unsigned char hash[32];
};

/* Append inside the caller's transaction. at_ms is made not smaller than the last one's. Returns 0
 * or a negative err_code with e: the caller rolls back. */
int audit_append(struct db *d, const struct actor *who, const char *action, struct str object,
                 struct str detail, struct err *e) __attribute__((warn_unused_result));

/* One entry, borrowed for the call; false ends the walk. */
typedef bool (*audit_each_fn)(void *arg, const struct audit_entry *a);

/* Walk from seq on. Returns 0 or a negative err_code with e. */
int audit_each(struct db *d, int64_t from_seq, audit_each_fn each, void *arg, struct err *e)
    __attribute__((warn_unused_result));

/* Walk those about a request, or about a certificate by its serial number, in order. Returns as
 * above. */
int audit_each_of(struct db *d, struct str request, struct str serial, audit_each_fn each,
                  void *arg, struct err *e) __attribute__((warn_unused_result));

/* Compute every hash anew. *last: the last sequence number and its hash, which an operator who has
 * noted an earlier one compares. Returns 0, or -ERR_MALFORMED with e: at which entry it breaks. */
int audit_verify(struct db *d, struct audit_entry *last, struct err *e)
    __attribute__((warn_unused_result));

/* Whether each request and certificate, and each denial and withdrawal, has its entry: a record
 * whose end was cut leads to a hash, too, but tells less than there is. Returns 0, -ERR_MALFORMED
 * with e: what is missing, or another. */
int audit_verify_whole(struct db *d, struct err *e) __attribute__((warn_unused_result));

#endif
