/* The CRLs in a PEM text. Private to auth/revoke and its tests. Pure, any thread. */
#ifndef AUTH_REVOKE_CRL_PEM_H
#define AUTH_REVOKE_CRL_PEM_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

/* True if text holds PEM of any kind. */
bool crl_pem_is(struct str text);

/* Decode the next CRL in *rest (RFC 7468; other kinds and texts between are skipped) and take it
 * off *rest. *der is the caller's, for mem_free(); its p is NULL if there is none left. *rest is
 * at most INT32_MAX octets. Returns 0; -ERR_MALFORMED or -ERR_NOMEM with e. */
int crl_pem_next(struct str *rest, struct str *der, struct err *e)
    __attribute__((warn_unused_result));

#endif
