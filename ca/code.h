/* One-time codes: what they look like, how they are read, and what may be stored of them. Pure but
 * for random numbers. */
#ifndef CA_CODE_H
#define CA_CODE_H

#include "base/err.h"
#include "base/str.h"

#define CODE_OCTETS    10 /* 80 random bits */
#define CODE_TEXT_LEN  19 /* four groups of four: "7K3M-9QXD-..." */
#define CODE_HASH      32
#define CODE_SALT      32
#define CODE_INPUT_MAX 64 /* of what somebody types */

/* Secret; code_wipe() when done. */
struct code {
    unsigned char octets[CODE_OCTETS];
    char text[CODE_TEXT_LEN + 1];
};

/* What stands in the database of it. */
struct code_kept {
    unsigned char hash[CODE_HASH];
    unsigned char salt[CODE_SALT];
};

/* A new code for request id, and what is kept. Returns 0, -ERR_NOMEM or -ERR_CRYPTO with e. */
int code_make(struct str id, struct code *c, struct code_kept *kept, struct err *e)
    __attribute__((warn_unused_result));

/* Read what somebody typed: letters of either case, with dashes and blanks anywhere; O is 0, I and
 * L are 1 (Crockford's base32). Returns 0, or -ERR_MALFORMED with e: it can be no code. */
int code_read(struct str typed, struct code *c, struct err *e) __attribute__((warn_unused_result));

/* What would be kept as hash if this were the code for request id, of at most 64 octets.
 * Returns 0, -ERR_NOMEM or -ERR_CRYPTO with e. */
int code_hash(const struct code *c, struct str id, unsigned char hash[CODE_HASH], struct err *e)
    __attribute__((warn_unused_result));

/* Whether a hash of code_hash() is that of the code that was made; takes the same time whatever it
 * is, and cannot fail. */
bool code_is(const unsigned char hash[CODE_HASH], const struct code_kept *kept);

/* The password of the file that the code gives, 80 bits, in the form of a code: it takes the code
 * and what is kept to know it. Returns 0, -ERR_NOMEM or -ERR_CRYPTO with e. */
int code_password(const struct code *c, struct str id, const struct code_kept *kept,
                  struct code *password, struct err *e) __attribute__((warn_unused_result));

void code_wipe(struct code *c);

#endif
