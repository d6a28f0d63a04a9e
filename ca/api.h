/* The API: JSON over HTTP. */
#ifndef CA_API_H
#define CA_API_H

#include "ca/call.h"

/* Serve a call that was identified; path: what stands behind /ca/v1/. Returns 0 with the reply
 * filled, or a negative err_code with c->err. */
int api_call(struct call *c, struct str path) __attribute__((warn_unused_result));

#endif
