/* Withdrawing and taking back: the entry in the deny file, and the running proxy that takes it up.
 * For countersign cert and countersign user. */
#ifndef CLI_WITHDRAW_H
#define CLI_WITHDRAW_H

#include "auth/revoke/deny_line.h"
#include "conf/model.h"

/* Put entry into the first file of conf's revocation.deny and have the running proxy take it up;
 * says on standard output how many workers have it. verb stands before complaints. An entry that is
 * there already is fine. Returns the exit status: 0, or 1 if it is not written, or not in force on
 * every worker of a proxy that runs. */
int withdraw_add(const char *verb, const struct conf *conf, const struct deny_entry *entry);

/* Take entry out of every file of revocation.deny again. Returns as above; 1 also if it may not
 * come back; if it is not there, that is 1 with a complaint, or, unless must, 0 in silence. */
int withdraw_remove(const char *verb, const struct conf *conf, const struct deny_entry *entry,
                    bool must);

/* The same for a user of that name. Names are compared as conf's identity says. */
int withdraw_user(const char *verb, const struct conf *conf, const char *name,
                  enum deny_reason reason);

/* The same; if the user is not withdrawn, that is 1 with a complaint, or, unless must, 0 in
 * silence. */
int withdraw_user_back(const char *verb, const struct conf *conf, const char *name, bool must);

/* Have the running proxy read its deny files now. Returns as withdraw_add(). */
int withdraw_tell(const char *verb, const struct conf *conf);

#endif
