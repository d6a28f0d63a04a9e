/* Keys that must not be certified, made wrong on purpose, and those that may. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "ca/pubkey.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

/* The public half of an RSA key with this modulus and exponent. */
static EVP_PKEY *rsa_of(const BIGNUM *n, const BIGNUM *e)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e), 1);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static const char *fault_of(EVP_PKEY *key)
{
    X509_PUBKEY *spki = NULL;
    assert_int_equal(X509_PUBKEY_set(&spki, key), 1);
    const char *fault = pubkey_fault(spki, key);
    X509_PUBKEY_free(spki);
    return fault;
}

static bool says(const char *fault, const char *word)
{
    return word == NULL ? fault == NULL : fault != NULL && strstr(fault, word) != NULL;
}

static BIGNUM *prime(int bits)
{
    BIGNUM *p = BN_new();
    assert_int_equal(BN_generate_prime_ex(p, bits, 0, NULL, NULL, NULL), 1);
    return p;
}

/* n: p times q of 1024 bits, and then changed. */
static BIGNUM *modulus(BN_ULONG times)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *p = prime(1020);
    BIGNUM *q = prime(1020);
    BIGNUM *n = BN_new();
    assert_int_equal(BN_mul(n, p, q, ctx), 1);
    assert_int_equal(BN_mul_word(n, times), 1);
    BN_free(p);
    BN_free(q);
    BN_CTX_free(ctx);
    return n;
}

/* Two primes that lie apart by few. */
static BIGNUM *close_modulus(void)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *p = prime(1024);
    BIGNUM *q = BN_dup(p);
    BIGNUM *n = BN_new();
    do {
        assert_int_equal(BN_add_word(q, 2), 1);
    } while (BN_check_prime(q, ctx, NULL) != 1);
    assert_int_equal(BN_mul(n, p, q, ctx), 1);
    BN_free(p);
    BN_free(q);
    BN_CTX_free(ctx);
    return n;
}

/* One modulo all primes to 167, and so a power of 65537 modulo each. */
static BIGNUM *power_modulus(void)
{
    BIGNUM *n = BN_new();
    BIGNUM *all = BN_new();
    bool good = false;
    assert_int_equal(BN_one(all), 1);
    for (BN_ULONG p = 2; p <= 167; p++) {
        assert_int_equal(BN_mul_word(all, p), 1);
    }
    assert_int_equal(BN_lshift(n, all, 2048 - BN_num_bits(all)), 1);
    assert_int_equal(BN_add_word(n, 1), 1);
    while (!good) {
        good = true;
        assert_int_equal(BN_add(n, n, all), 1);
        for (BN_ULONG d = 169; d < 752; d += 2) {
            good = good && BN_mod_word(n, d) != 0;
        }
    }
    BN_free(all);
    return n;
}

static void test_rsa(void **state)
{
    (void)state;
    const struct {
        const char *says;
        BIGNUM *n;
        const char *exponent; /* decimal */
        const char *word;     /* in the fault; NULL: none */
    } rows[] = {
        {"the exponent 3", modulus(1), "3", "exponent"},
        {"the exponent 1", modulus(1), "1", "exponent"},
        {"an even exponent", modulus(1), "65538", "exponent"},
        {"the prime below 65537", modulus(1), "65521", "exponent"},
        {"an exponent as long as the modulus", modulus(1), NULL, "exponent"},
        {"an even modulus", modulus(2), "65537", "small factor"},
        {"a factor of 3", modulus(3), "65537", "small factor"},
        {"a factor of 751", modulus(751), "65537", "small factor"},
        {"two primes close together", close_modulus(), "65537", "close together"},
        {"a modulus of powers of 65537", power_modulus(), "65537", "CVE-2017-15361"},
        {"a good one", modulus(1), "65537", NULL},
        {"a good one with another exponent", modulus(1), "65539", NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        BIGNUM *e = NULL;
        if (rows[i].exponent != NULL) {
            assert_true(BN_dec2bn(&e, rows[i].exponent) > 0);
        } else {
            e = BN_dup(rows[i].n);
        }
        EVP_PKEY *key = rsa_of(rows[i].n, e);
        CHECK_ROW(rows[i].says, says(fault_of(key), rows[i].word));
        EVP_PKEY_free(key);
        BN_free(e);
        BN_free(rows[i].n);
    }
}

/* An RSA key without the NULL that DER wants is the same key with another digest. */
static void test_two_forms(void **state)
{
    (void)state;
    EVP_PKEY *key = pki_rsa_key(2048);
    X509_PUBKEY *spki = NULL;
    X509_ALGOR *algorithm = NULL;
    assert_int_equal(X509_PUBKEY_set(&spki, key), 1);
    assert_null(pubkey_fault(spki, key));
    assert_int_equal(X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, spki), 1);
    assert_int_equal(X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_rsaEncryption), V_ASN1_UNDEF, NULL),
                     1);
    assert_true(says(pubkey_fault(spki, key), "DER"));
    X509_PUBKEY_free(spki);
    EVP_PKEY_free(key);
}

static void test_ec(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *param;
        const char *value;
        const char *word;
    } rows[] = {
        {"a curve that is spelled out", OSSL_PKEY_PARAM_EC_ENCODING, "explicit", "spelled out"},
        {"a compressed point", OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed",
         "uncompressed"},
        {"a hybrid point", OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "hybrid", "uncompressed"},
        {"as it should be", OSSL_PKEY_PARAM_EC_ENCODING, "named_curve", NULL},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        EVP_PKEY *key = pki_key();
        assert_int_equal(EVP_PKEY_set_utf8_string_param(key, rows[i].param, rows[i].value), 1);
        CHECK_ROW(rows[i].says, says(fault_of(key), rows[i].word));
        EVP_PKEY_free(key);
    }
}

static void test_ed25519(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *hex;
        bool good;
    } rows[] = {
        {"order 4", "0000000000000000000000000000000000000000000000000000000000000000", false},
        {"order 4, the other", "0000000000000000000000000000000000000000000000000000000000000080",
         false},
        {"order 1", "0100000000000000000000000000000000000000000000000000000000000000", false},
        {"order 2", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false},
        {"0 as p", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false},
        {"1 as p + 1", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false},
        {"order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", false},
        {"order 8, the other sign",
         "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", false},
        {"order 8, the other y", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
         false},
        {"the first of RFC 8032 7.1",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        unsigned char raw[32];
        size_t n = 0;
        assert_int_equal(OPENSSL_hexstr2buf_ex(raw, sizeof(raw), &n, rows[i].hex, '\0'), 1);
        EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, n);
        assert_non_null(key);
        CHECK_ROW(rows[i].says, says(fault_of(key), rows[i].good ? NULL : "everybody can sign"));
        EVP_PKEY_free(key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rsa),
        cmocka_unit_test(test_two_forms),
        cmocka_unit_test(test_ec),
        cmocka_unit_test(test_ed25519),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
