/* The gate's steps about secrets: a password, a one-time code, or both, as one question shows them.
 * Whose they are is looked up by the gate in between. Loop thread.
 *
 * Wrong passwords and wrong codes are answered and counted alike; apart from that, attempts that a
 * code is asked of have a count of their own, which only a right code ends. They also take the same
 * time: a password that was proven lately goes without its hash only beside a code that is right.
 */
#ifndef AUTH_GATE_SECRET_H
#define AUTH_GATE_SECRET_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/basic.h"
#include "auth/code.h"
#include "auth/gate_question.h"
#include "auth/tries.h"
#include "base/reason.h"
#include "base/verdict.h"

/* Cleared, but for q: nothing is shown or proven. Members are private, but for those named. */
struct gate_secret {
    const struct gate_question *q; /* set by the gate; borrowed */
    const struct user *user;       /* as gate_secret_check() was told; borrowed */
    uint64_t wait_ms;              /* for the gate: behind REASON_LOCKED_OUT, when it may go on */
    struct basic basic;            /* for the gate: basic.user, as it came; borrows scratch */
    char scratch[BASIC_DECODED_MAX];
    unsigned char digest[PWCACHE_DIGEST];
    struct pwcheck_ticket *ticket; /* NULL when no check is under way */
    struct tries tries;
    bool proven;                    /* the password is right: hashed just now, or remembered */
    bool code_proven;               /* just now */
    char code[TOTP_DIGITS_MAX + 1]; /* of the field, or the end of the password */
    size_t code_n;                  /* 0: none; more than it holds: too long for one */
    size_t code_split;              /* octets that were the end of the password */
    struct code_worth code_worth;
};

/* Those that return a verdict set *r where that is VERDICT_DENY. */

/* Read the one field with a code, if there is one. REASON_OK, or why not. */
enum reason gate_secret_read_code(struct gate_secret *s);

/* Read the one Authorization field. REASON_OK, or why not. */
enum reason gate_secret_read_password(struct gate_secret *s);

/* May whoever claims to be that user try? Before anything is computed for it. */
enum verdict gate_secret_may_try(struct gate_secret *s, enum reason *r);

/* Is the password that of user (NULL: there is none of that name)? VERDICT_WAIT: done(arg) is told
 * what gate_secret_checked() wants to know, unless s is cancelled before. */
enum verdict gate_secret_check(struct gate_secret *s, const struct user *user, pwcheck_done_fn done,
                               void *arg, enum reason *r);

/* What that comes to. */
enum verdict gate_secret_checked(struct gate_secret *s, enum pwcheck_result result, enum reason *r);

/* True if a one-time code is asked of user; NULL: of whom nothing is known. */
static inline bool gate_secret_wants_code(const struct gate_question *q, const struct user *user)
{
    return q->require_totp ||
           (q->require != CONF_REQUIRE_NONE && user != NULL && user->totp_required);
}

/* Behind the right password: the code, if one is asked for. */
enum verdict gate_secret_check_code(struct gate_secret *s, enum reason *r);

/* A certificate alone has let the peer this far: the code of user, which is asked for. named: the
 * certificate named the user; otherwise nobody's failures are counted. */
enum verdict gate_secret_check_code_alone(struct gate_secret *s, const struct user *user,
                                          bool named, enum reason *r);

/* All that was shown is right, and the right one's. */
static inline void gate_secret_passed(struct gate_secret *s)
{
    tries_passed(&s->tries, s->code_proven);
}

/* It is right, but not the right one's. */
static inline void gate_secret_mismatched(struct gate_secret *s)
{
    tries_give_back(&s->tries);
}

/* Wipe what was read of the Authorization field: whatever waits now has copies. */
void gate_secret_forget(struct gate_secret *s);

/* Drop the check that is under way, if any: done will not be told. */
void gate_secret_cancel(struct gate_secret *s);

#endif
