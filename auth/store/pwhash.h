/* Password hashes: which there are, checking, making. Slow by design: only off the loop. */
#ifndef AUTH_STORE_PWHASH_H
#define AUTH_STORE_PWHASH_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define PWHASH_MAX          384 /* longest hash text taken, octets */
#define PWHASH_PASSWORD_MAX 256 /* longest password taken, octets */

enum pwhash_kind {
    PWHASH_UNKNOWN = 0, /* plain text, DES, anything else: never matches */
    PWHASH_BCRYPT,
    PWHASH_YESCRYPT,
    PWHASH_SHA512,
    PWHASH_SHA256,
    PWHASH_APR1, /* weak: verified, with a warning at load */
    PWHASH_SHA1, /* "{SHA}": weak */
    PWHASH_MD5   /* "$1$": weak */
};

/* Which kind a hash text is, by its form; its whole syntax is checked. So are its costs, because a
 * single line must not stall the checks of all: PWHASH_UNKNOWN for bcrypt above cost 16, $5$ and
 * $6$ above 5,000,000 rounds, yescrypt above 256 MiB or with other than its default parallelism. */
enum pwhash_kind pwhash_kind(struct str hash);

/* The front of a hash that tells its kind and cost ("$2y$10$", "$6$rounds=9000$", "{SHA}"): two
 * with the same front take equally long. Empty for an unknown kind. Borrows hash. */
struct str pwhash_cost(struct str hash);

/* True for kinds that should be hashed again. */
bool pwhash_is_weak(enum pwhash_kind kind);

/* True if password matches hash. False on any error, on a password with NUL or control characters
 * or over PWHASH_PASSWORD_MAX, on an unknown kind. Thread-safe; scratch is wiped. bcrypt looks at
 * 72 octets only: longer passwords never match a bcrypt hash. */
bool pwhash_verify(struct str hash, struct str password);

/* Make a yescrypt hash (libcrypt's default cost) of password into out (NUL-ended). Returns 0,
 * -ERR_MALFORMED (empty, too long, control characters), -ERR_CRYPTO. */
int pwhash_make(struct str password, char out[PWHASH_MAX + 1], struct err *e)
    __attribute__((warn_unused_result));

/* A hash of the most frequent kind and cost in use that no password matches: checked for unknown
 * users so that they take as long as known ones. model: the hash text to imitate, or empty for
 * yescrypt. out NUL-ended. Returns 0 or a negative err_code. */
int pwhash_decoy(struct str model, char out[PWHASH_MAX + 1]) __attribute__((warn_unused_result));

/* "libxcrypt 4.4.33": the library that this was built with. */
const char *pwhash_library(void);

#endif
