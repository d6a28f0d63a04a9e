/* A user while its fields are read or changed, and the fields' form as text: what a line of a file
 * of fields, the command line and imports have in common. */
#ifndef AUTH_STORE_USER_DRAFT_H
#define AUTH_STORE_USER_DRAFT_H

#include "auth/store/user.h"
#include "base/buf.h"

/* The user and the room for what it points to. Holds a secret: wipe it. */
struct user_draft {
    struct user user;
    struct str groups[USER_GROUPS_MAX];
    struct user_pin pins[USER_PINS_MAX];
    unsigned char secret[USER_SECRET_MAX];
    char company[USER_COMPANY_MAX];
};

/* Begin with what from holds (its texts stay borrowed), or with nothing (NULL). The draft must not
 * be moved afterwards. */
void user_draft_begin(struct user_draft *d, const struct user *from);

/* Set one field from its text (borrowed for groups). Keys: certificate (required, optional, unset),
 * groups (names behind commas; empty: none), expires (a date, see user_draft_date; never), pin (64
 * hex digits, colons between octets allowed; one more; empty: none at all), disabled and
 * totp_required (yes, no), totp (hex; empty: none), company (text; empty: any). Returns NULL, or
 * what is wrong. */
const char *user_draft_set(struct user_draft *d, struct str key, struct str value);

/* The same with a value as user_draft_write() writes it: in company, %HH is an octet. */
const char *user_draft_read(struct user_draft *d, struct str key, struct str value);

/* Read "2027-01-31" (its first moment, UTC) or "2027-01-31T12:00:00Z" as milliseconds since 1970,
 * at least 1. Returns false for anything else, and for years before 1970. */
bool user_draft_date(struct str text, int64_t *ms);

/* Append the fields of u that are set as "key=value" with a blank before each, for
 * user_draft_read(); the name and the hash are not among them. Returns as buf_append. */
int user_draft_write(const struct user *u, struct buf *out) __attribute__((warn_unused_result));

#endif
