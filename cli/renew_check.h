/* Whether a certificate that came is the one that was asked for. Pure. */
#ifndef CLI_RENEW_CHECK_H
#define CLI_RENEW_CHECK_H

#include "cli/renew_pair.h"

/* What came, for key, in the place of old: find its certificate among came and put it, with those
 * above it, into *new (which takes references, and the key), if it is
 * - for that key, once,
 * - for the same user: the same common names as the old one,
 * - a TLS client's (RFC 5280 4.2.1.12),
 * - signed, over those that came, by one of anchors, which are trusted as they are, at now_ms,
 * - good for longer than the old one.
 * Returns 0, -ERR_DENIED with e (which of them it is not), or -ERR_NOMEM. */
int renew_check(const struct renew_pair *old, EVP_PKEY *key, STACK_OF(X509) * came,
                STACK_OF(X509) * anchors, int64_t now_ms, struct renew_pair *new, struct err *e)
    __attribute__((warn_unused_result));

#endif
