/* Users in a database of any size: looked up by name beside the loop, and remembered for as long as
 * the database does not change. */
#ifndef AUTH_USERS_DB_H
#define AUTH_USERS_DB_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/users_found.h"
#include "base/err.h"
#include "base/job.h"
#include "base/str.h"
#include "conf/model.h"

struct users_db;

struct users_db_options {
    const char *path;                              /* copied */
    const struct conf_identity *rule;              /* how names are compared; copied */
    size_t remember_max;                           /* records kept */
    void (*prepare)(void *arg, struct user *user); /* before a new record is shown to anybody */
    void *arg;
};

/* Users at a path; nothing is opened yet. NULL without memory. */
struct users_db *users_db_new(const struct users_db_options *options);

/* Open the database, learn what users_db_typical_hash(), users_db_facts() and
 * users_db_any_optional() tell, and close it: a handle must not live on over a fork. Any thread,
 * but none may use db meanwhile. Returns 0 or a negative err_code with e. */
int users_db_check(struct users_db *db, struct err *e) __attribute__((warn_unused_result));

/* Close the database if a search in place has opened it; the next one opens it again. */
void users_db_rest(struct users_db *db);

/* From now on look up with jobs of pool, which has one thread; its owner collects. ear (copied)
 * hears of them. Before this, users_db_find() answers at once, in place. */
void users_db_attach(struct users_db *db, struct job_pool *pool, const struct users_ear *ear);

/* The owner lets go: what waits is dropped (its callbacks do not come, its tickets are gone), and
 * the rest goes with the last job. NULL is fine. */
void users_db_close(struct users_db *db);

/* As users_find(). */
enum users_found users_db_find(struct users_db *db, struct str name, users_done_fn done, void *arg,
                               struct users_ticket **ticket, const struct user **user);

/* As users_cancel(). */
void users_db_cancel(struct users_ticket *ticket);

/* Look, beside the loop, whether the database has changed since; if so, forget all. */
void users_db_poll(struct users_db *db);

/* A hash as most users have it; empty without users. Borrowed until the next call on db. */
struct str users_db_typical_hash(const struct users_db *db);

/* Grows whenever that hash may be another one. */
unsigned users_db_facts(const struct users_db *db);

/* True if there is a user whose certificate is optional by his own record. */
bool users_db_any_optional(const struct users_db *db);

#endif
