/* OCSP (RFC 6960): the question about a certificate as a message for the helper, the request that
 * it sends, and what its answer is worth. Pure: sends nothing. */
#ifndef AUTH_REVOKE_OCSP_H
#define AUTH_REVOKE_OCSP_H

#include <openssl/ocsp.h>
#include <openssl/x509.h>

#include "auth/revoke/ocsp_table.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/model.h"

#define OCSP_QUESTION_MAX 32768 /* octets of a question */
#define OCSP_URL_MAX      512

/* One question. */
struct ocsp_question {
    X509 *leaf;   /* owned */
    X509 *issuer; /* owned */
    unsigned char key[OCSP_KEY];
    char url[OCSP_URL_MAX + 1]; /* of the responder; "" if none is known */
    uint32_t timeout_ms;
    uint32_t keep_min_s;
    uint32_t keep_max_s;
};

/* SHA-256 of cert. Returns 0 or -ERR_CRYPTO. */
int ocsp_key(const X509 *cert, unsigned char key[OCSP_KEY]) __attribute__((warn_unused_result));

/* Write the question about leaf, which issuer issued, as rule says, into out. Returns its octets; 0
 * if it does not fit. */
size_t ocsp_question_write(X509 *leaf, X509 *issuer, const struct conf_ocsp *rule,
                           unsigned char out[OCSP_QUESTION_MAX]);

/* Read what ocsp_question_write() wrote; the responder is that of the rule, or the first http one
 * of the certificate. Returns 0, or -ERR_MALFORMED and out is cleared. */
int ocsp_question_read(struct str message, struct ocsp_question *out)
    __attribute__((warn_unused_result));

void ocsp_question_release(struct ocsp_question *q);

/* The request for q (no nonce: responders answer from what they have signed before); NULL without
 * memory. The caller frees it. */
OCSP_REQUEST *ocsp_request(const struct ocsp_question *q);

/* What response says about q at now_s. It must be signed by the issuer, or by a certificate that
 * the issuer has issued for OCSP signing, be about this certificate, and be current. Returns 0 with
 * *out, or -ERR_DENIED with e (a response that must not be used). */
int ocsp_judge(const struct ocsp_question *q, OCSP_RESPONSE *response, int64_t now_s,
               struct ocsp_entry *out, struct err *e) __attribute__((warn_unused_result));

/* Make of said what is to be kept where known is known already. An older answer, as one of several
 * responders may give, changes no status; a revocation ends only with a newer answer that says
 * "good". So an answer that somebody kept cannot undo one. False: said must not be used. */
bool ocsp_reconcile(const struct ocsp_entry *known, struct ocsp_entry *said);

#endif
