/* Reads the file of users and passwords. One thread. */
#ifndef BENCH_USERS_LOAD_H
#define BENCH_USERS_LOAD_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct user_entry {
    struct str name; /* of the certificate */
    struct str user;
    struct str password; /* secret */
};

struct user_list {
    struct user_entry *v; /* owned; the texts borrow from text */
    size_t n;
    struct user_entry *by_name; /* owned; the same in order of name */
    char *text;                 /* owned, secret */
    size_t text_n;
};

/* Fill l (all zero) from a file of lines "name user password", one blank between them; the password
 * goes to the end of the line. Empty lines and lines that begin with '#' are skipped. A user must
 * not hold a ':' (RFC 7617 2). Returns 0 or -ERR_CONFIG, -ERR_NOMEM with e naming file and line, no
 * secret; call users_free either way. */
int user_list_load(const char *path, struct user_list *l, struct err *e)
    __attribute__((warn_unused_result));

/* Wipe and free all that l owns. */
void user_list_free(struct user_list *l);

/* The entry of that name, or NULL. */
const struct user_entry *user_list_find(const struct user_list *l, struct str name);

#endif
