/* What is new in a request: what its certificate says, or will say, beside what the last one of the
 * same user says, field by field. For people who decide. */
#ifndef CA_COMPARE_H
#define CA_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "ca/csr.h"
#include "ca/records.h"

/* The fields, in the order in which they are shown, with the token of each and words for it. */
#define COMPARE_FIELDS(X)                                                                          \
    X(SUBJECT, "subject", "subject")                                                               \
    X(EMAIL, "email", "e-mail")                                                                    \
    X(COMPANY, "company", "company")                                                               \
    X(KEY, "key", "key")                      /* kind and size: "P-256", "RSA 2048" */             \
    X(KEY_SHA256, "keySha256", "key SHA-256") /* of the SubjectPublicKeyInfo, hex */               \
    X(PROFILE, "profile", "profile")                                                               \
    X(LIFE, "life", "life") /* "730 days" */

enum compare_name {
#define COMPARE_ENUM(name, token, words) COMPARE_##name,
    COMPARE_FIELDS(COMPARE_ENUM)
#undef COMPARE_ENUM
        COMPARE_COUNT
};

#define COMPARE_TEXT_MAX 1023 /* octets of a value; the rest of a longer one is cut off */

/* UTF-8 without control characters; empty: there is none, or it cannot be read. */
struct compare_field {
    char now[COMPARE_TEXT_MAX + 1];
    char before[COMPARE_TEXT_MAX + 1];
    bool changed; /* never without an earlier certificate */
};

struct comparison {
    bool any_before;       /* there is an earlier certificate of this user */
    struct life_id before; /* the request that it came of */
    enum life_state before_state;
    size_t changed; /* how many fields are */
    struct compare_field fields[COMPARE_COUNT];
};

/* Compare r, which may be shown by a record_each_fn just now, with the newest other certificate of
 * its user; if r has a certificate itself, with the newest before it. Returns 0 or a negative
 * err_code with e. */
int compare_last(const struct life *l, const struct record *r, struct comparison *out,
                 struct err *e) __attribute__((warn_unused_result));

/* The token of a field, "keySha256", and words for it, "key SHA-256"; never NULL. */
const char *compare_token(enum compare_name name);
const char *compare_words(enum compare_name name);

#endif
