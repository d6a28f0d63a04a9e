/* The decision: ordered steps, one verdict, one reason. Knows no socket and no protocol. */
#ifndef AUTH_GATE_H
#define AUTH_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/identity.h"
#include "auth/lockout.h"
#include "auth/pwcheck.h"
#include "auth/totp.h"
#include "auth/trust.h"
#include "auth/users.h"
#include "base/reason.h"
#include "base/str.h"
#include "base/verdict.h"
#include "conf/model.h"

struct deny;
struct deny_chain;

/* What the connection has to say for itself. */
struct gate_peer {
    const struct identity *identity; /* NULL: no certificate was accepted */
    enum reason certificate;        /* REASON_OK; CLIENT_CERT_MISSING; or why it was not accepted */
    struct trust_term term;         /* of the verdict, when that is REASON_OK */
    enum conf_client_mode mode;     /* of the site */
    const struct deny_chain *chain; /* what the certificate may be withdrawn by; NULL: nothing */
};

/* The request's part of the question. */
struct gate_question {
    const struct gate_peer *peer;
    enum conf_require require;
    struct str authorization;   /* value of the one Authorization field, if any */
    size_t authorization_count; /* how many such fields there are */
    struct users *users;
    const struct conf_identity *rule;
    const struct deny *const *deny; /* where what is withdrawn stands, which may change while a
                                     * password is checked; NULL: nothing is */
    struct pwcache *pwcache;
    struct pwcheck *pwcheck;         /* NULL: passwords are checked in place (command line only) */
    uint64_t source;                 /* pwcheck_input.source of a peer without a certificate */
    const struct conf_texts *groups; /* the user must be in one of them; NULL or none: no matter */
    bool require_totp;               /* of everybody */
    struct str code;                 /* value of the one field totp.header, if any */
    size_t code_count;               /* how many such fields there are */
    const struct conf_totp *totp;
    struct totp_memory *totp_memory; /* NULL: used codes are not known (command line only) */
    struct lockout *lockout;         /* NULL: failures are not counted (command line only) */
    const struct conf_lockout *lockout_rule;
    uint64_t network; /* addr_count_key() of the client */
    int64_t wall_ms;
    uint64_t mono_ms;
};

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
