/* What the CA asks of the users' store: whether an account is there, its groups, and what its
 * certificates may say. Names are compared as the proxy does (auth/pairing), whatever the store. */
#ifndef CA_PEOPLE_H
#define CA_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/store/user.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/model.h"

struct people;

/* Open the store that conf names (borrowed); rule (copied): when names are the same. Returns 0 with
 * *out (people_close), which is NULL if conf names none: then nobody has an account. Or a negative
 * err_code with e. */
int people_open(const struct conf_users *conf, const struct conf_identity *rule,
                struct people **out, struct err *e) __attribute__((warn_unused_result));

/* NULL is fine. */
void people_close(struct people *p);

/* The account of that name, if it is open: neither disabled nor past its end. Returns 0 with *out
 * (a reference, user_unref), -ERR_NOT_FOUND, -ERR_DENIED (closed), or -ERR_UNAVAILABLE (the store
 * fails), with e. p may be NULL. */
int people_find(struct people *p, struct str name, struct user **out, struct err *e)
    __attribute__((warn_unused_result));

/* Whether the account of user, if there is one (*known), lets user have a certificate that says
 * company, however it is asked for: it must be open, and of that company if it names one (octet by
 * octet). p may be NULL. Returns 0, -ERR_CLOSED, -ERR_DENIED (another company), or
 * -ERR_UNAVAILABLE (the store fails), with e. */
int people_admit(struct people *p, struct str user, struct str company, bool *known, struct err *e)
    __attribute__((warn_unused_result));

/* As people_admit(), but of a closed account too: for certificates that were issued before. */
int people_company(struct people *p, struct str user, struct str company, struct err *e)
    __attribute__((warn_unused_result));

/* Tell all accounts, closed ones too. Returns 0 or a negative err_code with e. */
int people_each(struct people *p, bool (*each)(void *arg, const struct user *u), void *arg,
                struct err *e) __attribute__((warn_unused_result));

/* Whether the store may have changed since the last call (true the first time). Looks at the files
 * alone. */
bool people_changed(struct people *p);

#endif
