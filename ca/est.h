/* Enrolment over Secure Transport (RFC 7030), with TLS and authentication done by the proxy. */
#ifndef CA_EST_H
#define CA_EST_H

#include "ca/call.h"

/* Serve a call; who enrols is identified here, cacerts and csrattrs are for everybody (4.1, 4.5).
 * path: what stands behind /.well-known/est/, perhaps with the name of a profile as label (3.2.2)
 * in front: cacerts, simpleenroll, simplereenroll, csrattrs. Returns as api_call(). */
int est_call(struct call *c, struct str path) __attribute__((warn_unused_result));

#endif
