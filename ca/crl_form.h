/* The form of a revocation list (RFC 5280 5): what stands in it and how it is signed. Which
 * certificates are in it is for crl.h and root_crl.h. Private to ca. */
#ifndef CA_CRL_FORM_H
#define CA_CRL_FORM_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

/* An empty list of issuer with its number and its times, in milliseconds of the wall clock since
 * 1970; X509_CRL_free(). NULL if the library cannot. */
X509_CRL *crl_form_new(X509 *issuer, int64_t number, int64_t this_ms, int64_t next_ms);

/* Put a certificate in: since when, and the code of RFC 5280 5.3.1 (0: left out). */
bool crl_form_add(X509_CRL *crl, const ASN1_INTEGER *serial, int64_t at_ms, int reason)
    __attribute__((warn_unused_result));

/* Order it and sign it. */
bool crl_form_sign(X509_CRL *crl, EVP_PKEY *key) __attribute__((warn_unused_result));

#endif
