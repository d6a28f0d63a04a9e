/* The users that the proxy knows: one interface whatever the store. */
#ifndef AUTH_USERS_H
#define AUTH_USERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "conf/diag.h"
#include "conf/files.h"
#include "conf/model.h"

/* What is known of one user; borrows from the users. */
struct user {
    struct str name;
    struct str hash;
    bool certificate_required;
};

struct users;

/* Load what conf names through files; findings go to diags. Without an htpasswd there are no
 * users. A rule for a user who is not in the file is a warning. NULL on an error. */
struct users *users_load(const struct conf_users *conf, const struct conf_identity *identity,
                         struct files *files, struct diags *diags);

/* One reference more; returns u. Not atomic. */
struct users *users_ref(struct users *u);

/* One reference less; the last frees. NULL is fine. */
void users_unref(struct users *u);

/* Find the user whose normalised name (pairing_normalise) equals that of name. Two lines of a file
 * that normalise alike are an error at load. Returns false if there is none; *out is then zeroed.
 */
bool users_find(const struct users *u, struct str name, struct user *out);

/* True if there is a user who may come without a certificate. */
bool users_any_without_certificate(const struct users *u);

/* The hash to check for unknown users, of the kind and cost that most users have, which no password
 * matches; borrowed. Users whose hashes are of another kind can be told from unknown ones by the
 * time that a check takes: one kind for all is the remedy. */
struct str users_decoy(const struct users *u);

/* How many there are. */
size_t users_count(const struct users *u);

#endif
