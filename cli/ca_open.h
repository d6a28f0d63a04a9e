/* The CA of a configuration, opened for a command. */
#ifndef CLI_CA_OPEN_H
#define CLI_CA_OPEN_H

#include <stdbool.h>

#include "auth/store/user.h"
#include "ca/life.h"
#include "ca/request.h"
#include "cli/loaded.h"

struct ca_open {
    struct loaded loaded;
    struct ca_key key;
    struct life life;
};

/* What of the CA is needed beside its database. */
enum ca_open_with { CA_OPEN_DATABASE = 0, CA_OPEN_KEY, CA_OPEN_CERTIFICATES };

/* Open the database that the configuration at path names, and with CA_OPEN_CERTIFICATES the CA's
 * certificates, with CA_OPEN_KEY its key too. Returns 0, or a negative err_code with e (errors of
 * the configuration are told on standard error besides); ca_close() in any case. */
int ca_open(struct ca_open *o, const char *path, enum ca_open_with with, struct err *e)
    __attribute__((warn_unused_result));
void ca_close(struct ca_open *o);

/* Open the users' store too, for what asks accounts. Returns 0 or a negative err_code with e. */
int ca_open_people(struct ca_open *o, struct err *e) __attribute__((warn_unused_result));

/* Who sits here: "local:NAME" of the account that runs the command, in its groups as "local:NAME".
 */
#define CA_OPERATOR_NAME_MAX   256
#define CA_OPERATOR_GROUPS_MAX 64
struct ca_operator {
    struct request_operator self;
    char name[CA_OPERATOR_NAME_MAX];
    char group_names[CA_OPERATOR_GROUPS_MAX][CA_OPERATOR_NAME_MAX];
    struct str groups[CA_OPERATOR_GROUPS_MAX + USER_GROUPS_MAX];
    struct user *account; /* of ca_operator_account(); a reference */
    char account_name[CA_OPERATOR_NAME_MAX];
};

/* Fill o, whose self borrows from it. Returns 0 or -ERR_NOT_FOUND with e. */
int ca_operator_here(struct ca_operator *o, struct err *e) __attribute__((warn_unused_result));

/* If ca.local_accounts says which account that is, act as it: under its name, in its groups too,
 * from "local:NAME". It must be there and open. open: with people. Returns 0 or a negative err_code
 * with e. */
int ca_operator_account(struct ca_operator *o, const struct ca_open *open, struct err *e)
    __attribute__((warn_unused_result));

/* Give back what o holds; a cleared one is fine. */
void ca_operator_fini(struct ca_operator *o);

#endif
