/* proxy/tls/key_share.c against OpenSSL's keys; what is no key of a group first. */
#include <stdlib.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "base/err.h"
#include "base/mem.h"
#include "proxy/tls/client_hello.h"
#include "proxy/tls/key_share.h"
#include "tests/support/check.h"
#include "tests/support/library_memory.h"

/* STR() for tables: theirs must be constant. */
#define IN(literal)                                                                                \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

/* A key of the client's, as it sends it. */
struct client_key {
    EVP_PKEY *key;
    unsigned char *sent;
    size_t n;
};

static struct client_key client_key(unsigned group)
{
    struct client_key k = {.key = group == GROUP_X25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "X25519")
                                                        : EVP_EC_gen("P-256")};
    assert_non_null(k.key);
    k.n = EVP_PKEY_get1_encoded_public_key(k.key, &k.sent);
    assert_int_equal(k.n, group == GROUP_X25519 ? 32 : 65);
    return k;
}

static void client_key_free(struct client_key *k)
{
    OPENSSL_free(k->sent);
    EVP_PKEY_free(k->key);
}

static struct key_maker *maker;

/* A copy of just that size. */
static int agree(unsigned group, struct str theirs, struct key_share *out)
{
    char *copy = malloc(theirs.n > 0 ? theirs.n : 1);
    assert_non_null(copy);
    if (theirs.n > 0) {
        memcpy(copy, theirs.p, theirs.n);
    }
    int rc = key_share_agree(maker, group, (struct str){copy, theirs.n}, out);
    free(copy);
    return rc;
}

#define FF_30                                                                                      \
    "\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377"                                 \
    "\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377"
#define ZEROS_31 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define ZEROS_64 ZEROS_31 "\0" ZEROS_31 "\0"

/* Points of X25519 whose products are zeros, of the curve and of its twist, reduced and not. */
#define ORDER_8                                                                                    \
    "\340\353\172\174\73\101\270\256\26\126\343\372\361\237\304\152"                               \
    "\332\11\215\353\234\62\261\375\206\142\5\26\137\111\270"
#define ORDER_8_TOO                                                                                \
    "\137\234\225\274\243\120\214\44\261\320\261\125\234\203\357\133"                              \
    "\4\104\134\304\130\34\216\206\330\42\116\335\320\237\21"

static const struct {
    const char *says;
    unsigned group;
    struct str octets;
} refused[] = {
    {"no octets for X25519", GROUP_X25519, IN("")},
    {"31 octets", GROUP_X25519, IN(ZEROS_31)},
    {"33 octets", GROUP_X25519, IN("\11" ZEROS_31 "\0")},
    {"a point of P-256 for X25519", GROUP_X25519, IN("\4" ZEROS_64)},
    {"zeros", GROUP_X25519, IN(ZEROS_31 "\0")},
    {"zeros and the bit that is not looked at", GROUP_X25519, IN(ZEROS_31 "\200")},
    {"one", GROUP_X25519, IN("\1" ZEROS_31)},
    {"a point of order 8", GROUP_X25519, IN(ORDER_8 "\0")},
    {"the same, with the bit that is not looked at", GROUP_X25519, IN(ORDER_8 "\200")},
    {"the other point of order 8", GROUP_X25519, IN(ORDER_8_TOO "\127")},
    {"the same, with the bit that is not looked at", GROUP_X25519, IN(ORDER_8_TOO "\327")},
    {"p - 1", GROUP_X25519, IN("\354" FF_30 "\177")},
    {"p, which is zero", GROUP_X25519, IN("\355" FF_30 "\177")},
    {"p + 1, which is one", GROUP_X25519, IN("\356" FF_30 "\177")},
    {"p + 1 and the bit that is not looked at", GROUP_X25519, IN("\356" FF_30 "\377")},

    {"no octets for P-256", GROUP_P256, IN("")},
    {"a key of X25519 for P-256", GROUP_P256, IN("\11" ZEROS_31)},
    {"infinity", GROUP_P256, IN("\0")},
    {"infinity in 65 octets", GROUP_P256, IN("\0" ZEROS_64)},
    {"the point (0, 0)", GROUP_P256, IN("\4" ZEROS_64)},
    {"the form alone", GROUP_P256, IN("\4")},
    {"coordinates above the field's", GROUP_P256, IN("\4\377\377" FF_30 "\377\377" FF_30)},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(refused); i++) {
        struct key_share k;
        int rc = agree(refused[i].group, refused[i].octets, &k);
        CHECK_ROW(refused[i].says, rc == -ERR_MALFORMED);
        CHECK_ROW(refused[i].says, ERR_peek_error() == 0);
    }
}

/* A good point of P-256 written in another way, or no more a good one. */
static void test_refused_points(void **state)
{
    (void)state;
    struct key_share k;
    struct client_key c = client_key(GROUP_P256);
    unsigned char octets[66] = {0};
    for (unsigned form = 0; form < 256; form++) {
        memcpy(octets, c.sent, c.n);
        octets[0] = (unsigned char)form;
        int rc = agree(GROUP_P256, (struct str){(char *)octets, 65}, &k);
        assert_int_equal(rc, form == 4 ? 0 : -ERR_MALFORMED);
    }
    for (size_t at = 1; at < 65; at++) {
        memcpy(octets, c.sent, c.n);
        octets[at] ^= 0x40;
        assert_int_equal(agree(GROUP_P256, (struct str){(char *)octets, 65}, &k), -ERR_MALFORMED);
    }
    for (size_t n = 0; n <= 66; n++) {
        memcpy(octets, c.sent, c.n);
        int rc = agree(GROUP_P256, (struct str){(char *)octets, n}, &k);
        assert_int_equal(rc, n == 65 ? 0 : -ERR_MALFORMED);
    }
    /* Compressed: as OpenSSL would well take it. */
    octets[0] = (c.sent[64] & 1) != 0 ? 3 : 2;
    assert_int_equal(agree(GROUP_P256, (struct str){(char *)octets, 33}, &k), -ERR_MALFORMED);
    /* And hybrid. */
    octets[0] = (c.sent[64] & 1) != 0 ? 7 : 6;
    assert_int_equal(agree(GROUP_P256, (struct str){(char *)octets, 65}, &k), -ERR_MALFORMED);
    assert_int_equal(ERR_peek_error(), 0);
    client_key_free(&c);
}

/* What the client makes of what it got is what is shared. */
static bool client_agrees(const struct client_key *c, const struct key_share *k)
{
    unsigned char shared[64];
    size_t n = sizeof(shared);
    EVP_PKEY *server = EVP_PKEY_new();
    EVP_PKEY_CTX *x = EVP_PKEY_CTX_new_from_pkey(NULL, c->key, NULL);
    bool ok = server != NULL && x != NULL && EVP_PKEY_copy_parameters(server, c->key) == 1 &&
              EVP_PKEY_set1_encoded_public_key(server, k->own, k->own_n) == 1 &&
              EVP_PKEY_derive_init(x) == 1 && EVP_PKEY_derive_set_peer(x, server) == 1 &&
              EVP_PKEY_derive(x, shared, &n) == 1 && n == KEY_SHARE_SHARED &&
              memcmp(shared, k->shared, n) == 0;
    EVP_PKEY_CTX_free(x);
    EVP_PKEY_free(server);
    return ok;
}

static bool client_agrees_x25519(const struct client_key *c, const struct key_share *k)
{
    unsigned char shared[64];
    size_t n = sizeof(shared);
    EVP_PKEY *server = EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, k->own, k->own_n);
    EVP_PKEY_CTX *x = EVP_PKEY_CTX_new_from_pkey(NULL, c->key, NULL);
    bool ok = server != NULL && x != NULL && EVP_PKEY_derive_init(x) == 1 &&
              EVP_PKEY_derive_set_peer(x, server) == 1 && EVP_PKEY_derive(x, shared, &n) == 1 &&
              n == KEY_SHARE_SHARED && memcmp(shared, k->shared, n) == 0;
    EVP_PKEY_CTX_free(x);
    EVP_PKEY_free(server);
    return ok;
}

static bool agrees(unsigned group, const struct client_key *c, const struct key_share *k)
{
    return group == GROUP_X25519 ? client_agrees_x25519(c, k) : client_agrees(c, k);
}

static void test_agreed(void **state)
{
    (void)state;
    static const unsigned groups[] = {GROUP_X25519, GROUP_P256};
    OSSL_LIB_CTX *own = OSSL_LIB_CTX_new();
    OSSL_LIB_CTX *libraries[] = {NULL, own};
    assert_non_null(own);
    for (size_t i = 0; i < ROWS(groups) * ROWS(libraries); i++) {
        unsigned group = groups[i % 2];
        struct client_key c = client_key(group);
        struct str theirs = {(char *)c.sent, c.n};
        struct key_share first;
        struct key_share second;
        struct key_maker *m = key_maker_new(libraries[i / 2]);
        assert_non_null(m);
        assert_int_equal(key_share_agree(m, group, theirs, &first), 0);
        assert_int_equal(key_share_agree(m, group, theirs, &second), 0);
        assert_true(agrees(group, &c, &first) && agrees(group, &c, &second));
        /* A key of the server's is for one exchange. */
        assert_true(memcmp(first.own, second.own, first.own_n) != 0);
        assert_true(memcmp(first.shared, second.shared, sizeof(first.shared)) != 0);
        assert_int_equal(first.own_n, c.n);
        key_maker_free(m);
        client_key_free(&c);
    }
    OSSL_LIB_CTX_free(own);
}

/* A key of the client's that does not count as one of low order: the highest bit is not looked at
 * (RFC 7748 5), so both are the same key. */
static void test_highest_bit(void **state)
{
    (void)state;
    struct client_key c = client_key(GROUP_X25519);
    struct key_share k;
    c.sent[31] ^= 0x80;
    assert_int_equal(agree(GROUP_X25519, (struct str){(char *)c.sent, c.n}, &k), 0);
    assert_true(agrees(GROUP_X25519, &c, &k));
    client_key_free(&c);
}

/* A maker serves one client after the other: what one sent has no part in what the next gets. */
static void test_one_after_the_other(void **state)
{
    (void)state;
    struct client_key bad = client_key(GROUP_X25519);
    struct client_key good = client_key(GROUP_X25519);
    struct key_share k;
    for (size_t i = 0; i < ROWS(refused); i++) {
        assert_int_equal(agree(refused[i].group, refused[i].octets, &k), -ERR_MALFORMED);
        assert_int_equal(agree(GROUP_X25519, (struct str){(char *)good.sent, good.n}, &k), 0);
        CHECK_ROW(refused[i].says, agrees(GROUP_X25519, &good, &k));
        CHECK_ROW(refused[i].says, !agrees(GROUP_X25519, &bad, &k));
    }
    client_key_free(&bad);
    client_key_free(&good);
}

/* ---- Providers that do X25519 in another way ---- */

enum way { AS_EVER, NO_PAIRS, WRONG_PRODUCTS };

enum { ALGORITHMS_MAX = 64, FUNCTIONS_MAX = 64 };

/* The default provider, of which two functions are ours. */
static struct {
    enum way way;
    OSSL_PROVIDER *base;
    OSSL_FUNC_keymgmt_import_fn *import;
    OSSL_FUNC_keyexch_derive_fn *derive;
} odd;

/* One that looks whether both halves of a key go together. */
static int on_import(void *key, int selection, const OSSL_PARAM parts[])
{
    bool both = OSSL_PARAM_locate_const(parts, OSSL_PKEY_PARAM_PRIV_KEY) != NULL &&
                OSSL_PARAM_locate_const(parts, OSSL_PKEY_PARAM_PUB_KEY) != NULL;
    return both && odd.way == NO_PAIRS ? 0 : odd.import(key, selection, parts);
}

static int on_derive(void *x, unsigned char *out, size_t *n, size_t room)
{
    int rc = odd.derive(x, out, n, room);
    if (rc == 1 && out != NULL && odd.way == WRONG_PRODUCTS) {
        out[0] ^= 1;
    }
    return rc;
}

typedef void (*function_fn)(void);

/* All of an operation, with function id of X25519 replaced by other; returns that function. */
static function_fn change(const OSSL_ALGORITHM *all, OSSL_ALGORITHM out[ALGORITHMS_MAX],
                          OSSL_DISPATCH functions[FUNCTIONS_MAX], int id, function_fn other)
{
    function_fn found = NULL;
    size_t n = 0;
    for (; all[n].algorithm_names != NULL; n++) {
        assert_true(n + 1 < ALGORITHMS_MAX);
        out[n] = all[n];
        if (strncmp(all[n].algorithm_names, "X25519", 6) != 0) {
            continue;
        }
        const OSSL_DISPATCH *from = all[n].implementation;
        out[n].implementation = functions;
        for (size_t i = 0; from[i].function_id != 0; i++) {
            assert_true(i + 1 < FUNCTIONS_MAX);
            functions[i] = from[i];
            if (from[i].function_id == id) {
                found = from[i].function;
                functions[i].function = other;
            }
        }
    }
    assert_non_null(found);
    return found;
}

static const OSSL_ALGORITHM *on_query(void *arg, int operation, int *no_cache)
{
    static OSSL_ALGORITHM keys[ALGORITHMS_MAX];
    static OSSL_ALGORITHM exchanges[ALGORITHMS_MAX];
    static OSSL_DISPATCH of_keys[FUNCTIONS_MAX];
    static OSSL_DISPATCH of_exchanges[FUNCTIONS_MAX];
    (void)arg;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(odd.base, operation, no_cache);
    if (operation == OSSL_OP_KEYMGMT) {
        odd.import = (OSSL_FUNC_keymgmt_import_fn *)change(
            all, keys, of_keys, OSSL_FUNC_KEYMGMT_IMPORT, (function_fn)on_import);
        return keys;
    }
    if (operation == OSSL_OP_KEYEXCH) {
        odd.derive = (OSSL_FUNC_keyexch_derive_fn *)change(
            all, exchanges, of_exchanges, OSSL_FUNC_KEYEXCH_DERIVE, (function_fn)on_derive);
        return exchanges;
    }
    return all;
}

static void on_teardown(void *arg)
{
    (void)arg;
}

static int on_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                   const OSSL_DISPATCH **out, void **context)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_TEARDOWN, (function_fn)on_teardown},
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (function_fn)on_query},
        {0, NULL},
    };
    (void)handle;
    (void)in;
    *out = functions;
    *context = OSSL_PROVIDER_get0_provider_ctx(odd.base);
    return 1;
}

/* No maker where an exchange with OpenSSL's own key does not come out: clients would find that. */
static void test_tried(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        enum way way;
        bool made;
    } rows[] = {{"no private key with the public part of another", NO_PAIRS, false},
                {"products that are wrong", WRONG_PRODUCTS, false},
                {"as ever", AS_EVER, true}};
    if (OPENSSL_version_minor() > 1) {
        print_message("skipped: later versions of OpenSSL ask providers for more, and there "
                      "handshakes are not ours\n");
        skip();
    }
    OSSL_LIB_CTX *inner = OSSL_LIB_CTX_new();
    OSSL_LIB_CTX *outer = OSSL_LIB_CTX_new();
    odd.base = OSSL_PROVIDER_load(inner, "default");
    assert_non_null(odd.base);
    assert_int_equal(OSSL_PROVIDER_add_builtin(outer, "odd", on_init), 1);
    OSSL_PROVIDER *provider = OSSL_PROVIDER_load(outer, "odd");
    assert_non_null(provider);
    for (size_t i = 0; i < ROWS(rows); i++) {
        odd.way = rows[i].way;
        struct key_maker *m = key_maker_new(outer);
        CHECK_ROW(rows[i].says, (m != NULL) == rows[i].made);
        CHECK_ROW(rows[i].says, ERR_peek_error() == 0);
        key_maker_free(m);
    }
    (void)OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(outer);
    (void)OSSL_PROVIDER_unload(odd.base);
    OSSL_LIB_CTX_free(inner);
}

/* ---- Without memory ---- */

static void test_no_maker(void **state)
{
    (void)state;
    unsigned long made = 1;
    unsigned failures = 0;
    for (unsigned long nth = 1; nth <= made + 1; nth++) {
        mem_fail_after(nth, false);
        library_memory_fails = true;
        struct key_maker *m = key_maker_new(NULL);
        library_memory_fails = false;
        made = mem_allocations();
        mem_fail_after(0, false);
        assert_true(m != NULL || nth <= made);
        assert_int_equal(ERR_peek_error(), 0);
        failures += m == NULL ? 1 : 0;
        key_maker_free(m);
    }
    assert_true(failures > 3);
    key_maker_free(NULL);
}

/* Whatever fails: there is no agreement, or a right one. */
static void test_without_memory(void **state)
{
    (void)state;
    static const unsigned groups[] = {GROUP_X25519, GROUP_P256};
    for (size_t i = 0; i < ROWS(groups); i++) {
        struct client_key c = client_key(groups[i]);
        unsigned failures = 0;
        unsigned long made = 1;
        for (unsigned long nth = 1; nth <= made + 1; nth++) {
            struct key_share k;
            mem_fail_after(nth, false);
            library_memory_fails = true;
            int rc = key_share_agree(maker, groups[i], (struct str){(char *)c.sent, c.n}, &k);
            library_memory_fails = false;
            made = mem_allocations();
            mem_fail_after(0, false);
            assert_true(rc != 0 || agrees(groups[i], &c, &k));
            assert_true(rc == 0 || rc == -ERR_CRYPTO || rc == -ERR_MALFORMED);
            assert_true(rc == 0 || nth <= made);
            failures += rc != 0 ? 1 : 0;
        }
        assert_true(failures > 3);
        client_key_free(&c);
    }
}

static int set_up(void **state)
{
    (void)state;
    maker = key_maker_new(NULL);
    return maker != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    key_maker_free(maker);
    return 0;
}

int main(void)
{
    if (!library_memory_openssl()) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_points),
        cmocka_unit_test(test_agreed),
        cmocka_unit_test(test_highest_bit),
        cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_tried),
        cmocka_unit_test(test_no_maker),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
