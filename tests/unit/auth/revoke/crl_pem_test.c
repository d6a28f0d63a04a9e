/* CRLs in PEM texts. */
#include "auth/revoke/crl_pem.h"
#include "base/mem.h"
#include "tests/support/check.h"

#define BEGIN "-----BEGIN X509 CRL-----\n"
#define END   "-----END X509 CRL-----\n"

static void test_rows(void **state)
{
    (void)state;
    const struct {
        const char *says;
        struct str text;
        struct str der;
        int rc;
        size_t left;
    } rows[] = {
        {"none", STR("text"), STR_NONE, 0, 4},
        {"one", STR(BEGIN "TWFu\n" END), STR("Man"), 0, 1},
        {"CR LF", STR("x" BEGIN "TWFu\r\nTWE=\r\n" END), STR("ManMa"), 0, 1},
        {"behind a certificate", STR("-----BEGIN CERTIFICATE-----\nAA==\n" BEGIN "TWFu\n" END),
         STR("Man"), 0, 1},
        {"empty", STR(BEGIN END), STR(""), 0, 1},
        {"no end", STR(BEGIN "TWFu\n"), STR_NONE, -ERR_MALFORMED, 6},
        {"the end of another", STR(BEGIN "TWFu\n-----END CERTIFICATE-----\n" END), STR_NONE,
         -ERR_MALFORMED, 1},
        {"another begins inside", STR(BEGIN "TWFu\n" BEGIN "TWFu\n" END), STR_NONE, -ERR_MALFORMED,
         1},
        {"no base64", STR(BEGIN "TW?u\n" END), STR_NONE, -ERR_MALFORMED, 1},
        {"cut base64", STR(BEGIN "TWF\n" END), STR_NONE, -ERR_MALFORMED, 1},
        {"head fields", STR(BEGIN "Proc-Type: 4,ENCRYPTED\n\nTWFu\n" END), STR_NONE, -ERR_MALFORMED,
         1},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct str rest = rows[i].text;
        struct str der = STR_NONE;
        CHECK_ROW(rows[i].says, crl_pem_next(&rest, &der, NULL) == rows[i].rc);
        CHECK_ROW(rows[i].says, (der.p != NULL) == (rows[i].der.p != NULL));
        CHECK_STR(rows[i].says, der, rows[i].der);
        CHECK_ROW(rows[i].says, rest.n == rows[i].left);
        mem_free((char *)(uintptr_t)der.p);
    }
    assert_true(crl_pem_is(rows[1].text));
    assert_false(crl_pem_is(STR("\x30\x03")));
}

static void test_memory(void **state)
{
    (void)state;
    struct str rest = STR(BEGIN "TWFu\n" END);
    struct str der;
    mem_fail_after(1, false);
    assert_int_equal(crl_pem_next(&rest, &der, NULL), -ERR_NOMEM);
    mem_fail_after(0, false);
    assert_null(der.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
