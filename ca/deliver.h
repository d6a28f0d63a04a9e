/* Handing certificates over. */
#ifndef CA_DELIVER_H
#define CA_DELIVER_H

#include "base/buf.h"
#include "base/sighting.h"
#include "ca/life.h"

/* Append the certificate of request id to out as PEM, and those above it from l->key (NULL: none);
 * the first time the request becomes delivered. Returns 0, -ERR_NOT_FOUND, -ERR_CLOSED (there is no
 * certificate, or it is withdrawn or has expired: e says which), or another, with e. */
int deliver(const struct life *l, const struct actor *who, struct str id, struct buf *out,
            struct err *e) __attribute__((warn_unused_result));

/* Append the CA's certificate and those above it to out as PEM. Returns 0 or -ERR_NOMEM with e. */
int deliver_chain(const struct life *l, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

/* A certificate was seen in use by who: from issued or delivered it becomes active. One that is not
 * known is no error. fingerprint: SHA-256, 32 octets. Returns 0 or a negative err_code with e. */
int deliver_seen(const struct life *l, const struct actor *who, struct str fingerprint,
                 struct err *e) __attribute__((warn_unused_result));

/* The same of n certificates that the proxy has let in, each by its own user from where it says; in
 * one transaction, if any of them is new. Returns 0 or a negative err_code with e. */
int deliver_sighted(const struct life *l, const struct sighting *v, size_t n, struct err *e)
    __attribute__((warn_unused_result));

#endif
