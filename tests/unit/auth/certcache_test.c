/* auth/certcache.c: what is not remembered, first. */
#include "auth/certcache.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

#define NOW    INT64_C(1000000)
#define TTL_MS 1000u

static const unsigned char judged_by[32] = {1, 2, 3};

static struct certcache_verdict verdict(size_t chain, int64_t until_ms)
{
    struct certcache_verdict v = {.term = {until_ms, REASON_CRL_EXPIRED}, .chain = {.n = chain}};
    memset(v.chain.v, 7, sizeof(v.chain.v));
    return v;
}

static void key_of(unsigned number, unsigned char key[CERTCACHE_KEY])
{
    memset(key, 0, CERTCACHE_KEY);
    memcpy(key + 8, &number, sizeof(number)); /* all in one bucket */
}

static bool knows(struct certcache *c, unsigned number, int64_t at_ms)
{
    unsigned char key[CERTCACHE_KEY];
    struct certcache_verdict v;
    key_of(number, key);
    return certcache_find(c, key, at_ms, &v);
}

static void put(struct certcache *c, unsigned number, int64_t at_ms, int64_t until_ms)
{
    unsigned char key[CERTCACHE_KEY];
    struct certcache_verdict v = verdict(2, until_ms);
    key_of(number, key);
    certcache_put(c, key, at_ms, &v);
}

static const struct time_row {
    const char *says;
    int64_t until_ms; /* of the term */
    int64_t asked_ms;
    bool known;
} times[] = {
    {"before it was judged: the clock went back", NOW + 5000, NOW - 1, false},
    {"long before", NOW + 5000, 0, false},
    {"at once", NOW + 5000, NOW, true},
    {"just before its time is over", NOW + 5000, NOW + 999, true},
    {"when its time is over", NOW + 5000, NOW + 1000, false},
    {"just before a certificate or list ends", NOW + 500, NOW + 499, true},
    {"when a certificate or list has ended", NOW + 500, NOW + 500, false},
    {"the clock jumped ahead", NOW + 5000, INT64_MAX, false},
    {"a term that was over when it was put", NOW, NOW, false},
    {"no term", 0, NOW, false},
};

static void test_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(times); i++) {
        struct certcache *c = certcache_new(4, TTL_MS);
        assert_non_null(c);
        put(c, 1, NOW, times[i].until_ms);
        CHECK_ROW(times[i].says, knows(c, 1, times[i].asked_ms) == times[i].known);
        /* What was once found wrong stays forgotten. */
        CHECK_ROW(times[i].says, times[i].known || !knows(c, 1, NOW));
        CHECK_ROW(times[i].says, certcache_counts(c).used == (times[i].known ? 1 : 0));
        certcache_free(c);
    }
}

static void test_what_comes_back(void **state)
{
    (void)state;
    struct certcache *c = certcache_new(4, TTL_MS);
    unsigned char key[CERTCACHE_KEY] = {9};
    struct certcache_verdict v = verdict(3, NOW + 10);
    struct certcache_verdict found;
    certcache_put(c, key, NOW, &v);
    assert_true(certcache_find(c, key, NOW, &found));
    assert_int_equal(found.term.until_ms, NOW + 10);
    assert_int_equal(found.term.then, REASON_CRL_EXPIRED);
    assert_int_equal(found.chain.n, 3);
    assert_memory_equal(found.chain.v, v.chain.v, 3 * sizeof(v.chain.v[0]));
    for (size_t i = 0; i < CERTCACHE_KEY; i++) {
        key[i] ^= 0x40;
        assert_false(certcache_find(c, key, NOW, &found)); /* every octet counts */
        key[i] ^= 0x40;
    }
    assert_int_equal(certcache_counts(c).hits, 1);
    assert_int_equal(certcache_counts(c).misses, CERTCACHE_KEY);
    certcache_free(c);
}

static void test_long_chains(void **state)
{
    (void)state;
    struct certcache *c = certcache_new(4, TTL_MS);
    for (size_t n = 0; n <= DENY_CHAIN_MAX; n++) {
        unsigned char key[CERTCACHE_KEY] = {(unsigned char)n};
        struct certcache_verdict v = verdict(n, NOW + 10);
        certcache_put(c, key, NOW, &v);
        assert_true(certcache_find(c, key, NOW, &v) == (n > 0 && n <= CERTCACHE_CHAIN_MAX));
    }
    certcache_free(c);
}

static void test_full(void **state)
{
    (void)state;
    struct certcache *c = certcache_new(3, TTL_MS);
    for (unsigned i = 0; i < 3; i++) {
        put(c, i, NOW, NOW + 100);
    }
    assert_true(knows(c, 0, NOW)); /* so 1 was not found for longest */
    put(c, 3, NOW, NOW + 100);
    assert_false(knows(c, 1, NOW));
    assert_true(knows(c, 0, NOW) && knows(c, 2, NOW) && knows(c, 3, NOW));
    put(c, 3, NOW + 1, NOW + 50); /* the same anew takes no second place */
    assert_int_equal(certcache_counts(c).used, 3);
    assert_true(knows(c, 0, NOW + 1) && knows(c, 2, NOW + 1) && knows(c, 3, NOW + 1));
    assert_false(knows(c, 3, NOW + 50));
    for (unsigned i = 0; i < 1000; i++) {
        put(c, 1000 + i, NOW, NOW + 100);
        assert_true(certcache_counts(c).used <= 3);
    }
    certcache_free(c);
}

static void test_forgets(void **state)
{
    (void)state;
    struct certcache *c = certcache_new(4, TTL_MS);
    put(c, 1, NOW, NOW + 100);
    assert_int_equal(certcache_reset(c, 4, TTL_MS), 0);
    assert_false(knows(c, 1, NOW));
    assert_int_equal(certcache_counts(c).used, 0);
    static const struct {
        size_t entries;
        uint32_t ttl_ms;
    } off[] = {{0, TTL_MS}, {4, 0}, {0, 0}};
    for (size_t i = 0; i < ROWS(off); i++) {
        assert_int_equal(certcache_reset(c, off[i].entries, off[i].ttl_ms), 0);
        put(c, 1, NOW, NOW + 100);
        assert_false(knows(c, 1, NOW));
    }
    certcache_free(c);
    certcache_free(NULL);
}

/* Which chains have the same key: only those that are the same, octet by octet and in order. */
static void test_keys(void **state)
{
    (void)state;
    EVP_PKEY *key = pki_key();
    X509 *a = pki_ca("A", key);
    X509 *b = pki_ca("B", key);
    X509 *leaf = pki_leaf("leaf", key, a, key);
    X509 *twin = pki_leaf("leaf", key, a, key); /* another signature and serial */
    X509 *copy = X509_dup(leaf);
    unsigned char other[32] = {1, 2, 4};
    const struct {
        const char *says;
        const unsigned char *by;
        X509 *leaf;
        X509 *sent[3];
        bool same;
    } rows[] = {
        {"itself", judged_by, leaf, {leaf, a, b}, true},
        {"the leaf need not stand in the chain", judged_by, leaf, {a, b}, true},
        {"the same octets in another object", judged_by, copy, {copy, a, b}, true},
        {"another order", judged_by, leaf, {leaf, b, a}, false},
        {"one less", judged_by, leaf, {leaf, a}, false},
        {"one twice", judged_by, leaf, {a, b, b}, false},
        {"none but the leaf", judged_by, leaf, {NULL}, false},
        {"another leaf by the same name", judged_by, twin, {twin, a, b}, false},
        {"judged by something else", other, leaf, {leaf, a, b}, false},
    };
    struct certcache *c = certcache_new(4, TTL_MS);
    unsigned char first[CERTCACHE_KEY];
    for (size_t i = 0; i < ROWS(rows); i++) {
        unsigned char found[CERTCACHE_KEY];
        STACK_OF(X509) *chain = sk_X509_new_null();
        for (size_t k = 0; k < 3 && rows[i].sent[k] != NULL; k++) {
            assert_true(sk_X509_push(chain, rows[i].sent[k]) > 0);
        }
        assert_true(certcache_key(c, rows[i].by, rows[i].leaf, chain, found));
        if (i == 0) {
            memcpy(first, found, sizeof(first));
        }
        CHECK_ROW(rows[i].says, (memcmp(first, found, sizeof(first)) == 0) == rows[i].same);
        sk_X509_free(chain);
    }
    certcache_free(c);
    X509 *all[] = {a, b, leaf, twin, copy};
    for (size_t i = 0; i < ROWS(all); i++) {
        X509_free(all[i]);
    }
    EVP_PKEY_free(key);
}

static void test_large_certificate(void **state)
{
    (void)state;
    static char comment[CERTCACHE_DER_MAX + 1];
    memset(comment, 'a', sizeof(comment) - 1);
    const struct pki_extension extension = {NID_netscape_comment, comment};
    EVP_PKEY *key = pki_key();
    X509 *large = pki_cert(
        &(struct pki_spec){.common_name = "x", .extensions = &extension, .extension_count = 1}, key,
        NULL, NULL);
    struct certcache *c = certcache_new(4, TTL_MS);
    unsigned char found[CERTCACHE_KEY];
    assert_false(certcache_key(c, judged_by, large, NULL, found));
    assert_int_equal(certcache_reset(c, 0, 0), 0);
    X509 *small = pki_ca("A", key);
    assert_false(certcache_key(c, judged_by, small, NULL, found)); /* off: no work */
    certcache_free(c);
    X509_free(small);
    X509_free(large);
    EVP_PKEY_free(key);
}

static void test_memory(void **state)
{
    (void)state;
    for (unsigned long n = 1;; n++) {
        mem_fail_after(n, false);
        struct certcache *c = certcache_new(4, TTL_MS);
        bool all = mem_allocations() < n;
        mem_fail_after(0, false);
        assert_true((c != NULL) == all);
        certcache_free(c);
        if (all) {
            break;
        }
    }
    struct certcache *c = certcache_new(4, TTL_MS);
    put(c, 1, NOW, NOW + 100);
    mem_fail_after(1, true);
    assert_int_equal(certcache_reset(c, 8, TTL_MS), -ERR_NOMEM);
    mem_fail_after(0, false);
    put(c, 1, NOW, NOW + 100); /* off */
    assert_false(knows(c, 1, NOW));
    certcache_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_what_comes_back),
        cmocka_unit_test(test_long_chains),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_forgets),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_large_certificate),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
