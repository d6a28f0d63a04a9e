/* proxy/tls/narrow_kdf.c: which keys are heard, and that a handshake gives the same as its client's
 * key log; what must not be heard first. */
#include <pthread.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "proxy/tls/library.h"
#include "proxy/tls/narrow.h"
#include "proxy/tls/narrow_kdf.h"
#include "tests/support/check.h"

enum { STEPS_MAX = 8, OUT_MAX = 64 };

/* Whose secret a step derives from. */
enum from { MASTER = 0, CLIENT, SERVER, NOBODY };

struct step {
    const char *label;
    enum from from;
    size_t n;
};

/* What steps derived. */
struct derived {
    unsigned char client[OUT_MAX];
    unsigned char server[OUT_MAX];
    size_t client_n;
    size_t server_n;
};

/* Where a derivation comes from. */
struct source {
    const char *says;
    OSSL_LIB_CTX *library;
    const char *query;
};

static const struct source whole = {.says = "OpenSSL's own"};

/* Those that are heard. */
static struct source ways[4];

static int open_sources(void **state)
{
    (void)state;
    ways[0] = (struct source){.says = "narrow context", .library = narrow_context()};
    ways[1] = (struct source){.says = "beside", .query = NARROW_ASKED};
    ways[2] = (struct source){.says = "narrow context, as OpenSSL does",
                              .library = narrow_context(),
                              .query = NARROW_SAME};
    ways[3] = (struct source){.says = "beside, as OpenSSL does", .query = NARROW_SAME};
    return ways[0].library != NULL && narrow_beside() ? 0 : -1;
}

static bool derive(const struct source *from, struct str secret, const char *label,
                   unsigned char *out, size_t n)
{
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    char digest[] = "SHA384";
    EVP_KDF *kdf = EVP_KDF_fetch(from->library, "TLS13-KDF", from->query);
    EVP_KDF_CTX *x = EVP_KDF_CTX_new(kdf);
    char prefix[] = "tls13 ";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int("mode", &mode),
        OSSL_PARAM_construct_utf8_string("digest", digest, 0),
        OSSL_PARAM_construct_octet_string("key", (void *)(uintptr_t)secret.p, secret.n),
        OSSL_PARAM_construct_octet_string("prefix", prefix, 6),
        OSSL_PARAM_construct_octet_string("label", (void *)(uintptr_t)label, strlen(label)),
        OSSL_PARAM_construct_end(),
    };
    assert_non_null(x);
    bool done = EVP_KDF_derive(x, out, n, params) == 1;
    EVP_KDF_CTX_free(x);
    EVP_KDF_free(kdf);
    return done;
}

static struct str secret_of(const struct derived *d, enum from from)
{
    switch (from) {
    case CLIENT:
        return (struct str){(const char *)d->client, d->client_n};
    case SERVER:
        return (struct str){(const char *)d->server, d->server_n};
    case MASTER:
        return STR("master master master master mast");
    case NOBODY:
        break;
    }
    return STR("nobody nobody nobody nobody nobo");
}

static void take_step(const struct source *from, const struct step *s, struct derived *d)
{
    unsigned char out[OUT_MAX];
    assert_true(s->n <= sizeof(out));
    assert_true(derive(from, secret_of(d, s->from), s->label, out, s->n));
    if (strcmp(s->label, "c ap traffic") == 0) {
        memcpy(d->client, out, s->n);
        d->client_n = s->n;
    } else if (strcmp(s->label, "s ap traffic") == 0) {
        memcpy(d->server, out, s->n);
        d->server_n = s->n;
    }
}

#define BIT(suite) (1U << (suite))
#define AES_128    BIT(TRAFFIC_AES_128_GCM)
#define AES_256    BIT(TRAFFIC_AES_256_GCM)
#define CHACHA     BIT(TRAFFIC_CHACHA20_POLY1305)

static const struct row {
    const char *says;
    struct step steps[STEPS_MAX];
    unsigned client; /* suites for which the side is whole */
    unsigned server;
} rows[] = {
    {"nothing", {{NULL, MASTER, 0}}, 0, 0},
    {"a secret alone", {{"c ap traffic", MASTER, 32}}, 0, 0},
    {"no nonce", {{"c ap traffic", MASTER, 32}, {"key", CLIENT, 16}}, 0, 0},
    {"no key", {{"c ap traffic", MASTER, 32}, {"iv", CLIENT, 12}}, 0, 0},
    {"no secret", {{"key", CLIENT, 16}, {"iv", CLIENT, 12}}, 0, 0},
    {"keys before their secret",
     {{"key", CLIENT, 16}, {"iv", CLIENT, 12}, {"c ap traffic", MASTER, 32}},
     0,
     0},
    {"keys of another secret",
     {{"c ap traffic", MASTER, 32}, {"key", NOBODY, 16}, {"iv", NOBODY, 12}},
     0,
     0},
    {"the nonce of another secret",
     {{"c ap traffic", MASTER, 32}, {"key", CLIENT, 16}, {"iv", NOBODY, 12}},
     0,
     0},
    {"keys of the other side",
     {{"c ap traffic", MASTER, 32},
      {"s ap traffic", MASTER, 32},
      {"key", SERVER, 16},
      {"iv", SERVER, 12}},
     0,
     AES_128},
    {"keys of the handshake",
     {{"c hs traffic", MASTER, 32}, {"key", MASTER, 16}, {"iv", MASTER, 12}},
     0,
     0},
    {"labels that are longer",
     {{"c ap traffic2", MASTER, 32},
      {"c ap traffic", MASTER, 32},
      {"keys", CLIENT, 16},
      {"ivy", CLIENT, 12}},
     0,
     0},
    {"labels that are shorter",
     {{"c ap traffic", MASTER, 32}, {"ke", CLIENT, 16}, {"i", CLIENT, 12}},
     0,
     0},
    {"labels in capitals",
     {{"c ap traffic", MASTER, 32}, {"KEY", CLIENT, 16}, {"IV", CLIENT, 12}},
     0,
     0},
    {"a key of a size that no suite has",
     {{"c ap traffic", MASTER, 32}, {"key", CLIENT, 24}, {"iv", CLIENT, 12}},
     0,
     0},
    {"a key that is too long for any",
     {{"c ap traffic", MASTER, 32}, {"key", CLIENT, 33}, {"iv", CLIENT, 12}},
     0,
     0},
    {"a nonce that is too short",
     {{"c ap traffic", MASTER, 32}, {"key", CLIENT, 16}, {"iv", CLIENT, 8}},
     0,
     0},
    {"a nonce that is too long",
     {{"c ap traffic", MASTER, 32}, {"key", CLIENT, 16}, {"iv", CLIENT, 13}},
     0,
     0},
    {"a secret that is too long for any",
     {{"c ap traffic", MASTER, 49}, {"key", CLIENT, 16}, {"iv", CLIENT, 12}},
     0,
     0},
    {"a long secret and a short key",
     {{"c ap traffic", MASTER, 48}, {"key", CLIENT, 16}, {"iv", CLIENT, 12}},
     0,
     0},
    {"a second handshake that goes no further",
     {{"c ap traffic", MASTER, 32},
      {"key", CLIENT, 16},
      {"iv", CLIENT, 12},
      {"c ap traffic", MASTER, 32}},
     0,
     0},
    {"a second handshake's key only",
     {{"s ap traffic", MASTER, 48},
      {"key", SERVER, 32},
      {"iv", SERVER, 12},
      {"s ap traffic", NOBODY, 48},
      {"key", SERVER, 32}},
     0,
     0},
    {"the client's",
     {{"c ap traffic", MASTER, 32}, {"key", CLIENT, 16}, {"iv", CLIENT, 12}},
     AES_128,
     0},
    {"the server's, nonce first",
     {{"s ap traffic", MASTER, 48}, {"iv", SERVER, 12}, {"key", SERVER, 32}},
     0,
     AES_256},
    {"both, mixed",
     {{"s ap traffic", MASTER, 32},
      {"c ap traffic", MASTER, 32},
      {"key", CLIENT, 32},
      {"key", SERVER, 32},
      {"exp master", MASTER, 48},
      {"iv", CLIENT, 12},
      {"iv", SERVER, 12},
      {"finished", CLIENT, 48}},
     CHACHA,
     CHACHA},
    {"a second handshake",
     {{"c ap traffic", NOBODY, 48},
      {"key", CLIENT, 32},
      {"iv", CLIENT, 12},
      {"c ap traffic", MASTER, 32},
      {"key", CLIENT, 16},
      {"iv", CLIENT, 12}},
     AES_128,
     0},
};

static void take_steps(const struct source *from, const struct row *row, struct derived *d)
{
    for (size_t i = 0; i < STEPS_MAX && row->steps[i].label != NULL; i++) {
        take_step(from, &row->steps[i], d);
    }
}

/* The suites for which the side is whole, with just the keys that were derived. */
static unsigned suites_of(const struct narrow_heard *heard, const char *says, struct str secret)
{
    unsigned found = 0;
    for (int suite = 0; suite <= TRAFFIC_SUITES; suite++) {
        struct traffic_side side;
        unsigned char wanted[OUT_MAX];
        if (!narrow_kdf_side(heard, (enum traffic_suite)suite, &side)) {
            continue;
        }
        size_t key_n = traffic_key_size(side.suite);
        found |= BIT(suite);
        CHECK_ROW(says, side.count == 0 && side.suite == (enum traffic_suite)suite);
        CHECK_ROW(says, secret.n == traffic_secret_size(side.suite));
        CHECK_ROW(says, memcmp(side.secret, secret.p, secret.n) == 0);
        CHECK_ROW(says, derive(&whole, secret, "key", wanted, key_n));
        CHECK_ROW(says, memcmp(side.key, wanted, key_n) == 0);
        CHECK_ROW(says, derive(&whole, secret, "iv", wanted, TRAFFIC_NONCE));
        CHECK_ROW(says, memcmp(side.nonce, wanted, TRAFFIC_NONCE) == 0);
    }
    return found;
}

static void test_heard(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows) * ROWS(ways); i++) {
        const struct row *row = &rows[i / ROWS(ways)];
        struct narrow_keys keys = {.client = {.key_n = 0}};
        struct derived d = {.client_n = 0};
        narrow_kdf_listen(&keys);
        take_steps(&ways[i % ROWS(ways)], row, &d);
        narrow_kdf_listen(NULL);
        CHECK_ROW(row->says,
                  suites_of(&keys.client, row->says, secret_of(&d, CLIENT)) == row->client);
        CHECK_ROW(row->says,
                  suites_of(&keys.server, row->says, secret_of(&d, SERVER)) == row->server);
    }
}

/* Nobody listens, another thread does, or who derives has not asked for what is heard. */
static void *derive_all(void *from)
{
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct derived d = {.client_n = 0};
        take_steps(from, &rows[i], &d);
    }
    return NULL;
}

static void test_not_heard(void **state)
{
    (void)state;
    static const struct narrow_keys nothing;
    struct narrow_keys keys = nothing;
    struct source asks_nothing = whole;
    struct source shuns = {.query = NARROW_SHUN};
    narrow_kdf_listen(&keys);
    (void)derive_all(&asks_nothing);
    (void)derive_all(&shuns);
    for (size_t i = 0; i < ROWS(ways); i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, derive_all, &ways[i]), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    narrow_kdf_listen(NULL);
    for (size_t i = 0; i < ROWS(ways); i++) {
        (void)derive_all(&ways[i]);
    }
    assert_memory_equal(&keys, &nothing, sizeof(keys));
}

/* What fails is not heard, and what does not is the same as OpenSSL's own. */
static void test_same(void **state)
{
    (void)state;
    static const struct narrow_keys nothing;
    struct narrow_keys keys = nothing;
    unsigned char ours[OUT_MAX];
    unsigned char theirs[OUT_MAX];
    static unsigned char much[255 * 48 + 1]; /* more than HKDF can give */
    for (size_t i = 0; i < ROWS(ways); i++) {
        narrow_kdf_listen(&keys);
        CHECK_ROW(ways[i].says,
                  !derive(&ways[i], STR("secret"), "c ap traffic", much, sizeof(much)));
        narrow_kdf_listen(NULL);
        assert_memory_equal(&keys, &nothing, sizeof(keys));
        for (size_t n = 1; n <= OUT_MAX; n++) {
            assert_true(derive(&ways[i], STR("secret"), "c ap traffic", ours, n));
            assert_true(derive(&whole, STR("secret"), "c ap traffic", theirs, n));
            assert_memory_equal(ours, theirs, n);
        }
    }
}

/* Of the KDF alone: nothing else of the default context comes from it, and the default provider is
 * there as before. */
static void test_beside(void **state)
{
    (void)state;
    EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", "provider=" NARROW_BESIDE);
    EVP_KDF *other = EVP_KDF_fetch(NULL, "HKDF", "provider=" NARROW_BESIDE);
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF *asked = EVP_KDF_fetch(NULL, "TLS13-KDF", NARROW_ASKED);
    EVP_KDF *hkdf = EVP_KDF_fetch(NULL, "HKDF", NARROW_ASKED);
    assert_null(md);
    assert_null(other);
    assert_string_equal(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf)), "default");
    assert_string_equal(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(asked)), NARROW_BESIDE);
    assert_string_equal(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(hkdf)), "default");
    assert_true(narrow_beside());
    EVP_KDF_free(kdf);
    EVP_KDF_free(asked);
    EVP_KDF_free(hkdf);
    ERR_clear_error();
}

/* Which providers a system wants to be used by default holds for who asks for ours, too. */
static void test_system_decides(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *properties;
        const char *query;
        const char *provider; /* of the KDF; NULL: there is none */
    } systems[] = {
        {"one that is not there", "provider=absent", NARROW_ASKED, NULL},
        {"one that is not there, shunned", "provider=absent", NARROW_SHUN, NULL},
        {"OpenSSL's", "provider=default", NARROW_ASKED, "default"},
        {"any but ours", "provider!=" NARROW_BESIDE, NARROW_ASKED, "default"},
        {"rather another's", "?provider=absent", NARROW_ASKED, NARROW_BESIDE},
        {"FIPS", "fips=yes", NARROW_ASKED, NULL},
        {"nothing, shunned", "", NARROW_SHUN, "default"},
        {"nothing", "", NARROW_ASKED, NARROW_BESIDE},
        {"OpenSSL's, and to hear", "provider=default", NARROW_SAME, "default"},
        {"FIPS, and to hear", "fips=yes", NARROW_SAME, NULL},
        {"to hear", "", NARROW_SAME, NARROW_BESIDE},
    };
    for (size_t i = 0; i < ROWS(systems); i++) {
        assert_int_equal(EVP_set_default_properties(NULL, systems[i].properties), 1);
        EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", systems[i].query);
        const char *got = kdf != NULL ? OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(kdf)) : NULL;
        CHECK_ROW(systems[i].says, (got != NULL) == (systems[i].provider != NULL));
        CHECK_ROW(systems[i].says, got == NULL || strcmp(got, systems[i].provider) == 0);
        EVP_KDF_free(kdf);
    }
    ERR_clear_error();
}

/* Handshakes are heard in the way that is meant for this version. */
static void test_tried(void **state)
{
    (void)state;
    const char *why = NULL;
    bool tried = library_context(&why) != NULL || library_query(true) != NULL;
    assert_int_equal(library_hears_keys(), tried);
    assert_null(why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heard),          cmocka_unit_test(test_not_heard),
        cmocka_unit_test(test_same),           cmocka_unit_test(test_beside),
        cmocka_unit_test(test_system_decides), cmocka_unit_test(test_tried),
    };
    return cmocka_run_group_tests(tests, open_sources, NULL);
}
