/* The call of somebody who comes with a one-time code: certificate and password they have none yet,
 * so that the proxy's route lets in whom the operator says. */
#ifndef CA_ENROL_H
#define CA_ENROL_H

#include "ca/call.h"
#include "ca/handover.h"

/* Serve a call; path: what stands behind /ca/enrol. POST with JSON: "request", "code", and, of
 * those who keep their own key, "certificateSigningRequest"; the answer is the file. Returns as
 * api_call(). */
int enrol_call(struct call *c, struct str path) __attribute__((warn_unused_result));

/* Exchange a code and fill the reply with the file; when it has been sent, the certificate is
 * delivered. user and origin of v are filled in here. Returns 0, or as handover_redeem() with
 * c->err. */
int enrol_give(struct call *c, struct handover_visit *v) __attribute__((warn_unused_result));

#endif
