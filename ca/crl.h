/* The revocation list (RFC 5280 5) that the CA gives out. */
#ifndef CA_CRL_H
#define CA_CRL_H

#include <stdbool.h>

#include <openssl/x509.h>

#include "base/buf.h"
#include "ca/life.h"

/* Make a new list if something was withdrawn or lifted since the last, or half of its life is over:
 * every certificate that is withdrawn and not past its end, with time and reason; the number is one
 * more than the last. life_ms: to its next update. *made: whether there is a new one. It is in the
 * database when this returns. Returns 0 or a negative err_code with e. */
int crl_renew(const struct life *l, uint32_t life_ms, bool *made, struct err *e)
    __attribute__((warn_unused_result));

/* Forget the last list if it is not signed by the CA's key of today: after a rotation the next
 * crl_renew() makes one, under a number from the beginning. Once, at the start. Returns 0 or a
 * negative err_code with e. */
int crl_drop_foreign(const struct life *l, struct err *e) __attribute__((warn_unused_result));

/* A list of all that is withdrawn here, signed by a CA of ours that issues no more: what it has
 * issued is among it, and serial numbers are never those of another. It is not kept; its number is
 * the time in seconds. life_ms: to its next update. Returns 0 with *out (X509_CRL_free), or a
 * negative err_code with e. */
int crl_make_former(const struct life *l, const struct ca_key *former, uint32_t life_ms,
                    X509_CRL **out, struct err *e) __attribute__((warn_unused_result));

enum crl_form { CRL_FORM_DER = 0, CRL_FORM_PEM };

/* Append the last list made to out. Returns 0, -ERR_NOT_FOUND (there was none yet), or another,
 * with e. */
int crl_read(const struct life *l, enum crl_form form, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

/* Put the last list, as PEM, in the place of the file at path, which keeps its mode (a new one:
 * 0640): readers find the old one or the new one. Returns 0 or a negative err_code with e. */
int crl_write(const struct life *l, const char *path, struct err *e)
    __attribute__((warn_unused_result));

#endif
