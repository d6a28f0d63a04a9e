/* proxy/tls/library.c and narrow.c: when a narrow context is used, and what is in it. */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "proxy/tls/library.h"
#include "proxy/tls/narrow.h"
#include "tests/support/check.h"

static void test_versions(void **state)
{
    (void)state;
    static const struct {
        unsigned major;
        unsigned minor;
        bool slow;
    } rows[] = {{1, 1, false}, {3, 0, true},  {3, 1, true}, {3, 2, false},
                {3, 5, false}, {4, 0, false}, {4, 1, false}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(library_is_slow(rows[i].major, rows[i].minor) != 0, rows[i].slow);
    }
}

/* On a version that it is meant for, it must work; on others it must not be used. */
static void test_choice(void **state)
{
    (void)state;
    const char *why = "not set";
    OSSL_LIB_CTX *c = library_context(&why);
    bool slow = library_is_slow(OPENSSL_version_major(), OPENSSL_version_minor()) != 0;
    if (why != NULL) {
        fail_msg("%s", why);
    }
    assert_true((c != NULL) == slow);
    assert_ptr_equal(library_context(&why), c);
}

/* What TLS does not need is not there, and nobody else's context is touched. */
static void test_contents(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool narrow;
    } digests[] = {
        {"SHA256", true}, {"SHA384", true}, {"SHA512", true}, {"MD5", false}, {"SHA3-256", false}};
    OSSL_LIB_CTX *c = narrow_context();
    assert_non_null(c);
    for (size_t i = 0; i < ROWS(digests); i++) {
        EVP_MD *in_narrow = EVP_MD_fetch(c, digests[i].name, NULL);
        EVP_MD *in_default = EVP_MD_fetch(NULL, digests[i].name, NULL);
        CHECK_ROW(digests[i].name, (in_narrow != NULL) == digests[i].narrow);
        CHECK_ROW(digests[i].name, in_default != NULL);
        EVP_MD_free(in_narrow);
        EVP_MD_free(in_default);
    }
    assert_int_equal(OSSL_PROVIDER_available(c, "default"), 0);
    assert_int_equal(OSSL_PROVIDER_available(NULL, "countersign"), 0);
    ERR_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_contents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
