/* What the gate is asked: a connection's certificate, a request's secrets, and what the route
 * requires of both. Borrowed, all of it. */
#ifndef AUTH_GATE_QUESTION_H
#define AUTH_GATE_QUESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/identity.h"
#include "auth/lockout.h"
#include "auth/pwcheck.h"
#include "auth/totp.h"
#include "auth/trust.h"
#include "auth/users.h"
#include "base/reason.h"
#include "base/str.h"
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

#endif
