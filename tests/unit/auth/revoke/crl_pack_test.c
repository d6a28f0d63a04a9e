/* A set of CRLs handed over: it answers as before, and what is no such block is refused. */
#include <stdlib.h>

#include "auth/revoke/crl_pack.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

#define NOW_MS (PKI_NOW_S * 1000)
#define HOUR_S INT64_C(3600)

static EVP_PKEY *key;
static X509 *ca;
static X509 *other;
static X509 *listed;
static X509 *free_one;
static bool whole; /* sets keep their lists whole */

static struct crl_set *make_set(int64_t next_s)
{
    STACK_OF(X509) *cas = sk_X509_new_null();
    assert_true(sk_X509_push(cas, ca) == 1 && sk_X509_push(cas, other) == 2);
    struct crl_set *s = crl_set_new();
    if (whole) {
        crl_set_keep_der(s);
    }
    X509 *const issuers[] = {ca, other};
    for (size_t i = 0; i < 2; i++) {
        X509_CRL *crl = pki_crl(issuers[i], key, PKI_NOW_S, next_s, &listed, 1);
        char *pem = pki_crl_pem(crl);
        assert_int_equal(crl_set_add(s, str_of(pem), cas, NULL), 0);
        free(pem);
        X509_CRL_free(crl);
    }
    sk_X509_free(cas);
    return s;
}

static void test_same_answers(void **state)
{
    (void)state;
    struct crl_set *s = make_set(PKI_NOW_S + HOUR_S);
    struct derived *block = crl_pack(s, NULL);
    assert_non_null(block);
    struct crl_set *there = crl_unpack(block, NULL);
    assert_non_null(there);
    derived_unref(block);
    struct crl_info a;
    struct crl_info b;
    for (size_t i = 0; i < 2; i++) {
        assert_true(crl_set_at(s, i, &a) && crl_set_at(there, i, &b));
        assert_true(a.this_s == b.this_s && a.next_s == b.next_s && a.count == b.count);
        assert_memory_equal(a.key_digest, b.key_digest, 32);
        assert_int_equal(X509_NAME_cmp(a.issuer, b.issuer), 0);
        assert_true((b.der.n > 0) == whole && str_eq(a.der, b.der));
    }
    assert_false(crl_set_at(there, 2, &b));
    assert_int_equal(crl_set_expiry_s(there), PKI_NOW_S + HOUR_S);
    int64_t until = 0;
    assert_int_equal(crl_set_ask(there, listed, NOW_MS, 0, NULL), CRL_REVOKED);
    assert_int_equal(crl_set_ask(there, free_one, NOW_MS, 0, &until), CRL_GOOD);
    assert_int_equal(until, NOW_MS + HOUR_S * 1000);
    assert_int_equal(crl_set_ask(there, ca, NOW_MS, 0, NULL), CRL_GOOD);
    crl_set_free(s);
    crl_set_free(there);
}

static void test_digest(void **state)
{
    (void)state;
    struct crl_set *s = make_set(PKI_NOW_S + HOUR_S);
    struct crl_set *later = make_set(PKI_NOW_S + HOUR_S + 1);
    struct crl_set *none = crl_set_new();
    struct derived *one = crl_pack(s, NULL);
    struct derived *two = crl_pack(s, NULL);
    struct derived *three = crl_pack(later, NULL);
    struct derived *empty = crl_pack(none, NULL);
    assert_memory_equal(crl_pack_digest(one), crl_pack_digest(two), CRL_PACK_DIGEST);
    assert_memory_not_equal(crl_pack_digest(one), crl_pack_digest(three), CRL_PACK_DIGEST);
    struct crl_set *there = crl_unpack(empty, NULL);
    assert_true(there != NULL && crl_set_empty(there));
    crl_set_free(there);
    struct derived *const blocks[] = {one, two, three, empty};
    for (size_t i = 0; i < ROWS(blocks); i++) {
        derived_unref(blocks[i]);
    }
    crl_set_free(s);
    crl_set_free(later);
    crl_set_free(none);
}

static struct crl_set *unpack_copy(const unsigned char *p, size_t n)
{
    unsigned char *copy = mem_alloc(n);
    memcpy(copy, p, n);
    struct derived *block = derived_new(copy, n);
    struct crl_set *s = crl_unpack(block, NULL);
    derived_unref(block);
    return s;
}

static void test_refused(void **state)
{
    (void)state;
    struct crl_set *s = make_set(PKI_NOW_S + HOUR_S);
    struct derived *block = crl_pack(s, NULL);
    unsigned char *octets = calloc(1, block->n + 8);
    memcpy(octets, block->p, block->n);
    for (size_t n = 0; n < block->n; n++) {
        assert_null(unpack_copy(octets, n));
    }
    assert_null(unpack_copy(octets, block->n + 8));
    for (size_t i = 0; i < block->n; i++) {
        /* Any octet changed: refused or read, but nothing outside of the block is touched. */
        octets[i] = (unsigned char)~octets[i];
        struct crl_set *there = unpack_copy(octets, block->n);
        if (there != NULL) {
            (void)crl_set_ask(there, listed, NOW_MS, 0, NULL);
        }
        crl_set_free(there);
        octets[i] = (unsigned char)~octets[i];
    }
    free(octets);
    derived_unref(block);
    crl_set_free(s);
}

static void test_memory(void **state)
{
    (void)state;
    struct crl_set *s = make_set(PKI_NOW_S + HOUR_S);
    struct derived *block = crl_pack(s, NULL);
    for (unsigned long nth = 1; nth <= 2; nth++) {
        mem_fail_after(nth, false);
        assert_null(crl_pack(s, NULL));
        mem_fail_after(nth, false);
        assert_null(crl_unpack(block, NULL));
        mem_fail_after(0, false);
    }
    derived_unref(block);
    crl_set_free(s);
}

static int set_up(void **state)
{
    (void)state;
    key = pki_key();
    ca = pki_ca("CA", key);
    other = pki_ca("Other", key);
    listed = pki_cert(&(struct pki_spec){.common_name = "x", .serial = UINT64_MAX}, key, ca, key);
    free_one = pki_leaf("y", key, ca, key);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    X509_free(ca);
    X509_free(other);
    X509_free(listed);
    X509_free(free_one);
    EVP_PKEY_free(key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_answers),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_memory),
    };
    int failed = 0;
    for (int i = 0; i < 2; i++) {
        whole = i == 1;
        failed += cmocka_run_group_tests_name(whole ? "whole lists" : "what is asked of them",
                                              tests, set_up, tear_down);
    }
    return failed;
}
