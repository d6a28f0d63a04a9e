/* What a one-time code that came with a request is worth: weighed before the password is looked at,
 * used up behind it. */
#ifndef AUTH_CODE_H
#define AUTH_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/store/user.h"
#include "auth/totp.h"
#include "base/reason.h"

/* Who shows what; all borrowed. */
struct code_shown {
    const struct conf_totp *rule;
    struct totp_memory *memory;       /* NULL: used codes are not known */
    const struct user *user;          /* NULL: nobody is known by that name */
    const unsigned char *certificate; /* SHA-256 of the one that came with it; NULL: none */
    struct str code;                  /* empty: none */
    uint64_t mono_ms;
};

/* Cleared: not weighed, and right for nothing. */
struct code_worth {
    enum reason reason; /* REASON_OK, or why not: REASON_TOTP_MISSING, _WRONG, _REPLAYED */
    bool proven;        /* none is needed: the certificate has proven one lately */
    uint64_t step;      /* of a code that is right */
};

/* True if the certificate has proven a code a while ago, so that none is needed. */
bool code_is_proven(const struct code_shown *s);

/* Weigh it by the wall clock's time. Takes note of nothing. */
struct code_worth code_weigh(const struct code_shown *s);

/* The password beside it was right as well: use it up. Returns w->reason; REASON_TOTP_REPLAYED also
 * where another request has used the same code since it was weighed. */
enum reason code_use(const struct code_shown *s, const struct code_worth *w);

#endif
