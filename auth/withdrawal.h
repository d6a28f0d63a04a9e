/* What the deny list says of a connection and of a user: the one place where both are asked. */
#ifndef AUTH_WITHDRAWAL_H
#define AUTH_WITHDRAWAL_H

#include "base/reason.h"
#include "base/str.h"
#include "conf/diag.h"
#include "conf/files.h"
#include "conf/model.h"

struct deny;
struct deny_chain;

/* The set of conf's deny files, user names normalised as everywhere (pairing_normalise). base:
 * NULL, or a set of which the files may have but grown. Findings go to diags; NULL on an error. As
 * deny_load(). */
struct deny *withdrawal_load(const struct conf *conf, const struct deny *base, struct files *files,
                             struct diags *diags);

/* REASON_OK, or CLIENT_CERT_WITHDRAWN if a certificate of the chain is in deny. Either may be
 * NULL. */
enum reason withdrawal_of_chain(const struct deny *deny, const struct deny_chain *chain);

/* REASON_OK, or USER_WITHDRAWN if the user is in deny. A name that no user can have is withdrawn
 * where there are withdrawn users; an empty one is nobody. deny may be NULL. */
enum reason withdrawal_of_user(const struct deny *deny, struct str user);

#endif
