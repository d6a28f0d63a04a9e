/* Users in an SQLite database. One handle belongs to one thread at a time, and never lives on in a
 * child process. */
#ifndef AUTH_STORE_SQLITE_H
#define AUTH_STORE_SQLITE_H

#include <stdint.h>

#include "auth/store/store.h"

enum sqlite_mode {
    SQLITE_MODE_READ = 0, /* what the proxy does; needs no right to write */
    SQLITE_MODE_CHANGE,   /* brings an older schema up to date */
    SQLITE_MODE_CREATE    /* the same, and makes the file (mode 0640) if there is none */
};

/* Open the database at path. Refuses what is no database of users, and one that a newer version has
 * made. Returns NULL with e. */
struct store *sqlite_open(const char *path, enum sqlite_mode mode, struct err *e);

/* A number that differs from the last one if anybody has changed the database in between, or
 * another file has taken its place (then -ERR_CLOSED: open it anew). Returns 0 or a negative
 * err_code with e. */
int sqlite_version(struct store *s, uint64_t *version, struct err *e);

/* Whether there is a user whose certificate is optional. Returns 0 or a negative err_code. */
int sqlite_any_optional(struct store *s, bool *any, struct err *e);

/* Tell some of the password hashes, at most n: those of the oldest accounts. */
int sqlite_sample_hashes(struct store *s, size_t n, void (*each)(void *arg, struct str hash),
                         void *arg, struct err *e);

/* Everything changed between the two is there at once or, with commit false, not at all. Where a
 * change failed, others may be refused (-ERR_CLOSED). When sqlite_end() returns, whatever it
 * returns, others can write. */
int sqlite_begin(struct store *s, struct err *e) __attribute__((warn_unused_result));
int sqlite_end(struct store *s, bool commit, struct err *e);

/* "SQLite 3.40.1": the library that runs. */
const char *sqlite_library(void);

#endif
