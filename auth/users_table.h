/* The users of an htpasswd file and its file of fields, all in memory. */
#ifndef AUTH_USERS_TABLE_H
#define AUTH_USERS_TABLE_H

#include "auth/store/user.h"
#include "base/str.h"
#include "conf/diag.h"
#include "conf/files.h"
#include "conf/model.h"

struct users_table;

/* Load conf->htpasswd, and conf->fields if given; findings go to diags. Two lines that normalise
 * alike are an error. NULL on an error. */
struct users_table *users_table_load(const struct conf_users *conf,
                                     const struct conf_identity *identity, struct files *files,
                                     struct diags *diags);

/* Free it; records that are held stay. NULL is fine. */
void users_table_free(struct users_table *u);

/* The user whose normalised name is that of name, or NULL. The table's reference: may be changed
 * only until somebody else holds one. */
struct user *users_table_find(const struct users_table *u, struct str name);

/* The i-th in order of normalised name; NULL behind the last. As above. */
struct user *users_table_at(const struct users_table *u, size_t i);

#endif
