/* What the CA asks of the users' store: whether an account is there, and its groups. */
#ifndef CA_PEOPLE_H
#define CA_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/store/user.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/model.h"

struct people;

/* Open the store that conf names (borrowed). Returns 0 with *out (people_close), or a negative
 * err_code with e. */
int people_open(const struct conf_users *conf, struct people **out, struct err *e)
    __attribute__((warn_unused_result));

/* NULL is fine. */
void people_close(struct people *p);

/* The account of that name, if it is open: neither disabled nor past its end. Returns 0 with *out
 * (a reference, user_unref), -ERR_NOT_FOUND, -ERR_DENIED (closed), or another, with e. */
int people_find(struct people *p, struct str name, struct user **out, struct err *e)
    __attribute__((warn_unused_result));

/* Tell all accounts, closed ones too. Returns 0 or a negative err_code with e. */
int people_each(struct people *p, bool (*each)(void *arg, const struct user *u), void *arg,
                struct err *e) __attribute__((warn_unused_result));

/* Whether the store may have changed since the last call (true the first time). Looks at the files
 * alone. */
bool people_changed(struct people *p);

#endif
