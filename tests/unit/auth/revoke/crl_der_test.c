/* The walk over a CRL's octets: every octet of it counts, and entries say what OpenSSL says. */
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "auth/revoke/crl_der.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

#define ENTRIES 60

static EVP_PKEY *key;
static X509 *ca;
static unsigned char *der; /* a CRL with serials of several lengths */
static size_t der_n;

static struct str whole(void)
{
    return (struct str){(const char *)der, der_n};
}

static void test_signature(void **state)
{
    (void)state;
    struct crl_der c;
    EVP_PKEY *other = pki_key();
    assert_int_equal(crl_der_open(whole(), &c, NULL), 0);
    assert_true(crl_der_is_signed(&c, key));
    assert_false(crl_der_is_signed(&c, other));
    crl_der_close(&c);
    EVP_PKEY_free(other);
}

/* Whatever octet changes: refused at once, or the signature no longer fits. */
static void test_every_octet(void **state)
{
    (void)state;
    for (size_t i = 0; i < der_n; i++) {
        struct crl_der c;
        der[i] ^= 0x41;
        if (crl_der_open(whole(), &c, NULL) == 0) {
            assert_false(crl_der_is_signed(&c, key));
            size_t count = 0;
            size_t width = 0;
            int rc = crl_der_measure(&c, &count, &width, NULL);
            assert_true(rc == 0 || rc == -ERR_MALFORMED || rc == -ERR_UNSUPPORTED);
            crl_der_close(&c);
        }
        der[i] ^= 0x41;
    }
    ERR_clear_error();
}

static void test_cut(void **state)
{
    (void)state;
    for (size_t n = 0; n < der_n; n++) {
        struct crl_der c;
        struct err e = {0};
        assert_int_equal(crl_der_open((struct str){(const char *)der, n}, &c, &e), -ERR_MALFORMED);
        assert_null(c.frame);
        assert_true(e.text[0] != '\0');
    }
    ERR_clear_error();
}

static void test_entries(void **state)
{
    (void)state;
    struct crl_der c;
    size_t count = 0;
    size_t width = 0;
    unsigned char wanted[8];
    assert_int_equal(crl_der_open(whole(), &c, NULL), 0);
    assert_int_equal(crl_der_measure(&c, &count, &width, NULL), 0);
    assert_int_equal(count, ENTRIES);
    assert_int_equal(width, 3);
    unsigned char *records = calloc(count, width);
    crl_der_serials(&c, width, records);
    for (size_t i = 0; i < count; i++) {
        size_t serial = i * 1331 + 1;
        for (size_t k = 0; k < width; k++) {
            wanted[k] = (unsigned char)(serial >> 8 * (width - 1 - k));
        }
        assert_memory_equal(records + i * width, wanted, width);
    }
    free(records);
    crl_der_close(&c);
}

static void test_bad_entries(void **state)
{
    (void)state;
#define TIME                                                                                       \
    "\x17\x0d"                                                                                     \
    "260101000000Z"
#define REASON_OID "\x06\x03\x55\x1d\x15"
    const struct {
        const char *says;
        struct str entries;
        int rc;
    } rows[] = {
        {"none", STR(""), 0},
        {"one", STR("\x30\x12\x02\x01\x05" TIME), 0},
        {"negative", STR("\x30\x12\x02\x01\xff" TIME), 0},
        {"no sequence", STR("\x31\x12\x02\x01\x05" TIME), -ERR_MALFORMED},
        {"no serial", STR("\x30\x0f" TIME), -ERR_MALFORMED},
        {"an empty serial", STR("\x30\x11\x02\x00" TIME), -ERR_MALFORMED},
        {"a zero too many", STR("\x30\x13\x02\x02\x00\x05" TIME), -ERR_MALFORMED},
        {"a sign too many", STR("\x30\x13\x02\x02\xff\x80" TIME), -ERR_MALFORMED},
        {"no date", STR("\x30\x03\x02\x01\x05"), -ERR_MALFORMED},
        {"more behind it", STR("\x30\x14\x02\x01\x05" TIME "\x05\x00"), -ERR_MALFORMED},
        {"junk after a good one", STR("\x30\x12\x02\x01\x05" TIME "\x30"), -ERR_MALFORMED},
        {"an extension that is none", STR("\x30\x16\x02\x01\x05" TIME "\x30\x02\x05\x00"),
         -ERR_MALFORMED},
        {"a reason",
         STR("\x30\x20\x02\x01\x05" TIME "\x30\x0c\x30\x0a" REASON_OID "\x04\x03\x0a\x01\x01"), 0},
        {"critical of two octets",
         STR("\x30\x24\x02\x01\x05" TIME "\x30\x10\x30\x0e" REASON_OID
             "\x01\x02\xff\xff\x04\x03\x0a\x01\x01"),
         -ERR_MALFORMED},
        {"an extension with more behind",
         STR("\x30\x22\x02\x01\x05" TIME "\x30\x0e\x30\x0c" REASON_OID
             "\x04\x03\x0a\x01\x01\x05\x00"),
         -ERR_MALFORMED},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct crl_der c = {.entries = rows[i].entries};
        size_t count = 0;
        size_t width = 0;
        CHECK_ROW(rows[i].says, crl_der_measure(&c, &count, &width, NULL) == rows[i].rc);
    }
}

static void test_record(void **state)
{
    (void)state;
    unsigned char record[3];
    assert_true(crl_serial_record(STR("\x05"), record, 3));
    assert_memory_equal(record, "\x00\x00\x05", 3);
    assert_true(crl_serial_record(STR("\xfe"), record, 3));
    assert_memory_equal(record, "\xff\xff\xfe", 3);
    assert_false(crl_serial_record(STR("\x01\x02\x03\x04"), record, 3));
    assert_false(crl_serial_record(STR(""), record, 3));
}

/* The identifier of the algorithm inside is signed, the one outside is not: they must agree. */
static void test_two_algorithms(void **state)
{
    (void)state;
    static const unsigned char sha256[] = {0x06, 0x08, 0x2a, 0x86, 0x48,
                                           0xce, 0x3d, 0x04, 0x03, 0x02};
    unsigned char *at = memmem(der, der_n, sha256, sizeof(sha256));
    assert_non_null(at);
    unsigned char *second = memmem(at + 1, der_n - (size_t)(at + 1 - der), sha256, sizeof(sha256));
    assert_non_null(second);
    struct crl_der c;
    second[9] = 3; /* SHA-384 */
    assert_int_equal(crl_der_open(whole(), &c, NULL), -ERR_MALFORMED);
    second[9] = 2;
    assert_int_equal(crl_der_open(whole(), &c, NULL), 0);
    mem_fail_after(1, false);
    struct crl_der again;
    assert_int_equal(crl_der_open(whole(), &again, NULL), -ERR_NOMEM);
    mem_fail_after(0, false);
    crl_der_close(&c);
}

static int set_up(void **state)
{
    (void)state;
    X509 *revoked[ENTRIES];
    key = pki_key();
    ca = pki_ca("CA", key);
    for (size_t i = 0; i < ENTRIES; i++) {
        struct pki_spec spec = {.common_name = "x", .serial = i * 1331 + 1};
        revoked[i] = pki_cert(&spec, key, ca, key);
    }
    X509_CRL *crl = pki_crl(ca, key, PKI_NOW_S, PKI_NOW_S + 60, revoked, ENTRIES);
    int n = i2d_X509_CRL(crl, &der);
    der_n = n > 0 ? (size_t)n : 0;
    X509_CRL_free(crl);
    for (size_t i = 0; i < ENTRIES; i++) {
        X509_free(revoked[i]);
    }
    return n <= 0;
}

static int tear_down(void **state)
{
    (void)state;
    OPENSSL_free(der);
    X509_free(ca);
    EVP_PKEY_free(key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_every_octet),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_bad_entries),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_two_algorithms),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
