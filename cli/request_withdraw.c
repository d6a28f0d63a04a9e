/* Owns: from a request's id to the end of its certificate. */
#include "cli/request_withdraw.h"

#include <stdio.h>

#include "ca/records.h"
#include "ca/withdraw.h"
#include "cli/ca_withdraw.h"

int request_withdraw(const struct ca_open *o, const struct ca_operator *here, const char *id,
                     const char *reason, struct err *e)
{
    const struct ca_withdraw by = {&o->life, o->loaded.conf, here, "request"};
    struct ca_withdraw_found f = {.by = &by};
    int code = withdraw_reason_of(str_of(reason));
    if (code < 0) {
        return err_set(e, ERR_MALFORMED,
                       "the reason is none of RFC 5280's: unspecified, keyCompromise, "
                       "affiliationChanged, superseded, cessationOfOperation, certificateHold, "
                       "privilegeWithdrawn");
    }
    int rc = record_show(&o->life, str_of(id), ca_withdraw_note, &f, e);
    rc = rc == 0 ? ca_withdraw_record(&f, code, e) : rc;
    if (rc == 0) {
        (void)puts("withdrawn");
    }
    return rc == 0 ? ca_withdraw_tell(&by, e) : rc;
}

int request_lift(const struct ca_open *o, const struct ca_operator *here, const char *id,
                 struct err *e)
{
    const struct ca_withdraw by = {&o->life, o->loaded.conf, here, "request"};
    struct ca_withdraw_found f = {.by = &by};
    int rc = record_show(&o->life, str_of(id), ca_withdraw_note, &f, e);
    rc = rc == 0 ? ca_withdraw_lift(&f, e) : rc;
    if (rc == 0) {
        (void)puts("lifted");
    }
    return rc == 0 ? ca_withdraw_tell(&by, e) : rc;
}
