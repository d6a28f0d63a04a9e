/* The revocation list: what is on it, when there is a new one, and that it is ours. */
#include <openssl/x509v3.h>

#include "ca/crl.h"
#include "ca/withdraw.h"
#include "tests/unit/ca/ca_lab.h"

#define LIFE_MS 3600000

static const struct actor root = {{"local:root", 10}, {"local", 5}};

static bool renew(struct ca_lab *lab)
{
    bool made = false;
    struct err e = {0};
    assert_int_equal(crl_renew(&lab->life, LIFE_MS, &made, &e), 0);
    return made;
}

static X509_CRL *read_list(struct ca_lab *lab)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(crl_read(&lab->life, CRL_FORM_DER, &out, NULL), 0);
    struct str der = buf_str(&out);
    const unsigned char *p = (const unsigned char *)der.p;
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.n);
    assert_non_null(crl);
    assert_ptr_equal(p, (const unsigned char *)der.p + der.n);
    buf_release(&out);
    return crl;
}

static int64_t number_of(X509_CRL *crl)
{
    int64_t n = 0;
    ASN1_INTEGER *value = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    assert_int_equal(ASN1_INTEGER_get_int64(&n, value), 1);
    ASN1_INTEGER_free(value);
    return n;
}

static void test_none_yet(void **state)
{
    (void)state;
    struct ca_lab lab;
    struct buf out;
    char path[TMPDIR_PATH_MAX];
    lab_open(&lab);
    buf_init(&out, 1 << 20);
    assert_int_equal(crl_read(&lab.life, CRL_FORM_PEM, &out, NULL), -ERR_NOT_FOUND);
    assert_int_equal(crl_write(&lab.life, tmpdir_path(&lab.dir, "x.crl", path), NULL),
                     -ERR_NOT_FOUND);
    buf_release(&out);
    lab_close(&lab);
}

/* Every reason, in the form of RFC 5280 5.3.1: unspecified is no extension. */
static void test_reasons(void **state)
{
    (void)state;
    static const int reasons[] = {0, 1, 3, 4, 5, 6, 9};
    struct ca_lab lab;
    lab_open(&lab);
    for (size_t i = 0; i < ROWS(reasons); i++) {
        struct lab_issued c = lab_issue(&lab);
        X509_REVOKED *entry = NULL;
        clock_fake(0, PKI_NOW_S * 1000 + (int64_t)i * 1000);
        assert_int_equal(withdraw(&lab.life, &root, str_of(c.serial), reasons[i], NULL), 0);
        assert_true(renew(&lab));
        X509_CRL *crl = read_list(&lab);
        assert_int_equal(X509_CRL_verify(crl, lab.key.key), 1);
        assert_int_equal(X509_CRL_get_version(crl), X509_CRL_VERSION_2);
        assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), (int)i + 1);
        assert_int_equal(X509_CRL_get0_by_cert(crl, &entry, c.certificate), 1);
        ASN1_ENUMERATED *code = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);
        assert_int_equal(code != NULL ? ASN1_ENUMERATED_get(code) : 0, reasons[i]);
        assert_int_equal(code != NULL, reasons[i] != 0);
        time_t at = (time_t)(PKI_NOW_S + (int64_t)i - 1);
        assert_true(X509_cmp_time(X509_REVOKED_get0_revocationDate(entry), &at) > 0);
        assert_int_equal(number_of(crl), (int)i + 1);
        ASN1_ENUMERATED_free(code);
        X509_CRL_free(crl);
        X509_free(c.certificate);
    }
    lab_close(&lab);
}

struct row {
    const char *says;
    int64_t at_ms; /* from PKI_NOW_S */
    bool made;
    int64_t number;
};

static const struct row rows[] = {
    {"the first is made at once", 0, true, 1},
    {"nothing has changed", 1000, false, 1},
    {"not yet half of its life", LIFE_MS / 2 - 1, false, 1},
    {"half of its life is over", LIFE_MS / 2, true, 2},
    {"the clock was set back", 0, true, 3},
};

static void test_when(void **state)
{
    (void)state;
    struct ca_lab lab;
    lab_open(&lab);
    for (size_t i = 0; i < ROWS(rows); i++) {
        clock_fake(0, PKI_NOW_S * 1000 + rows[i].at_ms);
        CHECK_ROW(rows[i].says, renew(&lab) == rows[i].made);
        X509_CRL *crl = read_list(&lab);
        CHECK_ROW(rows[i].says, number_of(crl) == rows[i].number);
        CHECK_ROW(rows[i].says, sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)) <= 0);
        X509_CRL_free(crl);
    }
    lab_close(&lab);
}

/* A hold goes with its lifting, an entry with the end of its certificate. */
static void test_leaves(void **state)
{
    (void)state;
    struct ca_lab lab;
    lab_open(&lab);
    struct lab_issued c = lab_issue(&lab);
    struct str serial = str_of(c.serial);
    assert_int_equal(withdraw(&lab.life, &root, serial, WITHDRAW_HOLD, NULL), 0);
    assert_true(renew(&lab));
    X509_CRL *crl = read_list(&lab);
    assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 1);
    X509_CRL_free(crl);
    assert_int_equal(withdraw_lift(&lab.life, &root, serial, NULL), 0);
    assert_true(renew(&lab));
    crl = read_list(&lab);
    assert_true(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)) <= 0);
    X509_CRL_free(crl);
    assert_int_equal(withdraw(&lab.life, &root, serial, WITHDRAW_KEY_COMPROMISE, NULL), 0);
    clock_fake(0, PKI_NOW_S * 1000 + 21 * LAB_DAY_MS);
    assert_true(renew(&lab));
    crl = read_list(&lab);
    assert_true(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)) <= 0);
    X509_CRL_free(crl);
    X509_free(c.certificate);
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none_yet),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_when),
        cmocka_unit_test(test_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
