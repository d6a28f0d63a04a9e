/* Owns: serial numbers, names, dates and signatures of what is built here. */
#include "ca/certificate.h"

#include <stdio.h>

#include <openssl/bn.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "auth/revoke/asn1time.h"
#include "ca/library.h"

int certificate_failed(struct err *e, const char *what)
{
    char words[96];
    (void)snprintf(words, sizeof(words), "the library cannot make %s", what);
    return library_failed(e, ERR_CRYPTO, words);
}

int certificate_serial(unsigned char serial[CERTIFICATE_SERIAL_OCTETS])
{
    if (RAND_bytes(serial, CERTIFICATE_SERIAL_OCTETS) != 1) {
        return -ERR_CRYPTO;
    }
    /* Positive, and always of the full length, so that no two print alike. */
    serial[0] = (unsigned char)((serial[0] & 0x3fU) | 0x40U);
    return 0;
}

bool certificate_set_serial(X509 *x, const unsigned char serial[CERTIFICATE_SERIAL_OCTETS])
{
    BIGNUM *number = BN_bin2bn(serial, CERTIFICATE_SERIAL_OCTETS, NULL);
    bool ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;
    BN_free(number);
    return ok;
}

static bool add_text(X509_NAME *name, int nid, struct str text)
{
    return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)text.p,
                                      (int)text.n, -1, 0) == 1;
}

bool certificate_fill_name(X509_NAME *name, struct str company, struct str common_name)
{
    return (company.n == 0 || add_text(name, NID_organizationName, company)) &&
           add_text(name, NID_commonName, common_name);
}

bool certificate_set_subject(X509 *x, struct str company, struct str name)
{
    return certificate_fill_name(X509_get_subject_name(x), company, name);
}

int certificate_set_time(X509 *x, const X509 *issuer, const struct certificate_time *t,
                         struct err *e)
{
    int64_t first_s = t->from_s;
    int64_t last_s = t->to_s;
    if (issuer != NULL && (!asn1time_seconds(X509_get0_notBefore(issuer), &first_s) ||
                           !asn1time_seconds(X509_get0_notAfter(issuer), &last_s))) {
        return certificate_failed(e, "a certificate under this CA");
    }
    if (t->now_s < first_s || t->now_s >= last_s) {
        return err_set(e, ERR_DENIED, "the CA's own certificate is not in its time");
    }
    int64_t from_s = t->from_s < first_s ? first_s : t->from_s;
    int64_t to_s = t->to_s > last_s ? last_s : t->to_s;
    return ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from_s) != NULL &&
                   ASN1_TIME_set(X509_getm_notAfter(x), (time_t)to_s) != NULL
               ? 0
               : certificate_failed(e, "a certificate");
}

bool certificate_add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool ok = extension != NULL && X509_add_ext(x, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

bool certificate_add_authority(X509 *x, X509_CRL *crl, X509 *issuer)
{
    X509V3_CTX context;
    bool own = x != NULL && issuer == x;
    const char *value =
        own || X509_get0_subject_key_id(issuer) != NULL ? "keyid:always" : "issuer:always";
    X509V3_set_ctx(&context, issuer, x, NULL, crl, 0);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, value);
    bool ok = extension != NULL && (x != NULL ? X509_add_ext(x, extension, -1)
                                              : X509_CRL_add_ext(crl, extension, -1)) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

int certificate_is_issued(X509 *issuer, X509 *x)
{
    int verdict = X509_check_issued(issuer, x);
    if (verdict == X509_V_ERR_UNSPECIFIED || verdict == X509_V_ERR_OUT_OF_MEM) {
        return -ERR_CRYPTO;
    }
    return verdict == X509_V_OK ? 1 : 0;
}

const EVP_MD *certificate_digest(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "ED25519")) {
        return NULL;
    }
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
}

bool certificate_sign(X509 *x, EVP_PKEY *key)
{
    return X509_sign(x, key, certificate_digest(key)) > 0;
}
