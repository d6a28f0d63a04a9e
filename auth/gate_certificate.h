/* The gate's first two steps: what the certificate of the connection lets through, before anything
 * that came with the request is looked at. Looks nothing up in the store. Loop thread. */
#ifndef AUTH_GATE_CERTIFICATE_H
#define AUTH_GATE_CERTIFICATE_H

#include <stdbool.h>

#include "auth/gate_question.h"
#include "base/reason.h"

/* True if the peer showed a certificate that was accepted. */
static inline bool gate_certificate_shown(const struct gate_question *q)
{
    return q->peer->certificate == REASON_OK;
}

/* The SHA-256 of that certificate, borrowed from the question; NULL: none was shown. */
static inline const unsigned char *gate_certificate_digest(const struct gate_question *q)
{
    return gate_certificate_shown(q) ? q->peer->identity->digest : NULL;
}

/* Step "certificate": one that was not accepted is refused, and so is having none where site or
 * route ask for one, and naming nobody where the name counts. REASON_OK, or why not. */
enum reason gate_certificate_accepted(const struct gate_question *q);

/* Step "withdrawal": whether it still stands, by the deny list in force, its own dates and the term
 * of its verdict. REASON_OK, also where none was shown, or why not. */
enum reason gate_certificate_stands(const struct gate_question *q);

/* True if the route lets the peer through by its certificate, or without anything. */
bool gate_certificate_suffices(const struct gate_question *q);

/* What is withdrawn now; NULL: nothing. */
static inline const struct deny *gate_certificate_deny(const struct gate_question *q)
{
    return q->deny != NULL ? *q->deny : NULL;
}

#endif
