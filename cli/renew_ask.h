/* Asking for a certificate by EST (RFC 7030) with the present one. */
#ifndef CLI_RENEW_ASK_H
#define CLI_RENEW_ASK_H

#include <openssl/x509.h>

#include "base/err.h"
#include "ca/web.h"

/* Whom to ask; borrowed. */
struct renew_server {
    struct web_self self;
    const char *url;     /* https://HOST[:PORT] */
    const char *profile; /* the label in the path; NULL: none */
};

enum renew_answer {
    RENEW_ANSWER_ISSUED = 0,
    RENEW_ANSWER_WAITS,   /* operators are asked */
    RENEW_ANSWER_REFUSED, /* the same again gets the same answer */
    RENEW_ANSWER_FAILED,  /* no answer, or a trouble that passes */
};

/* Ask for a certificate for key with the subject of old. ISSUED: *came holds what came, one
 * certificate at least (sk_X509_pop_free). Otherwise e says why in the server's own words, and
 * *retry_after_s when it wants to be asked again (0: it did not say). */
enum renew_answer renew_ask(const struct renew_server *s, X509 *old, EVP_PKEY *key,
                            STACK_OF(X509) * *came, uint32_t *retry_after_s, struct err *e);

/* Ask for nothing (csrattrs), to see whether the server is there and lets us in. Returns as
 * renew_ask(), ISSUED if it does. */
enum renew_answer renew_ask_nothing(const struct renew_server *s, struct err *e);

#endif
