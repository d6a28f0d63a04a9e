/* proxy/tls/decoded.c: what is no certificate first, then what is remembered and for how long. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/err.h"
#include "base/mem.h"
#include "proxy/tls/decoded.h"
#include "tests/support/check.h"
#include "tests/support/library_memory.h"
#include "tests/support/pki.h"

/* STR() for tables: theirs must be constant. */
#define IN(literal)                                                                                \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

enum { CERTIFICATES = 4 };

static struct str ders[CERTIFICATES];

static int set_up(void **state)
{
    (void)state;
    EVP_PKEY *key = pki_key();
    for (size_t i = 0; i < CERTIFICATES; i++) {
        unsigned char *der = NULL;
        X509 *x =
            pki_cert(&(struct pki_spec){.common_name = "alice", .serial = i + 1}, key, NULL, NULL);
        int n = i2d_X509(x, &der);
        assert_true(n > 0);
        ders[i] = (struct str){(char *)der, (size_t)n};
        X509_free(x);
    }
    EVP_PKEY_free(key);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < CERTIFICATES; i++) {
        OPENSSL_free((void *)(uintptr_t)ders[i].p);
    }
    return 0;
}

/* The decoding of a copy of just that size, remembered. */
static X509 *get(struct decoded *d, struct str der)
{
    char *copy = malloc(der.n > 0 ? der.n : 1);
    assert_non_null(copy);
    memcpy(copy, der.p, der.n);
    X509 *x = decoded_get(d, NULL, (struct str){copy, der.n});
    free(copy);
    if (x != NULL) {
        decoded_keep(d, NULL, x);
    }
    assert_int_equal(ERR_peek_error(), 0);
    return x;
}

/* Whether x is the certificate of that number. */
static bool is(X509 *x, size_t number)
{
    unsigned char *der = NULL;
    int n = x != NULL ? i2d_X509(x, &der) : 0;
    bool same = n > 0 && str_eq((struct str){(char *)der, (size_t)n}, ders[number]);
    OPENSSL_free(der);
    return same;
}

/* Whether it was remembered: the same object comes again, which the reference in *x keeps. */
static bool knows(struct decoded *d, size_t number, X509 **x)
{
    X509 *again = get(d, ders[number]);
    assert_true(is(again, number));
    bool same = again == *x;
    X509_free(*x);
    *x = again;
    return same;
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str octets;
    } rows[] = {
        {"nothing", IN("")},
        {"text", IN("-----BEGIN CERTIFICATE-----")},
        {"an empty sequence", IN("\x30\0")},
        {"a sequence that ends too early", IN("\x30\x82\1\0")},
        {"a length without bound", IN("\x30\x80\0\0")},
        {"a length of four octets and no more", IN("\x30\x84\377\377\377\377")},
        {"null", IN("\5\0")},
    };
    for (size_t max = 0; max <= 2; max += 2) {
        struct decoded *d = decoded_new(max);
        for (size_t i = 0; i < ROWS(rows) * 2; i++) { /* each twice: a failure is not remembered */
            CHECK_ROW(rows[i / 2].says, get(d, rows[i / 2].octets) == NULL);
        }
        for (size_t n = 0; n < ders[0].n; n++) {
            assert_null(get(d, str_slice(ders[0], 0, n)));
        }
        decoded_free(d);
    }
}

/* Octets behind a certificate are no part of it, be they another certificate. */
static void test_behind(void **state)
{
    (void)state;
    struct decoded *d = decoded_new(2);
    X509 *x = get(d, ders[0]);
    char *both = malloc(ders[0].n + ders[1].n);
    assert_true(x != NULL && both != NULL);
    memcpy(both, ders[0].p, ders[0].n);
    memcpy(both + ders[0].n, ders[1].p, ders[1].n);
    assert_null(get(d, (struct str){both, ders[0].n + 1}));
    assert_null(get(d, (struct str){both, ders[0].n + ders[1].n}));
    assert_true(knows(d, 0, &x));
    free(both);
    X509_free(x);
    decoded_free(d);
}

static void test_same(void **state)
{
    (void)state;
    struct decoded *d = decoded_new(2);
    X509 *x = get(d, ders[0]);
    assert_true(is(x, 0));
    assert_true(knows(d, 0, &x));
    decoded_free(d);
    assert_true(is(x, 0)); /* outlives the table */
    X509_free(x);
    decoded_free(NULL);
}

/* One octet changed: another certificate or none, never the one that is remembered. */
static void test_changed(void **state)
{
    (void)state;
    struct decoded *d = decoded_new(2);
    X509 *x = get(d, ders[0]);
    char *copy = malloc(ders[0].n);
    assert_non_null(copy);
    size_t others = 0;
    for (size_t at = 0; at < ders[0].n; at++) {
        memcpy(copy, ders[0].p, ders[0].n);
        copy[at] ^= 1;
        X509 *other = get(d, (struct str){copy, ders[0].n});
        assert_true(other != x && !is(other, 0));
        others += other != NULL ? 1 : 0;
        X509_free(other);
    }
    assert_true(others > 64); /* in the signature at least */
    free(copy);
    X509_free(x);
    decoded_free(d);
}

static void test_oldest(void **state)
{
    (void)state;
    struct decoded *d = decoded_new(2);
    X509 *x[3] = {get(d, ders[0]), get(d, ders[1]), NULL};
    assert_true(knows(d, 0, &x[0])); /* so 1 is asked for longest ago */
    x[2] = get(d, ders[2]);
    assert_true(knows(d, 0, &x[0]));
    assert_true(knows(d, 2, &x[2]));
    assert_false(knows(d, 1, &x[1])); /* and takes the place of 0 */
    assert_true(knows(d, 2, &x[2]));
    assert_true(knows(d, 1, &x[1]));
    assert_false(knows(d, 0, &x[0]));
    for (size_t i = 0; i < 3; i++) {
        X509_free(x[i]);
    }
    decoded_free(d);
}

static void test_none_remembered(void **state)
{
    (void)state;
    struct decoded *d = decoded_new(0);
    assert_non_null(d);
    X509 *x = get(d, ders[0]);
    assert_true(is(x, 0));
    assert_false(knows(d, 0, &x));
    X509_free(x);
    decoded_free(d);
}

/* Whether x is what is remembered under its number; that is a use of it. */
static bool has(struct decoded *d, size_t number, const X509 *x)
{
    X509 *found = decoded_get(d, NULL, ders[number]);
    bool same = found == x;
    X509_free(found);
    return same;
}

/* Fewer from now on: only by steps, the oldest first, and the others stay. More: all stay. */
static void test_room(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        size_t max;
        size_t steps; /* of one each, until the last */
    } rows[] = {
        {"more", 9, 0}, {"as many", 4, 0}, {"one fewer", 3, 0},
        {"two", 2, 1},  {"one", 1, 2},     {"none", 0, 3},
    };
    for (size_t i = 0; i < ROWS(rows) * 2; i++) {
        struct decoded *d = decoded_new(CERTIFICATES);
        const size_t max = rows[i / 2].max;
        const bool at_once = i % 2 == 1;
        X509 *x[CERTIFICATES];
        for (size_t k = 0; k < CERTIFICATES; k++) {
            x[k] = get(d, ders[k]);
        }
        assert_int_equal(decoded_resize(d, max), 0);
        size_t steps = 0;
        while (decoded_trim(d, at_once ? 100 : 1)) {
            steps++;
        }
        CHECK_ROW(rows[i / 2].says, steps == (at_once ? 0 : rows[i / 2].steps));
        assert_false(decoded_trim(d, 1));
        assert_int_equal(decoded_resize(d, CERTIFICATES), 0);
        for (size_t k = 0; k < CERTIFICATES; k++) {
            CHECK_ROW(rows[i / 2].says, has(d, k, x[k]) == (k + max >= CERTIFICATES));
            CHECK_ROW(rows[i / 2].says, is(x[k], k));
            X509_free(x[k]);
        }
        X509 *again = get(d, ders[0]);
        CHECK_ROW(rows[i / 2].says, has(d, 0, again));
        X509_free(again);
        decoded_free(d);
    }
}

/* Before they are trimmed, one more makes them no more; and none is remembered where none may. */
static void test_too_many(void **state)
{
    (void)state;
    struct decoded *d = decoded_new(3);
    X509 *x[3] = {get(d, ders[0]), get(d, ders[1]), get(d, ders[2])};
    assert_int_equal(decoded_resize(d, 1), 0);
    X509 *last = get(d, ders[3]);
    assert_true(has(d, 3, last) && !has(d, 0, x[0]) && has(d, 1, x[1]));
    assert_true(decoded_trim(d, 1)); /* three */
    assert_false(decoded_trim(d, 1));
    assert_true(has(d, 1, x[1]) && !has(d, 3, last) && !has(d, 2, x[2]));
    assert_int_equal(decoded_resize(d, 0), 0);
    X509_free(x[0]);
    x[0] = get(d, ders[0]);
    assert_false(has(d, 0, x[0]));
    for (size_t i = 0; i < 3; i++) {
        X509_free(x[i]);
    }
    X509_free(last);
    decoded_free(d);
}

/* Without memory for other places, there is room for as many as before. */
static void test_room_without_memory(void **state)
{
    (void)state;
    struct decoded *d = decoded_new(2);
    X509 *x[3] = {get(d, ders[0]), get(d, ders[1]), NULL};
    mem_fail_after(1, true);
    assert_int_equal(decoded_resize(d, 3), -ERR_NOMEM);
    mem_fail_after(0, false);
    x[2] = get(d, ders[2]);
    assert_true(!has(d, 0, x[0]) && has(d, 1, x[1]) && has(d, 2, x[2]));
    assert_int_equal(decoded_resize(d, 1), 0);
    mem_fail_after(1, true);
    assert_false(decoded_trim(d, 1));
    mem_fail_after(0, false);
    assert_true(!has(d, 1, x[1]) && has(d, 2, x[2]));
    for (size_t i = 0; i < 3; i++) {
        X509_free(x[i]);
    }
    decoded_free(d);
}

/* What metrics tell: what is no certificate, or not kept, counts nowhere. */
static void test_counts(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        size_t max;
        struct {
            size_t number; /* CERTIFICATES: what is none */
            uint64_t hits;
            uint64_t added;
            size_t used;
        } steps[4];
    } rows[] = {
        {"room for two", 2, {{0, 0, 1, 1}, {0, 1, 1, 1}, {CERTIFICATES, 1, 1, 1}, {1, 1, 2, 2}}},
        {"room for one", 1, {{0, 0, 1, 1}, {1, 0, 2, 1}, {1, 1, 2, 1}, {0, 1, 3, 1}}},
        {"none", 0, {{0, 0, 0, 0}, {0, 0, 0, 0}, {CERTIFICATES, 0, 0, 0}, {1, 0, 0, 0}}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct decoded *d = decoded_new(rows[i].max);
        for (size_t k = 0; k < ROWS(rows[i].steps); k++) {
            size_t number = rows[i].steps[k].number;
            X509_free(get(d, number < CERTIFICATES ? ders[number] : STR("none")));
            struct decoded_counts now = decoded_counts(d);
            CHECK_ROW(rows[i].says, now.hits == rows[i].steps[k].hits);
            CHECK_ROW(rows[i].says, now.added == rows[i].steps[k].added);
            CHECK_ROW(rows[i].says, now.used == rows[i].steps[k].used);
        }
        decoded_free(d);
    }
}

/* The same octets in two contexts are two; and without a table it is decoded. */
static void test_contexts(void **state)
{
    (void)state;
    OSSL_LIB_CTX *own = OSSL_LIB_CTX_new();
    struct decoded *d = decoded_new(4);
    X509 *x = get(d, ders[0]);
    X509 *other = decoded_get(d, own, ders[0]);
    assert_true(other != x && is(other, 0));
    decoded_keep(d, own, other);
    X509 *again = decoded_get(d, own, ders[0]);
    assert_ptr_equal(again, other);
    decoded_forget(d, own, other);
    assert_true(has(d, 0, x));
    X509 *alone = get(NULL, ders[0]);
    assert_true(alone != x && is(alone, 0));
    decoded_forget(NULL, NULL, alone);
    X509_free(alone);
    X509_free(again);
    X509_free(other);
    X509_free(x);
    decoded_free(d);
    OSSL_LIB_CTX_free(own);
}

static void test_library(void **state)
{
    (void)state;
    OSSL_LIB_CTX *own = OSSL_LIB_CTX_new();
    struct decoded *d = decoded_new(1);
    X509 *x = decoded_get(d, own, ders[0]);
    assert_true(is(x, 0));
    assert_non_null(X509_get0_pubkey(x));
    X509_free(x);
    decoded_free(d);
    OSSL_LIB_CTX_free(own);
}

/* Each allocation fails in turn: NULL, or the right certificate; and it is none the worse then. */
static void test_without_memory(void **state)
{
    (void)state;
    unsigned long made = 1;
    for (unsigned long nth = 1; nth <= made + 1; nth++) {
        mem_fail_after(nth, false);
        library_memory_fails = true;
        struct decoded *d = decoded_new(2);
        X509 *x = d != NULL ? decoded_get(d, NULL, ders[0]) : NULL;
        X509 *again = d != NULL ? decoded_get(d, NULL, ders[0]) : NULL;
        library_memory_fails = false;
        made = mem_allocations();
        mem_fail_after(0, false);
        ERR_clear_error();
        assert_true(x == NULL || is(x, 0));
        assert_true(again == NULL || is(again, 0));
        assert_true(x != NULL || nth <= made);
        X509_free(again);
        if (d != NULL) {
            X509 *last = get(d, ders[0]);
            assert_true(is(last, 0));
            X509_free(last);
        }
        X509_free(x);
        decoded_free(d);
    }
    assert_true(made > 10);
}

int main(void)
{
    if (!library_memory_openssl()) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_behind),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_oldest),
        cmocka_unit_test(test_none_remembered),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_room_without_memory),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_library),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
