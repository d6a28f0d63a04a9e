/* Revocation lists in OpenSSL's store, for who wants them asked there as well (tuning.own_lists):
 * to see what that costs, and that OpenSSL says the same. What our own sets say is asked in any
 * case, and what they refuse stays refused for their reason; OpenSSL can only add refusals.
 *
 * Dates of lists are left to our own sets, which know crl_grace and insecure_expired_crl. Private
 * to auth. Loop thread. */
#ifndef AUTH_OPENSSL_LISTS_H
#define AUTH_OPENSSL_LISTS_H

#include <stdbool.h>

#include <openssl/x509.h>

#include "auth/revoke/crl.h"

/* What OpenSSL said against a chain that it verifies. Cleared: nothing. */
struct openssl_lists {
    int error; /* X509_V_ERR_CERT_REVOKED or _UNABLE_TO_GET_CRL; X509_V_OK: nothing */
    int depth; /* of which certificate; the leaf is 0 */
};

/* Put every list of s into store; s must hold them whole (crl_set_keep_der()). Returns 0 or a
 * negative err_code with e. */
int openssl_lists_fill(X509_STORE *store, const struct crl_set *s, struct err *e)
    __attribute__((warn_unused_result));

/* Before X509_verify_cert(ctx): have lists asked, about the leaf alone or the whole chain, and what
 * they say noted in *out, which must be cleared and live as long as ctx. False without memory. */
bool openssl_lists_begin(X509_STORE_CTX *ctx, bool leaf_only, struct openssl_lists *out)
    __attribute__((warn_unused_result));

/* In the verification's callback: true if the error of ctx is about a list. Then it is noted, and
 * the verification may go on: openssl_lists_said() has the last word. */
bool openssl_lists_note(X509_STORE_CTX *ctx);

/* What is to be held against the first n certificates of the chain; X509_V_OK: nothing. */
int openssl_lists_said(const struct openssl_lists *l, int n);

#endif
