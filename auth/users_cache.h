/* Answers about users, remembered: a bounded table from a name to a record or to "nobody"; the one
 * that was not asked for longest goes first. */
#ifndef AUTH_USERS_CACHE_H
#define AUTH_USERS_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/store/user.h"

struct users_cache;

/* At most max answers (0: none). NULL without memory. */
struct users_cache *users_cache_new(size_t max);

/* Free it; records that are held stay. NULL is fine. */
void users_cache_free(struct users_cache *c);

/* True if there is an answer for name; *user: a reference for the caller, or NULL for nobody. */
bool users_cache_get(struct users_cache *c, struct str name, const struct user **user);

/* Remember an answer that is not there yet (user NULL: nobody; otherwise the cache takes a
 * reference of its own). Without memory nothing is remembered. */
void users_cache_put(struct users_cache *c, struct str name, const struct user *user);

/* Forget all. */
void users_cache_clear(struct users_cache *c);

/* How many are remembered. */
size_t users_cache_count(const struct users_cache *c);

#endif
