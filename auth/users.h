/* The users that the proxy knows: one interface whatever the store. */
#ifndef AUTH_USERS_H
#define AUTH_USERS_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/users_found.h"
#include "base/job.h"
#include "base/str.h"
#include "conf/diag.h"
#include "conf/files.h"
#include "conf/model.h"

struct users;

/* Load what conf (borrowed) names: a file through files, or a database, which is only looked at;
 * findings go to diags. Without either there are no users. A rule or a line of fields for a user
 * who is not there is a warning. NULL on an error. */
struct users *users_load(const struct conf_users *conf, const struct conf_identity *identity,
                         struct files *files, struct diags *diags);

/* From now on a database is asked by jobs of pool, which has one thread; its owner collects them.
 * Before this (at the command line) it is asked in place. ear (copied) hears of the look-ups. */
void users_attach(struct users *u, struct job_pool *pool, const struct users_ear *ear);

/* Look beside the loop whether the store has changed: to be called a few times a second. Returns
 * false if there is nothing to look at, as files are watched by the master. */
bool users_poll(struct users *u);

/* One reference more; returns u. Not atomic. */
struct users *users_ref(struct users *u);

/* One reference less; the last frees. NULL is fine. Records that are held stay. */
void users_unref(struct users *u);

/* Find the user whose normalised name (pairing_normalise) equals that of name (copied). On
 * USERS_FOUND *user is a reference for the caller (user_unref); on USERS_WAIT done(arg) comes once
 * unless *ticket goes to users_cancel() first; otherwise neither is set. Files answer at once. */
enum users_found users_find(struct users *u, struct str name, users_done_fn done, void *arg,
                            struct users_ticket **ticket, const struct user **user);

/* The caller no longer wants the answer: done will not be called. */
void users_cancel(struct users_ticket *ticket);

/* True if there is a user who may come without a certificate. */
bool users_any_without_certificate(const struct users *u);

/* The hash to check for unknown users, of the kind and cost that most users have, which no password
 * matches; borrowed. Users whose hashes are of another kind can be told from unknown ones by the
 * time that a check takes: one kind for all is the remedy. */
struct str users_decoy(struct users *u);

#endif
