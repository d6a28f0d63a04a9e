/* CRLs: whose are taken, what they answer, and what they must not be mistaken for. */
#include <stdlib.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "auth/revoke/crl.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

#define NOW_MS (PKI_NOW_S * 1000)
#define HOUR_S INT64_C(3600)

static EVP_PKEY *key;
static EVP_PKEY *other_key;
static X509 *ca;
static X509 *same_name; /* another CA of the same name, with another key */
static X509 *no_sign;   /* a CA whose key usage does not allow CRLs */
static STACK_OF(X509) * cas;

static int add(struct crl_set *s, X509_CRL *crl)
{
    struct err e = {0};
    char *pem = pki_crl_pem(crl);
    int rc = crl_set_add(s, str_of(pem), cas, &e);
    assert_true((rc == 0) == (e.text[0] == '\0'));
    free(pem);
    X509_CRL_free(crl);
    return rc;
}

static X509 *leaf_of(X509 *issuer, EVP_PKEY *issuer_key, uint64_t serial)
{
    return pki_cert(&(struct pki_spec){.common_name = "x", .serial = serial}, key, issuer,
                    issuer_key);
}

/* Every one of many serials is found, and nothing between them. */
static void test_serials(void **state)
{
    (void)state;
    static const uint64_t serials[] = {
        1, 2, 0x7f, 0x80, 0xff, 0x100, 0x8000, 0xabcdef, 0xffffffff, 0x100000000, UINT64_MAX,
    };
    X509 *revoked[ROWS(serials)];
    for (size_t i = 0; i < ROWS(serials); i++) {
        revoked[ROWS(serials) - 1 - i] = leaf_of(ca, key, serials[i]);
    }
    struct crl_set *s = crl_set_new();
    assert_true(crl_set_empty(s));
    assert_int_equal(
        add(s, pki_crl(ca, key, PKI_NOW_S, PKI_NOW_S + HOUR_S, revoked, ROWS(serials))), 0);
    assert_false(crl_set_empty(s));
    assert_int_equal(crl_set_expiry_s(s), PKI_NOW_S + HOUR_S);
    for (size_t i = 0; i < ROWS(serials); i++) {
        assert_int_equal(crl_set_ask(s, revoked[i], NOW_MS, 0, NULL), CRL_REVOKED);
        X509_free(revoked[i]);
    }
    static const uint64_t good[] = {3, 0x7e, 0x81, 0x101, 0xabcdf0, 0xfffffffe, UINT64_MAX - 1};
    for (size_t i = 0; i < ROWS(good); i++) {
        X509 *leaf = leaf_of(ca, key, good[i]);
        assert_int_equal(crl_set_ask(s, leaf, NOW_MS, 0, NULL), CRL_GOOD);
        X509_free(leaf);
    }
    /* A serial longer than any listed, and one that ends like a listed one. */
    X509 *leaf = leaf_of(ca, key, 5);
    BIGNUM *wide = BN_new();
    assert_int_equal(BN_hex2bn(&wide, "0100000000000000000001"), 22);
    assert_non_null(BN_to_ASN1_INTEGER(wide, X509_get_serialNumber(leaf)));
    assert_int_equal(crl_set_ask(s, leaf, NOW_MS, 0, NULL), CRL_GOOD);
    /* And minus one is not one. */
    BN_one(wide);
    BN_set_negative(wide, 1);
    assert_non_null(BN_to_ASN1_INTEGER(wide, X509_get_serialNumber(leaf)));
    assert_int_equal(crl_set_ask(s, leaf, NOW_MS, 0, NULL), CRL_GOOD);
    BN_free(wide);
    X509_free(leaf);
    crl_set_free(s);
}

static void test_time(void **state)
{
    (void)state;
    X509 *bad = leaf_of(ca, key, 9);
    X509 *good = leaf_of(ca, key, 10);
    struct crl_set *s = crl_set_new();
    assert_int_equal(add(s, pki_crl(ca, key, PKI_NOW_S, PKI_NOW_S + HOUR_S, &bad, 1)), 0);
    static const struct {
        const char *says;
        int64_t ms;
        enum crl_answer answer;
    } rows[] = {
        {"before its time", NOW_MS - 1, CRL_EARLY},
        {"at its beginning", NOW_MS, CRL_GOOD},
        {"shortly before the next", NOW_MS + HOUR_S * 1000 - 1, CRL_GOOD},
        {"when the next is due", NOW_MS + HOUR_S * 1000, CRL_EXPIRED},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        int64_t until = -1;
        CHECK_ROW(rows[i].says, crl_set_ask(s, good, rows[i].ms, 0, &until) == rows[i].answer);
        CHECK_ROW(rows[i].says, until == (rows[i].answer == CRL_GOOD ? NOW_MS + HOUR_S * 1000 : 0));
        CHECK_ROW(rows[i].says, crl_set_ask(s, bad, rows[i].ms, 0, NULL) == CRL_REVOKED);
    }
    /* With a minute of grace. */
    int64_t until = 0;
    int64_t end_ms = NOW_MS + HOUR_S * 1000 + 60000;
    assert_int_equal(crl_set_ask(s, good, end_ms - 1, 60000, &until), CRL_GOOD);
    assert_int_equal(until, end_ms);
    assert_int_equal(crl_set_ask(s, good, end_ms, 60000, NULL), CRL_EXPIRED);
    assert_int_equal(crl_set_ask(s, good, NOW_MS - 1, 60000, NULL), CRL_EARLY);
    crl_set_free(s);
    X509_free(bad);
    X509_free(good);
}

static void test_later_counts(void **state)
{
    (void)state;
    X509 *leaf = leaf_of(ca, key, 9);
    for (int order = 0; order < 2; order++) {
        struct crl_set *s = crl_set_new();
        X509_CRL *old = pki_crl(ca, key, PKI_NOW_S - HOUR_S, PKI_NOW_S + HOUR_S, NULL, 0);
        X509_CRL *new = pki_crl(ca, key, PKI_NOW_S, PKI_NOW_S + HOUR_S, &leaf, 1);
        assert_int_equal(add(s, order == 0 ? old : new), 0);
        assert_int_equal(add(s, order == 0 ? new : old), 0);
        assert_int_equal(crl_set_ask(s, leaf, NOW_MS, 0, NULL), CRL_REVOKED);
        crl_set_free(s);
    }
    X509_free(leaf);
}

/* Two CAs with one name: each speaks for its own certificates. */
static void test_same_name(void **state)
{
    (void)state;
    X509 *of_ca = leaf_of(ca, key, 20);
    X509 *of_other = leaf_of(same_name, other_key, 21);
    X509 *stranger = leaf_of(no_sign, key, 22);
    struct crl_set *s = crl_set_new();
    assert_int_equal(crl_set_ask(s, of_ca, NOW_MS, 0, NULL), CRL_UNKNOWN_ISSUER);
    assert_int_equal(add(s, pki_crl(ca, key, PKI_NOW_S, PKI_NOW_S + HOUR_S, NULL, 0)), 0);
    assert_int_equal(crl_set_ask(s, of_ca, NOW_MS, 0, NULL), CRL_GOOD);
    assert_int_equal(crl_set_ask(s, of_other, NOW_MS, 0, NULL), CRL_UNKNOWN_ISSUER);
    assert_int_equal(crl_set_ask(s, stranger, NOW_MS, 0, NULL), CRL_UNKNOWN_ISSUER);
    /* A later one by the other key does not replace the first. */
    assert_int_equal(
        add(s, pki_crl(same_name, other_key, PKI_NOW_S + 1, PKI_NOW_S + HOUR_S, &of_other, 1)), 0);
    assert_int_equal(crl_set_ask(s, of_ca, NOW_MS + 1000, 0, NULL), CRL_GOOD);
    assert_int_equal(crl_set_ask(s, of_other, NOW_MS + 1000, 0, NULL), CRL_REVOKED);
    crl_set_free(s);
    X509_free(of_ca);
    X509_free(of_other);
    X509_free(stranger);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct pki_extension delta[] = {{NID_delta_crl, "critical,DER:02:01:01"}};
    static const struct pki_extension idp[] = {
        {NID_issuing_distribution_point, "critical,onlyuser:TRUE"}};
    static const struct pki_extension indirect[] = {
        {NID_issuing_distribution_point, "critical,indirectCRL:TRUE"}};
    static const struct pki_extension unknown[] = {{NID_netscape_comment, "critical,x"}};
    static const struct pki_extension number[] = {{NID_crl_number, "DER:02:01:07"}};
    EVP_PKEY *stranger = pki_key();
    int64_t next = PKI_NOW_S + HOUR_S;
    const struct {
        const char *says;
        X509_CRL *crl;
        int rc;
    } rows[] = {
        {"by another key", pki_crl(ca, stranger, PKI_NOW_S, next, NULL, 0), -ERR_DENIED},
        {"by a CA that may not", pki_crl(no_sign, key, PKI_NOW_S, next, NULL, 0), -ERR_DENIED},
        {"without nextUpdate", pki_crl(ca, key, PKI_NOW_S, 0, NULL, 0), -ERR_MALFORMED},
        {"a delta", pki_crl_with(ca, key, PKI_NOW_S, next, delta, 1), -ERR_UNSUPPORTED},
        {"a part", pki_crl_with(ca, key, PKI_NOW_S, next, idp, 1), -ERR_UNSUPPORTED},
        {"indirect", pki_crl_with(ca, key, PKI_NOW_S, next, indirect, 1), -ERR_UNSUPPORTED},
        {"unknown", pki_crl_with(ca, key, PKI_NOW_S, next, unknown, 1), -ERR_UNSUPPORTED},
        {"with a number: fine", pki_crl_with(ca, key, PKI_NOW_S, next, number, 1), 0},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct crl_set *s = crl_set_new();
        CHECK_ROW(rows[i].says, add(s, rows[i].crl) == rows[i].rc);
        CHECK_ROW(rows[i].says, crl_set_empty(s) == (rows[i].rc != 0));
        crl_set_free(s);
    }
    EVP_PKEY_free(stranger);
}

/* An entry with an extension that changes what it means makes the CRL unfit; a reason does not. */
static void test_entry_extensions(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *value;
        int nid;
        int rc;
    } rows[] = {
        {"unknown and critical", "critical,x", NID_netscape_comment, -ERR_UNSUPPORTED},
        {"unknown", "x", NID_netscape_comment, 0},
        {"of another issuer", "DER:30:03:82:01:61", NID_certificate_issuer, -ERR_UNSUPPORTED},
        {"on hold", "critical,DER:0a:01:06", NID_crl_reason, 0},
        {"removed, which only a delta may say", "DER:0a:01:08", NID_crl_reason, 0},
    };
    X509 *leaf = leaf_of(ca, key, 9);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct crl_set *s = crl_set_new();
        X509_CRL *crl = pki_crl(ca, key, PKI_NOW_S, PKI_NOW_S + HOUR_S, &leaf, 1);
        X509_REVOKED *entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0);
        X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, rows[i].nid, rows[i].value);
        CHECK_ROW(rows[i].says, x != NULL && X509_REVOKED_add_ext(entry, x, -1) == 1);
        CHECK_ROW(rows[i].says, X509_CRL_sign(crl, key, EVP_sha256()) > 0);
        CHECK_ROW(rows[i].says, add(s, crl) == rows[i].rc);
        CHECK_ROW(rows[i].says,
                  (crl_set_ask(s, leaf, NOW_MS, 0, NULL) == CRL_REVOKED) == (rows[i].rc == 0));
        X509_EXTENSION_free(x);
        crl_set_free(s);
    }
    X509_free(leaf);
}

static void test_forms(void **state)
{
    (void)state;
    X509_CRL *crl = pki_crl(ca, key, PKI_NOW_S, PKI_NOW_S + HOUR_S, NULL, 0);
    X509_CRL *second = pki_crl(same_name, other_key, PKI_NOW_S, PKI_NOW_S + 60, NULL, 0);
    char *pem = pki_crl_pem(crl);
    char *second_pem = pki_crl_pem(second);
    char *ca_pem = pki_cert_pem(ca);
    unsigned char *der = NULL;
    int der_n = i2d_X509_CRL(crl, &der);
    char both[8192];
    char damaged[8192];
    char trailing[8192];
    assert_true(der_n > 0 && der_n < 8000);
    (void)snprintf(both, sizeof(both), "%s\ncomment\n%s", pem, second_pem);
    (void)snprintf(damaged, sizeof(damaged), "%s%s", pem, second_pem);
    damaged[strlen(pem) + 60] = '!';
    memcpy(trailing, der, (size_t)der_n);
    trailing[der_n] = 0;
    const struct {
        const char *says;
        struct str text;
        int rc;
    } rows[] = {
        {"PEM", str_of(pem), 0},
        {"DER", {(const char *)der, (size_t)der_n}, 0},
        {"two in PEM", str_of(both), 0},
        {"the second is damaged", str_of(damaged), -ERR_MALFORMED},
        {"nothing", STR(""), -ERR_MALFORMED},
        {"junk", STR("junk"), -ERR_MALFORMED},
        {"a certificate", str_of(ca_pem), -ERR_MALFORMED},
        {"DER cut short", {(const char *)der, (size_t)der_n - 1}, -ERR_MALFORMED},
        {"DER and more", {trailing, (size_t)der_n + 1}, -ERR_MALFORMED},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct crl_set *s = crl_set_new();
        struct err e = {0};
        CHECK_ROW(rows[i].says, crl_set_add(s, rows[i].text, cas, &e) == rows[i].rc);
        if (i == 2) {
            assert_int_equal(crl_set_expiry_s(s), PKI_NOW_S + 60);
        }
        crl_set_free(s);
    }
    struct crl_set *empty = crl_set_new();
    assert_true(crl_set_expiry_s(empty) == INT64_MAX);
    crl_set_free(empty);
    crl_set_free(NULL);
    OPENSSL_free(der);
    free(pem);
    free(second_pem);
    free(ca_pem);
    X509_CRL_free(crl);
    X509_CRL_free(second);
}

static void test_memory(void **state)
{
    (void)state;
    X509 *leaf = leaf_of(ca, key, 9);
    X509_CRL *crl = pki_crl(ca, key, PKI_NOW_S, PKI_NOW_S + HOUR_S, &leaf, 1);
    char *pem = pki_crl_pem(crl);
    for (unsigned long nth = 1; nth <= 4; nth++) {
        struct crl_set *s = crl_set_new();
        mem_fail_after(nth, false);
        assert_int_equal(crl_set_add(s, str_of(pem), cas, NULL), -ERR_NOMEM);
        mem_fail_after(0, false);
        assert_true(crl_set_empty(s));
        crl_set_free(s);
    }
    for (unsigned long nth = 1; nth <= 5; nth++) { /* the last is for the list itself */
        struct crl_set *s = crl_set_new();
        crl_set_keep_der(s);
        mem_fail_after(nth, false);
        assert_int_equal(crl_set_add(s, str_of(pem), cas, NULL), -ERR_NOMEM);
        mem_fail_after(0, false);
        assert_true(crl_set_empty(s));
        crl_set_free(s);
    }
    mem_fail_after(1, false);
    assert_null(crl_set_new());
    mem_fail_after(0, false);
    free(pem);
    X509_CRL_free(crl);
    X509_free(leaf);
}

static int set_up(void **state)
{
    (void)state;
    key = pki_key();
    other_key = pki_key();
    ca = pki_ca("CA", key);
    same_name = pki_ca("CA", other_key);
    no_sign = pki_cert(
        &(struct pki_spec){.common_name = "No", .ca = true, .usage = "critical,keyCertSign"}, key,
        NULL, NULL);
    cas = sk_X509_new_null();
    assert_true(sk_X509_push(cas, ca) == 1 && sk_X509_push(cas, same_name) == 2 &&
                sk_X509_push(cas, no_sign) == 3);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sk_X509_pop_free(cas, X509_free);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serials),      cmocka_unit_test(test_time),
        cmocka_unit_test(test_later_counts), cmocka_unit_test(test_same_name),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_entry_extensions),
        cmocka_unit_test(test_forms),        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
