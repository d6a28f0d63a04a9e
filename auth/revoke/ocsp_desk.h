/* A worker's view of OCSP: looks up what is known, and has questions sent without waiting. */
#ifndef AUTH_REVOKE_OCSP_DESK_H
#define AUTH_REVOKE_OCSP_DESK_H

#include <openssl/x509.h>

#include "auth/revoke/ocsp_table.h"
#include "base/str.h"
#include "conf/model.h"

struct ocsp_desk {
    const struct ocsp_table *table;
    /* Send a question to the helper, or drop it if that would have to wait. */
    void (*send)(void *arg, struct str question);
    void *arg;
    /* What was sent lately, so that a busy connection asks once a second. */
    struct {
        unsigned char key[OCSP_KEY];
        int64_t at_ms;
    } sent[64];
};

/* What is known about leaf at wall_ms: NONE also for what has ended. issuer (NULL: not at hand)
 * issued it; with it, what is not known or no longer fresh is asked about, as rule says. */
enum ocsp_status ocsp_desk_ask(struct ocsp_desk *d, X509 *leaf, X509 *issuer,
                               const struct conf_ocsp *rule, int64_t wall_ms);

#endif
