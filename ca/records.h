/* Looking at requests and certificates; nothing changes. */
#ifndef CA_RECORDS_H
#define CA_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ca/life.h"

/* One request and its certificate, if there is one. Texts are borrowed for the call that shows it.
 * Times: wall clock; 0: not yet. */
struct record {
    int64_t cursor;
    struct str id;
    enum life_state state;
    enum life_kind kind;
    struct str profile;
    struct str user;
    struct str company;
    struct str requester; /* who filed it, and from where */
    struct str origin;
    struct str csr; /* DER; empty: none */
    int64_t filed_ms;
    int64_t decided_ms;
    uint32_t approvals_needed;
    uint32_t approvals;
    struct str denied_reason;
    struct str renews;      /* the id of the request whose certificate it follows; empty: none */
    struct str certificate; /* DER; empty: none */
    struct str serial;      /* upper-case hex */
    int64_t not_before_ms;
    int64_t not_after_ms;
    int64_t withdrawn_ms;
    int withdrawn_reason; /* as in withdraw.h; -1: not withdrawn */
};

/* False ends the walk. */
typedef bool (*record_each_fn)(void *arg, const struct record *r);

/* What is looked for. */
struct record_query {
    const enum life_state *state; /* NULL: any */
    struct str user;              /* exactly; empty: any */
    struct str user_prefix;       /* how users begin; in order of user; with limit alone */
    int64_t expires_before_ms;    /* 0: no matter; otherwise those in use alone, soonest first */
    int64_t after;                /* the cursor of the last one seen; 0: from the start */
    struct str after_serial;      /* with expires_before_ms: and its serial number */
    size_t limit;                 /* 1-1000 */
};

/* Tell those that fit, newest first (but see expires_before_ms, where after and after_serial are
 * the end and the serial number of the last one seen). Returns 0 or a negative err_code with e. */
int record_each(const struct life *l, const struct record_query *q, record_each_fn each, void *arg,
                struct err *e) __attribute__((warn_unused_result));

/* Show the one of that id, or of that serial number. Return 0, -ERR_NOT_FOUND, or another, with e.
 */
int record_show(const struct life *l, struct str id, record_each_fn each, void *arg, struct err *e)
    __attribute__((warn_unused_result));
int record_show_serial(const struct life *l, struct str serial, record_each_fn each, void *arg,
                       struct err *e) __attribute__((warn_unused_result));

/* Show the one whose certificate has this fingerprint (SHA-256, 32 octets). Returns as
 * record_show(). */
int record_show_fingerprint(const struct life *l, struct str fingerprint, record_each_fn each,
                            void *arg, struct err *e) __attribute__((warn_unused_result));

/* Show the newest request of user for a key (SHA-256 of its SubjectPublicKeyInfo), if there is one:
 * 0 also without. */
int record_show_key(const struct life *l, struct str spki, struct str user, record_each_fn each,
                    void *arg, struct err *e) __attribute__((warn_unused_result));

/* Which one is the last. */
struct record_sought {
    struct str user;   /* exactly */
    int64_t before;    /* a cursor: its request was filed before it */
    struct str except; /* and is not the one of this id */
};

/* Show the newest certificate that is sought, if there is one: 0 also without. May be called while
 * another record is shown, but not by its own record_each_fn. */
int record_show_last(const struct life *l, const struct record_sought *s, record_each_fn each,
                     void *arg, struct err *e) __attribute__((warn_unused_result));

/* Who has agreed to a request or refused it, in order of time. */
struct record_decision {
    struct str operator_name;
    bool agreed;
    int64_t at_ms;
};
typedef bool (*record_decision_fn)(void *arg, const struct record_decision *d);
int record_decisions(const struct life *l, struct str id, record_decision_fn each, void *arg,
                     struct err *e) __attribute__((warn_unused_result));

#endif
