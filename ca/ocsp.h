/* The OCSP responder (RFC 6960) for those who are not our proxies. It signs with the key of the CA
 * that issued what is asked about: the present one's, or a former one's that is still here. */
#ifndef CA_OCSP_H
#define CA_OCSP_H

#include "base/buf.h"
#include "ca/life.h"

#define OCSP_LIFE_S    INT64_C(300) /* how long an answer is good */
#define OCSP_ASKED_MAX 16           /* certificates in one question */

/* Append the DER of an OCSPResponse to the DER of an OCSPRequest to out: good, revoked (since when
 * and why), or unknown for each certificate asked about; a nonce of at most 32 octets is given back
 * (RFC 8954). A question that cannot be read or asks about more than OCSP_ASKED_MAX gets an answer
 * that says so; one about a former CA whose key is not here, "unauthorized". Of what another CA
 * than the first of ours that is asked about has issued, the answer says "unknown". Returns 0, or a
 * negative err_code with e if there is no answer at all. */
int ocsp_answer(const struct life *l, struct str question, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
