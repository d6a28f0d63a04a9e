/* The part of the configuration that says who users are and what they show. As model.h. */
#ifndef CONF_MODEL_USERS_H
#define CONF_MODEL_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/model_text.h"

enum conf_user_id {
    CONF_USER_ID_SUBJECT_CN = 0,
    CONF_USER_ID_SUBJECT_EMAIL,
    CONF_USER_ID_SUBJECT_UID,
    CONF_USER_ID_SAN_EMAIL
};

struct conf_identity {
    enum conf_user_id user_id;
    bool fold_domain;     /* compare what is behind the last @ without case */
    bool fold_local_part; /* and what is before it, ASCII only */
};

enum conf_need { CONF_NEED_REQUIRED = 0, CONF_NEED_OPTIONAL };

/* A user for whom a rule differs. */
struct conf_user_rule {
    struct conf_text name;
    enum conf_need certificate;
};

struct conf_users {
    struct conf_text htpasswd;
    struct conf_text fields;    /* beside htpasswd; p NULL: none */
    struct conf_text store;     /* database, instead of htpasswd; p NULL: none; where neither is
                                 * given and a route asks for users, that of the state directory */
    enum conf_need certificate; /* for users without a rule of their own */
    struct conf_user_rule *rules;
    size_t rule_count;
    struct conf_text realm;
    uint32_t hash_threads;        /* a worker, as pwcheck_new() */
    uint32_t hash_queue_max;      /* checks that may wait, a worker, as pwcheck_new() */
    uint32_t remember_ms;         /* a proven credential, after its last use; 0 = off */
    uint32_t remember_max;        /* entries, a worker */
    uint32_t lookup_queue_max;    /* look-ups that may wait, a worker */
    uint32_t lookup_remember_max; /* records of a database that are remembered, a worker */
};

enum conf_totp_hash { CONF_TOTP_SHA1 = 0, CONF_TOTP_SHA256, CONF_TOTP_SHA512 };
enum conf_totp_digits { CONF_TOTP_SIX = 0, CONF_TOTP_EIGHT };

/* One-time codes (RFC 6238), a new one each 30 s. */
struct conf_totp {
    struct conf_text header; /* the request field that holds the code; never forwarded */
    enum conf_totp_hash algorithm;
    enum conf_totp_digits digits;
    uint32_t window;      /* codes before and after the present one that count */
    uint32_t remember_ms; /* how long a proof holds for the same certificate; 0 = not at all */
    uint32_t entries;     /* users whose last code is remembered, over all workers */
};

/* Delays for those who fail too often. */
struct conf_lockout {
    bool enabled;
    uint32_t failures; /* from this one on there is a delay */
    uint32_t delay_ms; /* the first; doubled by each further failure */
    uint32_t delay_max_ms;
    uint32_t forget_ms; /* without a failure for so long, all are forgotten */
    uint32_t entries;   /* over all workers */
};

#endif
