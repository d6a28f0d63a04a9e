/* countersign request withdraw, lift: the end of a certificate that the CA here has issued. */
#ifndef CLI_REQUEST_WITHDRAW_H
#define CLI_REQUEST_WITHDRAW_H

#include "cli/ca_open.h"

/* Withdraw the certificate of request id for reason (a name of RFC 5280; NULL: unspecified), or
 * lift its hold, have the proxies refuse it or take it again, and say so. Only an operator of its
 * profile may. Returns 0, or a negative err_code with e. */
int request_withdraw(const struct ca_open *o, const struct ca_operator *here, const char *id,
                     const char *reason, struct err *e) __attribute__((warn_unused_result));
int request_lift(const struct ca_open *o, const struct ca_operator *here, const char *id,
                 struct err *e) __attribute__((warn_unused_result));

#endif
