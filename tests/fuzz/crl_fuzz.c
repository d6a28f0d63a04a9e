/* fuzz: auth/revoke
 * CRLs: the input as it is, and then, if it parses, signed anew by a CA of our own, so that what
 * follows the signature is reached as well. Every serial of one that is taken is revoked. */
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "auth/revoke/crl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static EVP_PKEY *key;
static X509 *ca;
static X509 *leaf;
static STACK_OF(X509) * cas;

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static X509 *make(void)
{
    X509 *x = X509_new();
    demand(x != NULL && X509_set_version(x, X509_VERSION_3) == 1);
    demand(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                      (const unsigned char *)"CA", -1, -1, 0) == 1);
    demand(X509_set_issuer_name(x, X509_get_subject_name(x)) == 1);
    demand(X509_set_pubkey(x, key) == 1);
    return x;
}

static void set_up(void)
{
    key = EVP_EC_gen("P-256");
    demand(key != NULL);
    ca = make();
    leaf = make();
    cas = sk_X509_new_null();
    demand(cas != NULL && sk_X509_push(cas, ca) > 0);
}

static void check_serials(const struct crl_set *s, X509_CRL *crl)
{
    STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl);
    for (int i = 0; i < sk_X509_REVOKED_num(revoked); i++) {
        const X509_REVOKED *r = sk_X509_REVOKED_value(revoked, i);
        demand(X509_set_serialNumber(
                   leaf, (ASN1_INTEGER *)(uintptr_t)X509_REVOKED_get0_serialNumber(r)) == 1);
        demand(crl_set_ask(s, leaf, 0, NULL) == CRL_REVOKED);
    }
}

static void add_signed(X509_CRL *crl)
{
    unsigned char *der = NULL;
    if (X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca)) != 1 ||
        X509_CRL_sign(crl, key, EVP_sha256()) <= 0) {
        return;
    }
    int n = i2d_X509_CRL(crl, &der);
    struct crl_set *s = crl_set_new();
    struct err e = {0};
    demand(s != NULL);
    if (n > 0 && crl_set_add(s, (struct str){(const char *)der, (size_t)n}, cas, &e) == 0) {
        demand(!crl_set_empty(s) && crl_set_expiry_s(s) < INT64_MAX);
        check_serials(s, crl);
    } else {
        demand(crl_set_empty(s));
    }
    crl_set_free(s);
    OPENSSL_free(der);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (cas == NULL) {
        set_up();
    }
    struct crl_set *s = crl_set_new();
    struct err e = {0};
    demand(s != NULL);
    demand(crl_set_add(s, (struct str){(const char *)data, size}, cas, &e) != 0);
    demand(crl_set_empty(s) && e.text[0] != '\0');
    crl_set_free(s);
    const unsigned char *p = data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)size);
    if (crl != NULL) {
        add_signed(crl);
    }
    X509_CRL_free(crl);
    ERR_clear_error();
    return 0;
}
