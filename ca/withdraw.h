/* How certificates end: withdrawn by somebody, replaced, or by time. */
#ifndef CA_WITHDRAW_H
#define CA_WITHDRAW_H

#include <stdbool.h>

#include "ca/life.h"

/* The codes of RFC 5280 5.3.1 that a client's certificate can have; hold alone can be lifted. */
enum withdraw_reason {
    WITHDRAW_UNSPECIFIED = 0,
    WITHDRAW_KEY_COMPROMISE = 1,
    WITHDRAW_AFFILIATION_CHANGED = 3,
    WITHDRAW_SUPERSEDED = 4,
    WITHDRAW_CESSATION = 5,
    WITHDRAW_HOLD = 6,
    WITHDRAW_PRIVILEGE_WITHDRAWN = 9
};

/* The code of that name ("keyCompromise"); none at all is unspecified; -1: there is none such. */
int withdraw_reason_of(struct str name);

/* The name of RFC 5280 5.3.1 of an enum withdraw_reason, a literal; NULL: it is none of them. */
const char *withdraw_reason_name(int reason);

/* On whose account. */
enum withdraw_for {
    WITHDRAW_FOR_ACTOR = 0, /* somebody's word */
    WITHDRAW_FOR_ACCOUNT    /* the user's account is closed (policy.h) */
};

/* Withdraw the certificate of a serial number (upper-case hex). One that is on hold can be
 * withdrawn for good. With WITHDRAW_KEY_COMPROMISE all that are in use with the same key go with
 * it. Returns 0, -ERR_NOT_FOUND, -ERR_EXISTS (is withdrawn), -ERR_CLOSED (has expired),
 * -ERR_MALFORMED (reason), or another, with e. That the proxies refuse it is the caller's next
 * step. */
int withdraw(const struct life *l, const struct actor *who, struct str serial, int reason,
             struct err *e) __attribute__((warn_unused_result));

/* Lift a hold. Returns 0, -ERR_NOT_FOUND, -ERR_DENIED (withdrawn for good), -ERR_CLOSED (is not
 * withdrawn), or another, with e. */
int withdraw_lift(const struct life *l, const struct actor *who, struct str serial, struct err *e)
    __attribute__((warn_unused_result));

/* The same inside the caller's transaction. */
struct withdraw_wish {
    struct str serial;
    int reason;
    enum withdraw_for why;
    const char *detail; /* for the record; NULL: none */
    int64_t at_ms;      /* when it was; 0, or later than now: now */
};
int withdraw_now(const struct life *l, const struct actor *who, const struct withdraw_wish *w,
                 struct err *e) __attribute__((warn_unused_result));
int withdraw_lift_now(const struct life *l, const struct actor *who, struct str serial,
                      enum withdraw_for why, struct err *e) __attribute__((warn_unused_result));

/* One certificate that is withdrawn; borrowed for the call; false ends the walk. */
struct withdrawn {
    struct str serial;
    struct str fingerprint; /* SHA-256, 32 octets */
    int reason;
    int64_t at_ms;
    int64_t not_after_ms;
};
typedef bool (*withdraw_each_fn)(void *arg, const struct withdrawn *w);

/* Those withdrawn and not past their end at now_ms, in order of withdrawal. */
int withdraw_list(const struct life *l, int64_t now_ms, withdraw_each_fn each, void *arg,
                  struct err *e) __attribute__((warn_unused_result));

/* What time changes: certificates past their end expire; renewed ones whose overlap is over are
 * withdrawn (superseded). *withdrawn_n: how many of those. Of very many some are left for the next
 * time. */
int withdraw_tick(const struct life *l, size_t *withdrawn_n, struct err *e)
    __attribute__((warn_unused_result));

#endif
