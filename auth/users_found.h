/* What a search for a user comes to. */
#ifndef AUTH_USERS_FOUND_H
#define AUTH_USERS_FOUND_H

#include "auth/store/user.h"

struct users_ticket;

/* Zero is a failure: whoever cannot be looked up is not let in. */
enum users_found {
    USERS_FAILED = 0, /* the store does not answer, too many wait, or no memory */
    USERS_NONE,       /* there is no such user */
    USERS_FOUND,
    USERS_WAIT /* the answer comes later */
};

/* Told once, on the loop's thread, never inside users_find(). user: a reference for the receiver on
 * USERS_FOUND, otherwise NULL. */
typedef void (*users_done_fn)(void *arg, enum users_found found, const struct user *user);

/* What whoever lends the threads for look-ups in a database is told, on the loop's thread. Each may
 * be NULL. */
struct users_ear {
    /* The database begins to fail, and why; NULL: it answers again. */
    void (*state)(void *arg, const char *error);
    /* A look-up has come to found, after so many microseconds; below 0: from memory. */
    void (*looked)(void *arg, enum users_found found, int64_t us);
    void *arg;
};

#endif
