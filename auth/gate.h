/* The decision: ordered steps, one verdict, one reason. Knows no socket and no protocol. */
#ifndef AUTH_GATE_H
#define AUTH_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/gate_question.h"
#include "auth/users.h"
#include "base/reason.h"
#include "base/str.h"
#include "base/verdict.h"

struct gate_answer {
    enum verdict verdict;
    enum reason reason;    /* of a refusal; REASON_OK when allowed */
    const char *step;      /* name of the step that decided: "certificate", "withdrawal", ... */
    bool challenge;        /* a 401 that needs WWW-Authenticate */
    struct str user;       /* when allowed, or refused for a group only: who it is, normalised;
                            * borrows the gate; may be empty */
    bool user_by_password; /* a password was proven */
    bool user_by_certificate;
    struct str claimed; /* whose password was proven, also when refused afterwards: for the log
                         * only; empty before that, as anyone may send any name; borrows the gate */
    const struct user *account; /* what the store knows of user; NULL: nothing, or refused before
                                 * that was known; borrowed from the gate */
    const struct str *groups;   /* of account when allowed; borrowed from the gate */
    size_t group_count;
    uint64_t retry_ms; /* REASON_LOCKED_OUT: when it may be tried again */
};

struct gate;

/* Told once when a gate that said VERDICT_WAIT knows more; call gate_result() then. */
typedef void (*gate_done_fn)(void *arg);

/* Ask as gate_run() below does, in the memory of g, whose question is done with; NULL: in fresh
 * memory. On failure NULL is returned. */
struct gate *gate_run_again(struct gate *g, const struct gate_question *q, gate_done_fn done,
                            void *arg);

/* Run the steps in order: certificate, withdrawal (by the deny list, or expiry
 * while the connection lives), credentials,
 * lockout, password, totp, pairing, user (withdrawn, disabled, expired, certificates pinned),
 * group. Where a certificate decides, lockout, password and pairing are left out, and totp comes
 * behind user; totp and group are left out behind it where nothing asks for them. Password, totp
 * and user may wait. q and what it points to are borrowed until the gate is freed, but for
 * authorization and code, which are not looked at after this call. Returns the gate, or NULL
 * without memory (refuse with REASON_OUT_OF_MEMORY). If gate_result() is VERDICT_WAIT, done(arg)
 * comes once, later, unless the gate is freed before. */
static inline struct gate *gate_run(const struct gate_question *q, gate_done_fn done, void *arg)
{
    return gate_run_again(NULL, q, done, arg);
}

/* The answer so far. Borrowed from g. */
const struct gate_answer *gate_result(const struct gate *g);

/* What is the matter with the user whose password was proven (claimed), whatever was refused before
 * that was asked: the account disabled or over, or the user withdrawn. REASON_OK if nothing is, or
 * none was proven. */
enum reason gate_ask_claimed(const struct gate *g);

/* Every step passed so far, for "explain": calls each(arg, step, verdict, reason) in order. */
void gate_trace(const struct gate *g,
                void (*each)(void *arg, const char *step, enum verdict v, enum reason r),
                void *arg);

/* Cancel what waits, wipe, free; NULL is fine. */
void gate_free(struct gate *g);

/* Cancel what waits and wipe, as gate_free(), but keep the memory for gate_run_again(). NULL is
 * fine. */
void gate_clear(struct gate *g);

#endif
