/* The revocation list (RFC 5280 5) that the CA gives out. */
#ifndef CA_CRL_H
#define CA_CRL_H

#include <stdbool.h>

#include "base/buf.h"
#include "ca/life.h"

/* Make a new list if something was withdrawn or lifted since the last, or half of its life is over:
 * every certificate that is withdrawn and not past its end, with time and reason; the number is one
 * more than the last. life_ms: to its next update. *made: whether there is a new one. It is in the
 * database when this returns. Returns 0 or a negative err_code with e. */
int crl_renew(const struct life *l, uint32_t life_ms, bool *made, struct err *e)
    __attribute__((warn_unused_result));

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
