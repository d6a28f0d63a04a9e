/* proxy/tls/proof.c against signatures that this file makes and looks at by itself: what is no
 * proof first. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/mem.h"
#include "proxy/tls/proof.h"
#include "tests/support/check.h"
#include "tests/support/library_memory.h"
#include "tests/support/pki.h"

/* STR() for tables: theirs must be constant. */
#define IN(literal)                                                                                \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

enum kind { P256, P384, P521, K256, ED25519, ED448, RSA_2048, RSA_PSS, RSA_PSS_384, KINDS };

static const char *const kind_names[KINDS] = {"P-256",     "P-384",   "P-521",
                                              "secp256k1", "ED25519", "ED448",
                                              "RSA",       "RSA-PSS", "RSA-PSS, SHA384 only"};

static EVP_PKEY *keys[KINDS];

static EVP_PKEY *pss_key(const EVP_MD *only)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    assert_int_equal(EVP_PKEY_keygen_init(c), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(c, 2048), 1);
    if (only != NULL) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_md(c, only), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(c, only), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(c, EVP_MD_get_size(only)), 1);
    }
    assert_int_equal(EVP_PKEY_generate(c, &key), 1);
    EVP_PKEY_CTX_free(c);
    return key;
}

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        keys[i] = i <= K256       ? EVP_EC_gen(kind_names[i])
                  : i <= ED448    ? EVP_PKEY_Q_keygen(NULL, NULL, kind_names[i])
                  : i == RSA_2048 ? pki_rsa_key(2048)
                                  : pss_key(i == RSA_PSS ? NULL : EVP_sha384());
        assert_non_null(keys[i]);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        EVP_PKEY_free(keys[i]);
    }
    return 0;
}

/* RFC 8446 4.2.3. */
static const struct {
    unsigned number;
    enum kind kind;
    const char *digest;
} schemes[] = {
    {0x0403, P256, "SHA256"},     {0x0503, P384, "SHA384"},     {0x0603, P521, "SHA512"},
    {0x0807, ED25519, NULL},      {0x0808, ED448, NULL},        {0x0804, RSA_2048, "SHA256"},
    {0x0805, RSA_2048, "SHA384"}, {0x0806, RSA_2048, "SHA512"}, {0x0809, RSA_PSS, "SHA256"},
    {0x080a, RSA_PSS, "SHA384"},  {0x080b, RSA_PSS, "SHA512"},
};

static bool is_rsa(enum kind kind)
{
    return kind >= RSA_2048;
}

/* How a client signs, and how it should not. */
struct signing {
    const char *digest;
    int padding; /* 0: RSA's are PSS */
    int salt;    /* 0: as long as the digest */
    const char *mgf1;
    const char *context;
    size_t spaces;
    struct str transcript;
};

static const char by_client[] = "TLS 1.3, client CertificateVerify";
static const char by_server[] = "TLS 1.3, server CertificateVerify";

#define DIGEST_32 "0123456789abcdef0123456789abcdef"
#define DIGEST_48 DIGEST_32 "ABCDEFGHIJKLMNOP"

static size_t content_of(const struct signing *how, unsigned char out[256])
{
    size_t n = how->spaces;
    memset(out, 0x20, n);
    memcpy(out + n, how->context, strlen(how->context) + 1);
    n += strlen(how->context) + 1;
    memcpy(out + n, how->transcript.p, how->transcript.n);
    return n + how->transcript.n;
}

static void set_rsa(EVP_PKEY_CTX *x, const struct signing *how)
{
    int padding = how->padding != 0 ? how->padding : RSA_PKCS1_PSS_PADDING;
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(x, padding), 1);
    if (padding == RSA_PKCS1_PSS_PADDING) {
        int salt = how->salt != 0 ? how->salt : RSA_PSS_SALTLEN_DIGEST;
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(x, salt == -100 ? 0 : salt), 1);
        if (how->mgf1 != NULL) {
            assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(x, how->mgf1, NULL), 1);
        }
    }
}

/* The signature in out[PROOF_MAX]. */
static struct str sign(enum kind kind, const struct signing *how, unsigned char *out)
{
    unsigned char content[256];
    size_t content_n = content_of(how, content);
    size_t n = PROOF_MAX;
    EVP_PKEY_CTX *x = NULL;
    EVP_MD_CTX *m = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit_ex(m, &x, how->digest, NULL, NULL, keys[kind], NULL), 1);
    if (is_rsa(kind)) {
        set_rsa(x, how);
    }
    assert_int_equal(EVP_DigestSign(m, out, &n, content, content_n), 1);
    EVP_MD_CTX_free(m);
    return (struct str){(char *)out, n};
}

/* Where keys are set up; NULL: the default context. */
static OSSL_LIB_CTX *library;

/* Whether p holds with a signature in a piece of memory of just its size; asked twice, as a key may
 * be used again. */
static bool holds(const struct proof *p, unsigned scheme, enum kind kind, struct str signature)
{
    struct proof_key *k = proof_key_new(library, scheme, keys[kind], false);
    char *copy = malloc(signature.n > 0 ? signature.n : 1);
    assert_non_null(copy);
    memcpy(copy, signature.p, signature.n);
    bool yes = k != NULL && proof_holds(p, k, (struct str){copy, signature.n});
    assert_true(k == NULL || proof_holds(p, k, (struct str){copy, signature.n}) == yes);
    proof_key_free(k);
    free(copy);
    ERR_clear_error();
    return yes;
}

/* ---- What does not hold ---- */

/* Things that are signed, and how, in other ways than by what is asked for. */
static const struct {
    const char *says;
    bool rsa_only;
    struct signing how; /* cleared fields are right ones */
} wrong[] = {
    {"as a server", false, {.context = by_server}},
    {"for no role", false, {.context = "TLS 1.3, CertificateVerify"}},
    {"another transcript", false, {.transcript = IN("0123456789abcdef0123456789abcdeF")}},
    {"half a transcript", false, {.transcript = IN("0123456789abcdef")}},
    {"without one", false, {.transcript = IN("")}},
    {"of another suite", false, {.transcript = IN(DIGEST_48)}},
    {"63 spaces", false, {.spaces = 63}},
    {"65 spaces", false, {.spaces = 65}},
    {"by PKCS#1 1.5", true, {.padding = RSA_PKCS1_PADDING}},
    {"without salt", true, {.salt = -100}},
    {"with a salt of 20 octets", true, {.salt = 20}},
    {"with as long a salt as goes", true, {.salt = RSA_PSS_SALTLEN_MAX}},
    {"with a mask by another digest", true, {.mgf1 = "SHA1"}},
};

static void test_wrong(void **state)
{
    (void)state;
    const struct proof p = {.by_client = true, .digest = STR(DIGEST_32)};
    for (size_t i = 0; i < ROWS(schemes); i++) {
        enum kind kind = schemes[i].kind;
        struct signing right = {.digest = schemes[i].digest,
                                .context = by_client,
                                .spaces = 64,
                                .transcript = STR(DIGEST_32)};
        for (size_t k = 0; k < ROWS(wrong); k++) {
            unsigned char octets[PROOF_MAX];
            struct signing how = wrong[k].how;
            if ((wrong[k].rsa_only && !is_rsa(kind)) ||
                (kind == RSA_PSS && how.padding != 0)) { /* such a key cannot */
                continue;
            }
            how.digest = right.digest;
            how.context = how.context != NULL ? how.context : right.context;
            how.spaces = how.spaces != 0 ? how.spaces : right.spaces;
            how.transcript = how.transcript.p != NULL ? how.transcript : right.transcript;
            struct str signature = sign(kind, &how, octets);
            CHECK_ROW(wrong[k].says, !holds(&p, schemes[i].number, kind, signature));
        }
    }
}

/* A good signature that was touched. */
static void test_changed(void **state)
{
    (void)state;
    const struct proof p = {.by_client = true, .digest = STR(DIGEST_32)};
    const struct proof other = {.by_client = true, .digest = STR("0" DIGEST_32)};
    const struct proof server = {.by_client = false, .digest = STR(DIGEST_32)};
    for (size_t i = 0; i < ROWS(schemes); i++) {
        unsigned char octets[PROOF_MAX + 1] = {0};
        unsigned number = schemes[i].number;
        enum kind kind = schemes[i].kind;
        const char *says = kind_names[kind];
        struct signing how = {.digest = schemes[i].digest,
                              .context = by_client,
                              .spaces = 64,
                              .transcript = STR(DIGEST_32)};
        const struct str s = sign(kind, &how, octets);
        CHECK_ROW(says, holds(&p, number, kind, s));
        CHECK_ROW(says, !holds(&other, number, kind, s));
        CHECK_ROW(says, !holds(&server, number, kind, s));
        CHECK_ROW(says, !holds(&p, number, kind, STR("")));
        CHECK_ROW(says, !holds(&p, number, kind, str_slice(s, 0, s.n - 1)));
        /* cppcheck-suppress unreadVariable ; s borrows from it */
        octets[s.n] = 0;
        CHECK_ROW(says, !holds(&p, number, kind, (struct str){s.p, s.n + 1}));
        for (size_t at = 0; at < s.n; at += 1 + s.n / 24) {
            /* cppcheck-suppress unreadVariable ; s borrows from it */
            octets[at] ^= 1;
            CHECK_ROW(says, !holds(&p, number, kind, s));
            /* cppcheck-suppress unreadVariable ; s borrows from it */
            octets[at] ^= 1;
        }
        /* By another digest than it was made by, or an unknown scheme. */
        for (size_t k = 0; k < ROWS(schemes); k++) {
            if (schemes[k].digest != NULL && how.digest != NULL &&
                strcmp(schemes[k].digest, how.digest) != 0) {
                CHECK_ROW(says, !holds(&p, schemes[k].number, kind, s));
            }
        }
        CHECK_ROW(says, !holds(&p, 0x0401, kind, s));
        CHECK_ROW(says, !holds(&p, 0, kind, s));
        /* Of another key. */
        for (enum kind k = 0; k < KINDS; k++) {
            if (k != kind) {
                CHECK_ROW(says, !holds(&p, number, k, s));
            }
        }
    }
}

/* Each scheme goes with one kind of key. */
static void test_fits(void **state)
{
    (void)state;
    static const unsigned numbers[] = {
        0x0201, 0x0203, 0x0301, 0x0303, 0x0401, 0x0402, 0x0403, 0x0420, 0x0501, 0x0503,
        0x0601, 0x0603, 0x0704, 0x0708, 0x0803, 0x0804, 0x0805, 0x0806, 0x0807, 0x0808,
        0x0809, 0x080a, 0x080b, 0x080c, 0x081a, 0x081b, 0x0101, 0,      0xffff, 0x0a0a};
    for (enum kind k = 0; k < KINDS; k++) {
        for (size_t i = 0; i < ROWS(numbers); i++) {
            bool fits = false;
            for (size_t s = 0; s < ROWS(schemes); s++) {
                bool kin = schemes[s].kind == k || (schemes[s].kind == RSA_PSS && k == RSA_PSS_384);
                fits = fits || (kin && schemes[s].number == numbers[i]);
            }
            bool ecdsa = numbers[i] == 0x0403 || numbers[i] == 0x0503 || numbers[i] == 0x0603;
            enum proof_fit other = k <= K256 && ecdsa ? PROOF_OTHER_CURVE : PROOF_FITS_NOT;
            CHECK_ROW(kind_names[k],
                      proof_fits(numbers[i], keys[k]) == (fits ? PROOF_FITS : other));
        }
    }
}

/* ---- What holds ---- */

static void test_right(void **state)
{
    (void)state;
    static const struct str digests[] = {IN(DIGEST_32), IN(DIGEST_48)};
    OSSL_LIB_CTX *own = OSSL_LIB_CTX_new();
    for (size_t i = 0; i < ROWS(schemes) * ROWS(digests); i++) {
        unsigned char octets[PROOF_MAX];
        size_t s = i / ROWS(digests);
        struct str digest = digests[i % ROWS(digests)];
        const struct signing how = {
            .digest = schemes[s].digest, .context = by_client, .spaces = 64, .transcript = digest};
        const struct proof p = {.by_client = true, .digest = digest};
        struct str signature = sign(schemes[s].kind, &how, octets);
        CHECK_ROW(kind_names[schemes[s].kind],
                  holds(&p, schemes[s].number, schemes[s].kind, signature));
        library = own;
        CHECK_ROW(kind_names[schemes[s].kind],
                  holds(&p, schemes[s].number, schemes[s].kind, signature));
        library = NULL;
    }
    /* A key that is for one digest only signs with that. */
    unsigned char octets[PROOF_MAX];
    const struct proof p = {.by_client = true, .digest = STR(DIGEST_32)};
    const struct signing how = {
        .digest = "SHA384", .context = by_client, .spaces = 64, .transcript = STR(DIGEST_32)};
    struct str signature = sign(RSA_PSS_384, &how, octets);
    assert_true(holds(&p, 0x080a, RSA_PSS_384, signature));
    assert_false(holds(&p, 0x0809, RSA_PSS_384, signature));
    OSSL_LIB_CTX_free(own);
}

/* ---- What we sign ---- */

static const struct {
    enum kind kind;
    unsigned scheme; /* 0: none */
    const char *digest;
} ours[] = {
    {P521, 0, NULL},          {K256, 0, NULL},          {ED25519, 0x0807, NULL},
    {ED448, 0x0808, NULL},    {RSA_PSS, 0, NULL},       {RSA_PSS_384, 0, NULL},
    {P256, 0x0403, "SHA256"}, {P384, 0x0503, "SHA384"}, {RSA_2048, 0x0804, "SHA256"},
};

static bool verify(enum kind kind, const struct signing *how, const unsigned char *s, size_t n)
{
    unsigned char content[256];
    size_t content_n = content_of(how, content);
    EVP_PKEY_CTX *x = NULL;
    EVP_MD_CTX *m = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit_ex(m, &x, how->digest, NULL, NULL, keys[kind], NULL), 1);
    if (is_rsa(kind)) {
        set_rsa(x, how);
    }
    bool ok = EVP_DigestVerify(m, s, n, content, content_n) == 1;
    EVP_MD_CTX_free(m);
    return ok;
}

static void test_signed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(ours); i++) {
        const char *says = kind_names[ours[i].kind];
        EVP_PKEY *key = keys[ours[i].kind];
        const struct proof p = {.by_client = false, .digest = STR(DIGEST_48)};
        unsigned char octets[PROOF_MAX];
        size_t n = 0;
        CHECK_ROW(says, proof_scheme_of(key) == ours[i].scheme);
        struct proof_key *k = proof_key_new(NULL, ours[i].scheme, key, true);
        CHECK_ROW(says, (k != NULL) == (ours[i].scheme != 0));
        for (int times = 0; k != NULL && times < 2; times++) {
            CHECK_ROW(says, proof_sign(&p, k, octets, &n));
            const struct signing how = {.digest = ours[i].digest,
                                        .context = by_server,
                                        .spaces = 64,
                                        .transcript = STR(DIGEST_48)};
            CHECK_ROW(says, verify(ours[i].kind, &how, octets, n));
        }
        proof_key_free(k);
        ERR_clear_error();
    }
}

/* Every kind of key signs, and is verified with, any number of times: what was signed before, or
 * did not hold, takes no part in it. */
static void test_again(void **state)
{
    (void)state;
    static const struct str digests[] = {IN(DIGEST_32), IN(DIGEST_48), IN(DIGEST_32)};
    OSSL_LIB_CTX *own = OSSL_LIB_CTX_new();
    for (size_t i = 0; i < ROWS(schemes) * 2; i++) {
        enum kind kind = schemes[i / 2].kind;
        const char *says = kind_names[kind];
        OSSL_LIB_CTX *in = i % 2 == 0 ? NULL : own;
        struct proof_key *k = proof_key_new(in, schemes[i / 2].number, keys[kind], true);
        struct proof_key *by = proof_key_new(in, schemes[i / 2].number, keys[kind], false);
        CHECK_ROW(says, k != NULL && by != NULL);
        for (size_t times = 0; times < ROWS(digests); times++) {
            const struct proof p = {.digest = digests[times]};
            const struct proof other = {.digest = digests[times], .by_client = true};
            const struct signing how = {.digest = schemes[i / 2].digest,
                                        .context = by_server,
                                        .spaces = 64,
                                        .transcript = digests[times]};
            unsigned char octets[PROOF_MAX];
            size_t n = 0;
            CHECK_ROW(says, proof_sign(&p, k, octets, &n));
            CHECK_ROW(says, verify(kind, &how, octets, n));
            CHECK_ROW(says, proof_holds(&p, by, (struct str){(char *)octets, n}));
            CHECK_ROW(says, !proof_holds(&other, by, (struct str){(char *)octets, n}));
        }
        proof_key_free(k);
        proof_key_free(by);
        ERR_clear_error();
    }
    OSSL_LIB_CTX_free(own);
}

static void test_offered(void **state)
{
    (void)state;
    struct str offered = proof_schemes();
    assert_int_equal(offered.n % 2, 0);
    for (size_t i = 0; i < ROWS(schemes); i++) {
        bool listed = false;
        for (size_t k = 0; k < offered.n; k += 2) {
            unsigned number =
                (unsigned)(unsigned char)offered.p[k] << 8 | (unsigned char)offered.p[k + 1];
            listed = listed || number == schemes[i].number;
            assert_int_not_equal(number >> 8, 2); /* SHA-1 */
        }
        assert_true(listed);
    }
    assert_int_equal(offered.n, 2 * (ROWS(schemes) + 3));
}

/* Whatever fails: no signature that is none, and none holds that does not. */
static void test_without_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * ROWS(schemes); i++) {
        enum kind kind = schemes[i / 2].kind;
        bool good = i % 2 == 0;
        unsigned char octets[PROOF_MAX];
        const struct signing how = {.digest = schemes[i / 2].digest,
                                    .context = good ? by_client : by_server,
                                    .spaces = 64,
                                    .transcript = STR(DIGEST_32)};
        const struct proof p = {.by_client = true, .digest = STR(DIGEST_32)};
        struct str s = sign(kind, &how, octets);
        unsigned long made = 1;
        for (unsigned long nth = 1; nth <= made + 1; nth++) {
            unsigned char ours_octets[PROOF_MAX];
            size_t n = 0;
            /* A failure may leave an RSA key of OpenSSL's without use. */
            EVP_PKEY *key = EVP_PKEY_dup(keys[kind]);
            EVP_PKEY *too = EVP_PKEY_dup(keys[kind]);
            mem_fail_after(nth, false);
            library_memory_fails = true;
            struct proof_key *by = proof_key_new(NULL, schemes[i / 2].number, key, false);
            bool held = by != NULL && proof_holds(&p, by, s);
            proof_key_free(by);
            library_memory_fails = false;
            made = mem_allocations();
            assert_true(good || !held);
            CHECK_ROW(kind_names[kind], !good || held || nth <= made);

            mem_fail_after(nth, false);
            library_memory_fails = true;
            struct proof_key *with = proof_key_new(NULL, schemes[i / 2].number, too, true);
            bool signs = with != NULL && proof_sign(&p, with, ours_octets, &n);
            proof_key_free(with);
            library_memory_fails = false;
            made = made > mem_allocations() ? made : mem_allocations();
            mem_fail_after(0, false);
            ERR_clear_error();
            assert_true(!signs || (n > 0 && n <= PROOF_MAX));
            EVP_PKEY_free(key);
            EVP_PKEY_free(too);
        }
    }
}

int main(void)
{
    if (!library_memory_openssl()) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong),  cmocka_unit_test(test_changed),
        cmocka_unit_test(test_fits),   cmocka_unit_test(test_right),
        cmocka_unit_test(test_signed), cmocka_unit_test(test_offered),
        cmocka_unit_test(test_again),  cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
