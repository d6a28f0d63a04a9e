/* What everybody may know of the CA, where the proxy's routes let them in: its certificate and its
 * revocation list. */
#ifndef CA_PUBLIC_H
#define CA_PUBLIC_H

#include "ca/call.h"

/* Serve a call of anybody; path: what stands behind /ca/public/. Returns as api_call(). */
int public_call(struct call *c, struct str path) __attribute__((warn_unused_result));

#endif
