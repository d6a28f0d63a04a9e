/* Short forms for the rows. Private to the keys*.c files. */
#ifndef CONF_KEYS_ROWS_H
#define CONF_KEYS_ROWS_H

#include "conf/keys.h"

#define COUNT(array)     (sizeof(array) / sizeof((array)[0]))
#define AT(type, member) .offset = offsetof(struct type, member)
#define TWO(type, member, second_member)                                                           \
    .offset = offsetof(struct type, member), .second = offsetof(struct type, second_member)
#define KIB(n)     ((uint64_t)(n)*1024)
#define MIB(n)     ((uint64_t)(n)*1024 * 1024)
#define TIB(n)     (MIB(n) * 1024 * 1024)
#define SECONDS(n) ((uint64_t)(n)*1000)
#define HOURS(n)   ((uint64_t)(n)*3600 * 1000)

/* Sections that keys_root refers to, in files of their own. */
extern const struct key_section keys_listener;
extern const struct key_section keys_identity;
extern const struct key_section keys_users;
extern const struct key_section keys_resumption;
extern const struct key_section keys_tuning;
extern const struct key_section keys_headers;
extern const struct key_section keys_token;
extern const struct key_section keys_signature;
extern const struct key_section keys_totp;
extern const struct key_section keys_lockout;
extern const struct key_section keys_revocation;
extern const struct key_section keys_ca;
extern const struct key_section keys_notify;
extern const struct key_section keys_notifier;

#endif
