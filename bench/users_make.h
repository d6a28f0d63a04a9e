/* Users of a load test: a random password for each, and its hash for an htpasswd file. */
#ifndef BENCH_USERS_MAKE_H
#define BENCH_USERS_MAKE_H

#include "base/err.h"
#include "base/str.h"

#define USERS_MAKE_PASSWORD 20  /* octets of a password */
#define USERS_MAKE_HASH_MAX 384 /* octets of a hash */

/* Which hash, and how costly. */
struct users_make_hash {
    const char *prefix; /* libcrypt's, or "{SHA}" */
    unsigned long cost; /* 0: libcrypt's default */
};

/* The hash called name ("bcrypt", "yescrypt", "sha512", "sha256", "md5", "sha1"; NULL: bcrypt) with
 * a cost as its kind counts it (0: the cheap default of this tool; bcrypt 4-16, yescrypt 1-11,
 * sha512 and sha256 1000-5000000 rounds, md5 and sha1 none). Returns 0, or -ERR_MALFORMED with e.
 */
int users_make_hash_of(const char *name, unsigned long cost, struct users_make_hash *out,
                       struct err *e) __attribute__((warn_unused_result));

/* A random password of letters and digits into out, NUL-ended. Returns 0 or -ERR_CRYPTO with e. */
int users_make_password(char out[USERS_MAKE_PASSWORD + 1], struct err *e)
    __attribute__((warn_unused_result));

/* The hash of password into out, NUL-ended. Any thread. Returns 0 or -ERR_CRYPTO with e. */
int users_make_hash(const struct users_make_hash *h, const char *password,
                    char out[USERS_MAKE_HASH_MAX + 1], struct err *e)
    __attribute__((warn_unused_result));

#endif
