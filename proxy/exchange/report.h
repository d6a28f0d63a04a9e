/* What a route that only reports lets pass, and what is asked of whom it lets pass. */
#ifndef PROXY_EXCHANGE_REPORT_H
#define PROXY_EXCHANGE_REPORT_H

#include <stdbool.h>

#include "auth/gate.h"
#include "base/reason.h"

/* True if a refusal for why may be left at a report. Neither is a certificate that was not accepted
 * or is withdrawn, nor an account that is closed, nor a failure of our own. certificate: as in
 * gate_peer. */
bool report_lets_pass(enum reason certificate, enum reason why);

/* Turn q into the question that is asked after a refusal that is left at a report, where the gate
 * has stopped before it knew the user: is the certificate's user withdrawn, or the account closed?
 * Nothing is required, and nothing counts as a failure. */
void report_ask_standing(struct gate_question *q);

#endif
