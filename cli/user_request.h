/* What "countersign user" was asked for, shared by its verbs. Private to cli. */
#ifndef CLI_USER_REQUEST_H
#define CLI_USER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/store/store.h"
#include "auth/store/user.h"
#include "cli/loaded.h"
#include "conf/diag.h"

struct user_request {
    const char *verb;
    const char *name; /* or, for import, a file */
    const char *config;
    bool config_named;    /* by -c */
    const char *file;     /* -f: an htpasswd file; NULL: as the configuration says */
    const char *fields;   /* -F */
    const char *database; /* -s; the same */
    bool from_stdin;
    bool json;
    size_t limit;      /* ls */
    const char *after; /* ls; NULL: from the front */

    /* Changes; NULL: as it is. */
    const char *certificate;
    const char *groups;
    const char *company;
    const char *expires;
    const char *disabled;
    const char *pins[USER_PINS_MAX]; /* fingerprints or certificate files */
    size_t pin_count;
    bool no_pin;
    bool off; /* totp */

    /* Once opened. */
    struct loaded loaded; /* its conf is NULL where -f or -s names the store */
    struct store *store;
    struct diags *diags;
    bool is_database;
};

/* Say what is wrong on standard error; returns 1. */
int user_complain(const struct err *e);

/* True if one of the fields is to be changed. */
bool user_changes_fields(const struct user_request *r);

/* Open the store that r names. Returns 0, or 1 after a complaint; user_close_store() in any case.
 */
int user_open_store(struct user_request *r);
void user_close_store(struct user_request *r);

/* The verbs that show: ls, show. Return the exit status. */
int user_list(const struct user_request *r);
int user_show(const struct user_request *r);

/* totp: make a secret and show it, or take it away. Returns the exit status. */
int user_totp(const struct user_request *r);

/* import. Returns the exit status. */
int user_import(const struct user_request *r);

/* Change the user as r's fields say, hash (empty: as it is) included; STORE_DELETE: take it out.
 * Returns 0, or a negative err_code with e. */
int user_change(const struct user_request *r, enum store_change what, struct str hash,
                struct err *e);

/* disable, enable, del: change the store and, where a configuration names revocation.deny, what is
 * withdrawn. Return the exit status: 0 only if both are done. */
int user_disable(const struct user_request *r);
int user_enable(const struct user_request *r);
int user_delete(const struct user_request *r);

/* Say on standard error if the user is withdrawn all the same. */
void user_tell_withdrawn(const struct user_request *r);

#endif
