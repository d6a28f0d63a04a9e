/* Hop-by-hop fields (RFC 9110 7.6.1). */
#ifndef PROXY_HTTP_HOP_H
#define PROXY_HTTP_HOP_H

#include "base/field.h"

/* Remove Connection, every field that it nominates (all lines, any case; Host and framing fields
 * and Content-* are never removed for being nominated), Keep-Alive, Proxy-Connection,
 * Proxy-Authenticate, Proxy-Authorization, TE, Trailer, Transfer-Encoding, Upgrade. */
void hop_strip(struct fields *f);

/* True if the Connection fields hold token (ASCII case folded), e.g. "close". */
bool hop_connection_has(const struct fields *f, struct str token);

#endif
