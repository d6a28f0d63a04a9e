/* Owns: fields and extensions of a list and of its entries. */
#include "ca/crl_form.h"

#include <openssl/x509v3.h>

#include "ca/certificate.h"

/* Codes are those of RFC 5280; unspecified is told by leaving the extension out. */
static bool add_reason(X509_REVOKED *r, int reason)
{
    if (reason <= 0) {
        return true;
    }
    ASN1_ENUMERATED *code = ASN1_ENUMERATED_new();
    bool ok = code != NULL && ASN1_ENUMERATED_set(code, reason) == 1 &&
              X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, code, 0, 0) == 1;
    ASN1_ENUMERATED_free(code);
    return ok;
}

bool crl_form_add(X509_CRL *crl, const ASN1_INTEGER *serial, int64_t at_ms, int reason)
{
    X509_REVOKED *r = X509_REVOKED_new();
    ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)(at_ms / 1000));
    bool ok = r != NULL && at != NULL &&
              X509_REVOKED_set_serialNumber(r, (ASN1_INTEGER *)(uintptr_t)serial) == 1 &&
              X509_REVOKED_set_revocationDate(r, at) == 1 && add_reason(r, reason) &&
              X509_CRL_add0_revoked(crl, r) == 1;
    if (!ok) {
        X509_REVOKED_free(r);
    }
    ASN1_TIME_free(at);
    return ok;
}

static bool set_extensions(X509_CRL *crl, X509 *issuer, int64_t number)
{
    ASN1_INTEGER *value = ASN1_INTEGER_new();
    bool ok = value != NULL && ASN1_INTEGER_set_int64(value, number) == 1 &&
              X509_CRL_add1_ext_i2d(crl, NID_crl_number, value, 0, 0) == 1 &&
              certificate_add_authority(NULL, crl, issuer);
    ASN1_INTEGER_free(value);
    return ok;
}

static bool set_times(X509_CRL *crl, int64_t this_ms, int64_t next_ms)
{
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)(this_ms / 1000));
    ASN1_TIME *to = ASN1_TIME_set(NULL, (time_t)(next_ms / 1000));
    bool ok = from != NULL && to != NULL && X509_CRL_set1_lastUpdate(crl, from) == 1 &&
              X509_CRL_set1_nextUpdate(crl, to) == 1;
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return ok;
}

X509_CRL *crl_form_new(X509 *issuer, int64_t number, int64_t this_ms, int64_t next_ms)
{
    X509_CRL *crl = X509_CRL_new();
    if (crl != NULL && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) == 1 &&
        set_times(crl, this_ms, next_ms) && set_extensions(crl, issuer, number)) {
        return crl;
    }
    X509_CRL_free(crl);
    return NULL;
}

bool crl_form_sign(X509_CRL *crl, EVP_PKEY *key)
{
    return X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, key, certificate_digest(key)) > 0;
}
