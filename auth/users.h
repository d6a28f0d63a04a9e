/* The users that the proxy knows: one interface whatever the store. */
#ifndef AUTH_USERS_H
#define AUTH_USERS_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/store/user.h"
#include "base/str.h"
#include "conf/diag.h"
#include "conf/files.h"
#include "conf/model.h"

struct users;
struct users_ticket;

/* What became of a search. Zero is a failure: whoever cannot be looked up is not let in. */
enum users_found {
    USERS_FAILED = 0, /* the store does not answer, too many wait, or no memory */
    USERS_NONE,       /* there is no such user */
    USERS_FOUND,
    USERS_WAIT /* the answer comes later */
};

/* Told once, on the loop's thread, never inside users_find(). user: a reference for the receiver on
 * USERS_FOUND, otherwise NULL. */
typedef void (*users_done_fn)(void *arg, enum users_found found, const struct user *user);

/* Load what conf names through files; findings go to diags. Without a store there are no users. A
 * rule or a line of fields for a user who is not in the file is a warning. NULL on an error. */
struct users *users_load(const struct conf_users *conf, const struct conf_identity *identity,
                         struct files *files, struct diags *diags);

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
struct str users_decoy(const struct users *u);

/* How many there are in the file. */
size_t users_count(const struct users *u);

#endif
