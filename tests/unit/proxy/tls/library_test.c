/* proxy/tls/library.c, narrow.c, narrow_p256.c: when a narrow context is used, what is in it, and
 * that it reads keys as the default one does. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

#include "conf/model.h"
#include "proxy/tls/library.h"
#include "proxy/tls/narrow.h"
#include "proxy/tls/proof.h"
#include "tests/support/check.h"

static void test_versions(void **state)
{
    (void)state;
    static const struct {
        unsigned major;
        unsigned minor;
        enum library_way way;
    } rows[] = {{1, 1, LIBRARY_AS_IT_IS}, {4, 0, LIBRARY_AS_IT_IS}, {4, 2, LIBRARY_AS_IT_IS},
                {3, 0, LIBRARY_NARROW},   {3, 1, LIBRARY_NARROW},   {3, 2, LIBRARY_BESIDE},
                {3, 6, LIBRARY_BESIDE},   {3, 7, LIBRARY_AS_IT_IS}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(library_way(rows[i].major, rows[i].minor), rows[i].way);
    }
}

/* What a system asks for by default, before anything was tried. */
static void test_set_up(void **state)
{
    (void)state;
    static const struct {
        const char *properties;
        bool own;
    } systems[] = {{"fips=yes", true},          {"provider=absent", true},
                   {"provider!=default", true}, {"?provider=absent", false},
                   {"provider=default", false}, {"", false}};
    for (size_t i = 0; i < ROWS(systems); i++) {
        assert_int_equal(EVP_set_default_properties(NULL, systems[i].properties), 1);
        CHECK_ROW(systems[i].properties, library_is_set_up() == systems[i].own);
    }
}

/* What is tried with a version must work with it. */
static void test_choice(void **state)
{
    (void)state;
    const char *why = "not set";
    OSSL_LIB_CTX *c = library_context(&why);
    enum library_way way = library_way(OPENSSL_version_major(), OPENSSL_version_minor());
    if (why != NULL) {
        fail_msg("%s", why);
    }
    assert_true((c != NULL) == (way == LIBRARY_NARROW));
    assert_true((library_query(true) != NULL) == (way == LIBRARY_BESIDE));
    assert_true((library_query(false) != NULL) == (way != LIBRARY_AS_IT_IS));
    assert_true(library_hears_keys() == (way != LIBRARY_AS_IT_IS));
    assert_ptr_equal(library_context(&why), c);
}

/* Handshakes of our own: with all that they take, and no other OpenSSL than those that have a
 * narrow context. */
static void test_own_handshakes(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct conf_tuning tuning;
        bool may;
    } rows[] = {
        {"nothing", {.own_handshake = false}, false},
        {"libssl's records",
         {.own_handshake = true, .fixed_chain = true, .narrow_crypto = true},
         false},
        {"a chain that may change",
         {.own_handshake = true, .own_records = true, .narrow_crypto = true},
         false},
        {"the default context",
         {.own_handshake = true, .own_records = true, .fixed_chain = true},
         false},
        {"libssl's handshakes",
         {.own_records = true, .fixed_chain = true, .narrow_crypto = true},
         false},
        {"all",
         {.own_handshake = true, .own_records = true, .fixed_chain = true, .narrow_crypto = true},
         true}};
    enum library_way way = library_way(OPENSSL_version_major(), OPENSSL_version_minor());
    bool may = way == LIBRARY_NARROW && library_offers_just(proof_schemes());
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].says, library_shakes_hands(&rows[i].tuning) == (rows[i].may && may));
    }
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

enum { POINT_AT = 27, P256_SIZE = 91, SPKI_MAX = 1200 };

struct spki {
    unsigned char octets[SPKI_MAX];
    size_t n;
};

static void make_spki(struct spki *s, const char *curve)
{
    EVP_PKEY *key = EVP_EC_gen(curve);
    unsigned char *p = s->octets;
    assert_non_null(key);
    int n = i2d_PUBKEY(key, NULL);
    assert_true(n > 0 && n <= SPKI_MAX);
    s->n = (size_t)i2d_PUBKEY(key, &p);
    EVP_PKEY_free(key);
}

static void explicit_form(struct spki *s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    unsigned char *p = s->octets;
    assert_non_null(key);
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit"), 1);
    s->n = (size_t)i2d_PUBKEY(key, &p);
    assert_true(s->n > P256_SIZE && s->n <= SPKI_MAX);
    EVP_PKEY_free(key);
}

static void as_it_is(struct spki *s)
{
    assert_int_equal(s->n, P256_SIZE);
}

static void off_the_curve(struct spki *s)
{
    s->octets[P256_SIZE - 1] ^= 1;
}

static void beyond_the_field(struct spki *s)
{
    memset(s->octets + POINT_AT, 0xff, 32);
}

static void nowhere(struct spki *s)
{
    memset(s->octets + POINT_AT, 0, 64);
}

static void infinity(struct spki *s)
{
    static const unsigned char tail[] = {0x03, 0x02, 0x00, 0x00};
    s->octets[1] = 0x19;
    memcpy(s->octets + 23, tail, sizeof(tail));
    s->n = 27;
}

static void hybrid(struct spki *s)
{
    s->octets[26] = (unsigned char)(6 | (s->octets[P256_SIZE - 1] & 1));
}

static void wrong_hybrid(struct spki *s)
{
    s->octets[26] = (unsigned char)(7 ^ (s->octets[P256_SIZE - 1] & 1));
}

static void compressed(struct spki *s)
{
    s->octets[1] = 0x39;
    s->octets[24] = 0x22;
    s->octets[26] = (unsigned char)(2 | (s->octets[P256_SIZE - 1] & 1));
    s->n = 59;
}

static void cut_short(struct spki *s)
{
    s->n--;
}

static void one_more_inside(struct spki *s)
{
    s->octets[1]++;
    s->octets[24]++;
    s->octets[s->n++] = 0;
}

static void unused_bits(struct spki *s)
{
    s->octets[25] = 1;
}

static void other_curve(struct spki *s)
{
    make_spki(s, "P-384");
}

static void other_curve_of_its_length(struct spki *s)
{
    make_spki(s, "secp256k1");
}

static void no_such_curve(struct spki *s)
{
    s->octets[22] = 0x63;
}

/* What a context reads in s: curve, encoding of it, and point; empty: nothing. */
static void look(const struct spki *s, OSSL_LIB_CTX *context, struct spki *out)
{
    const unsigned char *p = s->octets;
    EVP_PKEY *key = d2i_PUBKEY_ex(NULL, &p, (long)s->n, context, NULL);
    size_t n = 0;
    out->n = 0;
    if (key != NULL) {
        static const char *const texts[] = {"group", "encoding", "point-format"};
        for (size_t i = 0; i < ROWS(texts); i++) {
            (void)EVP_PKEY_get_utf8_string_param(key, texts[i], (char *)out->octets + out->n, 40,
                                                 &n);
            out->n += n;
        }
        if (EVP_PKEY_get_octet_string_param(key, "pub", out->octets + out->n, SPKI_MAX - out->n,
                                            &n) == 1) {
            out->n += n;
        }
    }
    EVP_PKEY_free(key);
    ERR_clear_error();
}

/* Whatever a client sends as its key: it is what the default context makes of it, or refused. */
static void test_keys_read(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        void (*change)(struct spki *s);
        bool good;
    } rows[] = {
        {"a point off the curve", off_the_curve, false},
        {"a coordinate beyond the field", beyond_the_field, false},
        {"the point 0, 0", nowhere, false},
        {"a hybrid point with the wrong bit", wrong_hybrid, false},
        {"an octet too few", cut_short, false},
        {"an octet too many in the bit string", one_more_inside, false},
        {"a curve that nobody knows", no_such_curve, false},
        {"a usual key", as_it_is, true},
        {"a hybrid point", hybrid, true},
        {"a compressed point", compressed, true},
        {"another curve", other_curve, true},
    };
    OSSL_LIB_CTX *c = narrow_context();
    assert_non_null(c);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct spki s;
        struct spki narrow;
        struct spki whole;
        make_spki(&s, "P-256");
        rows[i].change(&s);
        look(&s, c, &narrow);
        look(&s, NULL, &whole);
        CHECK_ROW(rows[i].what, (whole.n > 0) == rows[i].good);
        CHECK_ROW(rows[i].what, narrow.n == whole.n);
        CHECK_ROW(rows[i].what, memcmp(narrow.octets, whole.octets, whole.n) == 0);
    }
}

/* Forms of which only the default context's word counts, whatever it is. */
static void test_odd_keys_read(void **state)
{
    (void)state;
    static void (*const changes[])(struct spki *) = {explicit_form, infinity, unused_bits,
                                                     other_curve_of_its_length};
    for (size_t i = 0; i < ROWS(changes); i++) {
        struct spki s;
        struct spki narrow;
        struct spki whole;
        make_spki(&s, "P-256");
        changes[i](&s);
        look(&s, narrow_context(), &narrow);
        look(&s, NULL, &whole);
        assert_int_equal(narrow.n, whole.n);
        assert_memory_equal(narrow.octets, whole.octets, whole.n);
    }
}

/* A key that was read verifies what its other half has signed, and nothing else; many are apart. */
static void test_keys_used(void **state)
{
    (void)state;
    static const unsigned char text[] = "text";
    EVP_PKEY *known[3];
    unsigned char signatures[3][80];
    size_t sizes[3];
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *own = EVP_EC_gen("P-256");
        unsigned char *der = NULL;
        int n = i2d_PUBKEY(own, &der);
        const unsigned char *p = der;
        known[i] = d2i_PUBKEY_ex(NULL, &p, n, narrow_context(), NULL);
        assert_non_null(known[i]);
        EVP_MD_CTX *m = EVP_MD_CTX_new();
        sizes[i] = sizeof(signatures[i]);
        assert_int_equal(EVP_DigestSignInit(m, NULL, EVP_sha256(), NULL, own), 1);
        assert_int_equal(EVP_DigestSign(m, signatures[i], &sizes[i], text, sizeof(text)), 1);
        EVP_MD_CTX_free(m);
        OPENSSL_free(der);
        EVP_PKEY_free(own);
    }
    for (size_t i = 0; i < 9; i++) {
        EVP_MD_CTX *m = EVP_MD_CTX_new();
        assert_int_equal(
            EVP_DigestVerifyInit_ex(m, NULL, "SHA256", narrow_context(), NULL, known[i / 3], NULL),
            1);
        int good = EVP_DigestVerify(m, signatures[i % 3], sizes[i % 3], text, sizeof(text));
        assert_int_equal(good == 1, i / 3 == i % 3);
        EVP_MD_CTX_free(m);
    }
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY_free(known[i]);
    }
    ERR_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),      cmocka_unit_test(test_set_up),
        cmocka_unit_test(test_choice),        cmocka_unit_test(test_own_handshakes),
        cmocka_unit_test(test_contents),      cmocka_unit_test(test_keys_read),
        cmocka_unit_test(test_odd_keys_read), cmocka_unit_test(test_keys_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
