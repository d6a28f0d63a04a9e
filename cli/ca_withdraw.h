/* The end of a certificate that the CA of a configuration has issued: its record and the proxies,
 * in one way for countersign request and countersign cert. */
#ifndef CLI_CA_WITHDRAW_H
#define CLI_CA_WITHDRAW_H

#include <stdbool.h>

#include "auth/revoke/deny_line.h"
#include "ca/records.h"
#include "cli/ca_open.h"

/* Who ends it, and where; borrowed. verb stands before complaints about the proxies. */
struct ca_withdraw {
    const struct life *life;
    const struct conf *conf;
    const struct ca_operator *here;
    const char *verb;
};

/* A request and its certificate, as ca_withdraw_note() has seen them. */
struct ca_withdraw_found {
    const struct ca_withdraw *by;
    char id[LIFE_ID_LEN + 1];
    char serial[DENY_SERIAL_MAX + 1]; /* empty: no certificate */
    bool may;                         /* here is an operator of its profile */
};

/* A record_each_fn: notes the record in arg, a struct ca_withdraw_found with by. */
bool ca_withdraw_note(void *arg, const struct record *r);

/* Withdraw what was found for a reason of ca/withdraw.h, or lift its hold, in the CA's record.
 * Return as withdraw() and withdraw_lift(), and -ERR_DENIED if here is no operator of its profile,
 * -ERR_CLOSED if there is no certificate, with e. */
int ca_withdraw_record(const struct ca_withdraw_found *f, int reason, struct err *e)
    __attribute__((warn_unused_result));
int ca_withdraw_lift(const struct ca_withdraw_found *f, struct err *e)
    __attribute__((warn_unused_result));

/* Bring the proxies' deny list to what the record says, and have the running proxy take it up.
 * Returns 0, or with e, that it is recorded: -ERR_CONFIG (no deny list), -ERR_IO, or another. */
int ca_withdraw_tell(const struct ca_withdraw *by, struct err *e)
    __attribute__((warn_unused_result));

#endif
