/* What a store knows of one user: a record that never changes, counted by references. */
#ifndef AUTH_STORE_USER_H
#define AUTH_STORE_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define USER_NAME_MAX   255 /* octets */
#define USER_GROUPS_MAX 64  /* of one user */
#define USER_GROUP_MAX  64  /* octets of a group's name */
#define USER_PINS_MAX   16
#define USER_SECRET_MAX 64 /* octets of a TOTP secret */

#define USER_COMPANY_MAX        255 /* octets of a company */
#define USER_COMPANY_CHARACTERS 64  /* as a certificate holds (RFC 5280 appendix A) */

/* Whether a certificate is asked of this user where a route requires both. */
enum user_certificate {
    USER_CERTIFICATE_UNSET = 0, /* as the configuration says for all */
    USER_CERTIFICATE_REQUIRED,
    USER_CERTIFICATE_OPTIONAL
};

/* SHA-256 of the DER of a certificate. */
struct user_pin {
    unsigned char digest[32];
};

struct user {
    unsigned *refs; /* the record's own; NULL while a record is put together */
    struct str name;
    struct str hash; /* empty: no password matches */
    enum user_certificate certificate;
    bool certificate_required; /* what certificate comes to under the configuration (auth/users) */
    bool disabled;
    bool totp_required;
    int64_t expires_ms; /* wall clock; from then on the account is over; 0: never */
    const struct str *groups;
    size_t group_count;
    const struct user_pin *pins; /* the only certificates that may come; none: any */
    size_t pin_count;
    struct str totp_secret; /* raw octets; empty: none */
    struct str company;     /* the only one that certificates of this user may name; empty: any */
};

/* A record of its own with the contents of from (all copied, from->refs aside), with one
 * reference; or NULL without memory. Its members may be set until a second one holds it. */
struct user *user_new(const struct user *from) __attribute__((warn_unused_result));

/* One reference more; returns u. Not atomic: one thread at a time. */
const struct user *user_ref(const struct user *u);

/* One reference less; the last wipes and frees. NULL is fine. */
void user_unref(const struct user *u);

/* What is wrong with name as a group's, or NULL: 1 to 64 octets of UTF-8 without blanks, commas,
 * control characters. */
const char *user_group_fault(struct str name);

/* What is wrong with name as a company's, or NULL: 1 to 64 characters of UTF-8 in at most 255
 * octets, without control characters, and without blanks at the ends. */
const char *user_company_fault(struct str name);

/* True if certificates are pinned and this is none of them. */
bool user_refuses_pin(const struct user *u, const unsigned char digest[32]);

#endif
