/* fuzz: auth/revoke
 * CRLs: the input as it is, taken apart by our walk and by OpenSSL, which must see the same entries
 * where both accept it; and then, if it parses, signed anew by a CA of our own, so that what
 * follows the signature is reached as well. Every serial of one that is taken is revoked, no other
 * is, and the same holds for the set once it was handed over. */
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "auth/revoke/crl.h"
#include "auth/revoke/crl_der.h"
#include "auth/revoke/crl_pack.h"
#include "base/mem.h"

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

static void demand_answer(const struct crl_set *s, X509_CRL *crl, const ASN1_INTEGER *serial)
{
    X509_REVOKED *found = NULL;
    bool listed = X509_CRL_get0_by_serial(crl, &found, (ASN1_INTEGER *)(uintptr_t)serial) != 0;
    demand(X509_set_serialNumber(leaf, (ASN1_INTEGER *)(uintptr_t)serial) == 1);
    demand((crl_set_ask(s, leaf, 0, 0, NULL) == CRL_REVOKED) == listed);
}

/* The number before serial, and its opposite. */
static void check_neighbours(const struct crl_set *s, X509_CRL *crl, const ASN1_INTEGER *serial)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    ASN1_INTEGER *other = ASN1_INTEGER_new();
    demand(number != NULL && other != NULL && BN_sub_word(number, 1) == 1);
    demand(BN_to_ASN1_INTEGER(number, other) != NULL);
    demand_answer(s, crl, other);
    BN_set_negative(number, BN_is_negative(number) == 0);
    demand(BN_to_ASN1_INTEGER(number, other) != NULL);
    demand_answer(s, crl, other);
    BN_free(number);
    ASN1_INTEGER_free(other);
}

static void check_serials(const struct crl_set *s, X509_CRL *crl)
{
    struct crl_info info = {.count = 0};
    STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl);
    int n = revoked != NULL ? sk_X509_REVOKED_num(revoked) : 0;
    demand(crl_set_at(s, 0, &info) && info.count == (size_t)n);
    for (int i = 0; i < n; i++) {
        const X509_REVOKED *r = sk_X509_REVOKED_value(revoked, i);
        demand_answer(s, crl, X509_REVOKED_get0_serialNumber(r));
        check_neighbours(s, crl, X509_REVOKED_get0_serialNumber(r));
    }
}

static void check_handed_over(const struct crl_set *s, X509_CRL *crl)
{
    struct derived *block = crl_pack(s, NULL);
    struct crl_set *there = block != NULL ? crl_unpack(block, NULL) : NULL;
    demand(there != NULL);
    derived_unref(block);
    check_serials(there, crl);
    crl_set_free(there);
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
        check_handed_over(s, crl);
    } else {
        demand(crl_set_empty(s));
    }
    crl_set_free(s);
    OPENSSL_free(der);
}

/* The i-th record is the serial of OpenSSL's i-th entry. */
static void check_records(const unsigned char *records, size_t width, size_t count,
                          STACK_OF(X509_REVOKED) * revoked)
{
    demand(count == (revoked != NULL ? (size_t)sk_X509_REVOKED_num(revoked) : 0));
    for (size_t i = 0; i < count; i++) {
        unsigned char der[CRL_SERIAL_MAX + 8];
        unsigned char record[CRL_SERIAL_MAX];
        unsigned char *end = der;
        const X509_REVOKED *r = sk_X509_REVOKED_value(revoked, (int)i);
        int n = i2d_ASN1_INTEGER(X509_REVOKED_get0_serialNumber(r), &end);
        demand(n > 2 && n <= (int)sizeof(der));
        demand(
            crl_serial_record((struct str){(const char *)der + 2, (size_t)n - 2}, record, width));
        demand(memcmp(record, records + i * width, width) == 0);
    }
}

/* What our walk takes, OpenSSL takes, and both see the same. */
static void compare_walks(const uint8_t *data, size_t size)
{
    struct crl_der c;
    size_t count = 0;
    size_t width = 0;
    if (crl_der_open((struct str){(const char *)data, size}, &c, NULL) != 0) {
        return;
    }
    const unsigned char *p = data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)size);
    int rc = crl_der_measure(&c, &count, &width, NULL);
    demand(rc != 0 || (crl != NULL && p == data + size));
    if (rc == 0) {
        unsigned char *records = mem_calloc(count > 0 ? count : 1, width);
        demand(records != NULL);
        crl_der_serials(&c, width, records);
        check_records(records, width, count, X509_CRL_get_REVOKED(crl));
        mem_free(records);
        demand(X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_CRL_get_issuer(c.frame)) == 0);
        demand(X509_CRL_get_ext_count(crl) == X509_CRL_get_ext_count(c.frame));
        demand(ASN1_STRING_cmp(X509_CRL_get0_lastUpdate(crl), X509_CRL_get0_lastUpdate(c.frame)) ==
               0);
    }
    X509_CRL_free(crl);
    crl_der_close(&c);
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
    compare_walks(data, size);
    const unsigned char *p = data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)size);
    if (crl != NULL) {
        add_signed(crl);
    }
    X509_CRL_free(crl);
    ERR_clear_error();
    return 0;
}
