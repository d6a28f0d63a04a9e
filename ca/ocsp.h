/* The OCSP responder (RFC 6960) for those who are not our proxies. It signs with the CA's own key.
 */
#ifndef CA_OCSP_H
#define CA_OCSP_H

#include "base/buf.h"
#include "ca/life.h"

#define OCSP_LIFE_S    INT64_C(300) /* how long an answer is good */
#define OCSP_ASKED_MAX 16           /* certificates in one question */

/* Append the DER of an OCSPResponse to the DER of an OCSPRequest to out: good, revoked (since when
 * and why), or unknown for each certificate asked about; a nonce of at most 32 octets is given back
 * (RFC 8954). A question that cannot be read, asks about more than OCSP_ASKED_MAX, or about another
 * CA's certificates, gets an answer that says so. Returns 0, or a negative err_code with e if there
 * is no answer at all. */
int ocsp_answer(const struct life *l, struct str question, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
