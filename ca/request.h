/* Requests: filed by those who want a certificate, decided by operators. */
#ifndef CA_REQUEST_H
#define CA_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "ca/csr.h"
#include "ca/life.h"

struct request_filing {
    const struct csr *csr; /* checked by csr_check(); borrowed */
    struct str profile;
    struct str user;    /* the account's name, or that of somebody who has none; in any spelling */
    struct str company; /* of csr */
    struct str renews;  /* the id of the request whose certificate it follows; empty: none */
    bool held;          /* whoever asks has shown that they hold that certificate's key */
};

/* File a request. An account of the user must be open, and of the company if it names one
 * (people_admit()). The same request (user, key, profile) that waits already is given back instead
 * of a second one. It is approved at once if the profile asks for no approval, or if it renews a
 * certificate of the same user, company and profile that is held, in use and in its time. A key
 * that was certified before is good only to renew that very certificate; one that was ever reported
 * stolen, or that is a CA's (if l->key is there), for nothing. Returns 0 with *id, -ERR_EXISTS (the
 * key; or another request renews the same), -ERR_NOT_FOUND (the profile, or what it renews),
 * -ERR_DENIED (the key, or what it renews is another user's or of another profile, or withdrawn, or
 * was renewed already; or the account's company is another), -ERR_CLOSED (the account), or another
 * negative err_code, with e. */
int request_file(const struct life *l, const struct actor *who, const struct request_filing *f,
                 struct life_id *id, struct err *e) __attribute__((warn_unused_result));

/* How the names of users and groups of this machine begin; those of accounts hold no colon. */
#define REQUEST_LOCAL "local:"

/* Who decides: the actor, and the groups that the users' store has them in; borrowed. */
struct request_operator {
    struct actor who;
    const struct str *groups;
    size_t group_count;
};

/* Whether o is in a group of the operators of p (NULL: no). */
bool request_is_operator(const struct request_operator *o, const struct conf_ca_profile *p);

/* Agree. Somebody is an operator who is in a group of the profile's; who filed the request, or is
 * its user, cannot agree to it. The user's account is asked as in request_file(): nobody gets a
 * certificate whose account was closed while they waited. Where more than one must agree, who is
 * known as a user of this machine alone cannot: they may have an account too. The last agreement
 * needed makes it approved. Returns 0, -ERR_NOT_FOUND, -ERR_DENIED (not an operator, or their own;
 * known here alone; the company), -ERR_EXISTS (has agreed already), -ERR_CLOSED (is decided, or the
 * account is closed), or another, with e. */
int request_approve(const struct life *l, const struct request_operator *o, struct str id,
                    struct err *e) __attribute__((warn_unused_result));

/* One operator's no is the end of it, also of one that is approved and not signed yet. reason: for
 * the requester; 1 to 500 octets of text. Returns as above; -ERR_MALFORMED for the reason. */
int request_deny(const struct life *l, const struct request_operator *o, struct str id,
                 struct str reason, struct err *e) __attribute__((warn_unused_result));

#endif
