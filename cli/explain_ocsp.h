/* What an OCSP responder would say to "countersign explain": nobody is asked, the answer is one
 * that was given. */
#ifndef CLI_EXPLAIN_OCSP_H
#define CLI_EXPLAIN_OCSP_H

#include "auth/revoke/ocsp.h"
#include "auth/revoke/ocsp_desk.h"

struct explain_ocsp {
    struct ocsp_desk desk; /* for trust_use_ocsp() */
    struct ocsp_table *table;
    enum ocsp_status answer;
    bool asked;
    char url[OCSP_URL_MAX + 1]; /* of the responder that a worker would ask; "": none is known */
};

/* The answer of that name: none (also NULL), good, revoked, unknown. False if there is no such. */
bool explain_ocsp_answer(const char *name, enum ocsp_status *out);

/* Prepare x to say answer about leaf. Returns 0 or a negative err_code; explain_ocsp_fini() in any
 * case. */
int explain_ocsp_init(struct explain_ocsp *x, X509 *leaf, enum ocsp_status answer);

/* A line of what was asked by rule into out: after the certificate was judged. */
int explain_ocsp_render(const struct explain_ocsp *x, const struct conf_ocsp *rule,
                        struct buf *out);

/* A zeroed one is fine. */
void explain_ocsp_fini(struct explain_ocsp *x);

#endif
