/* proxy/tls/handshake_site.c: what is not ours to do first, then what is chosen of a client's
 * lists, and what is said to all. */
#include <stdio.h>

#include "proxy/tls/handshake_site.h"
#include "proxy/tls/library.h"
#include "proxy/tls/proof.h"
#include "proxy/tls/site_inner.h"
#include "tests/support/check.h"
#include "tests/unit/proxy/tls/lab.h"

/* STR() for tables: theirs must be constant. */
#define IN(literal)                                                                                \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

/* A certificate for key as STEM.crt and STEM.key. */
static void write_pair(const char *stem, EVP_PKEY *key)
{
    char file[64];
    X509 *x = pki_cert(&(struct pki_spec){.common_name = "www.example",
                                          .purpose = "serverAuth",
                                          .san = "DNS:www.example"},
                       key, lab.ca, lab.ca_key);
    (void)snprintf(file, sizeof(file), "%s.crt", stem);
    lab_write(&lab, file, pki_cert_pem(x));
    (void)snprintf(file, sizeof(file), "%s.key", stem);
    lab_write(&lab, file, pki_key_pem(key));
    X509_free(x);
    EVP_PKEY_free(key);
}

/* A key with the public part of another: what it signs is not by the key of its certificate, though
 * all that OpenSSL looks at when it is loaded goes together. */
static EVP_PKEY *mixed_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY *other = EVP_EC_gen("P-256");
    unsigned char *octets = NULL;
    size_t n = EVP_PKEY_get1_encoded_public_key(other, &octets);
    assert_int_equal(EVP_PKEY_set1_encoded_public_key(key, octets, n), 1);
    OPENSSL_free(octets);
    EVP_PKEY_free(other);
    return key;
}

static int set_up(void **state)
{
    (void)lab_set_up(state);
    write_pair("mixed", mixed_key());
    write_pair("P-384", EVP_EC_gen("P-384"));
    write_pair("P-521", EVP_EC_gen("P-521"));
    write_pair("ED25519", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    write_pair("ED448", EVP_PKEY_Q_keygen(NULL, NULL, "ED448"));
    write_pair("RSA", pki_rsa_key(2048));
    return 0;
}

/* A table of one site; two: the certificate that it has beside the first, or NULL. */
static struct tls_sites *load(const char *one, const char *two, const struct conf_tuning *tuning,
                              enum conf_client_mode mode, bool names)
{
    static struct lab_setting s; /* outlives the table */
    static struct conf_also also;
    char file[64];
    const struct tls_options options = {.keys = TLS_KEYS_ALL, .tuning = tuning};
    lab_setting_init(&s, &lab, mode, CONF_ON_FAILURE_REFUSE);
    s.site.client.send_ca_names = names;
    (void)snprintf(file, sizeof(file), "%s.crt", one);
    s.site.certificate.p = lab_path(&lab, file);
    (void)snprintf(file, sizeof(file), "%s.key", one);
    s.site.key.p = lab_path(&lab, file);
    if (two != NULL) {
        (void)snprintf(file, sizeof(file), "%s.crt", two);
        also.certificate.p = lab_path(&lab, file);
        (void)snprintf(file, sizeof(file), "%s.key", two);
        also.key.p = lab_path(&lab, file);
        s.site.also = &also;
        s.site.also_count = 1;
    }
    return lab_sites_with(&s.listener, &options);
}

static const struct handshake_site *site_in(const struct tls_sites *t)
{
    return site_of(tls_sites_at(t, 0))->handshake;
}

/* ---- Not ours ---- */

static void test_not_ours(void **state)
{
    (void)state;
    static struct conf_text wide[] = {{.p = "X25519"}, {.p = "P-384"}};
    static struct conf_text other[] = {{.p = "P-521"}};
    static const struct {
        const char *says;
        const char *one;
        const char *two;
        struct conf_texts groups;
        bool own_handshake;
        bool fixed_chain;
        bool own_records;
        bool ours;
    } rows[] = {
        {"switched off", "server", NULL, {NULL, 0}, false, true, true, false},
        {"without fixed_chain", "server", NULL, {NULL, 0}, true, false, true, false},
        {"with OpenSSL's records", "server", NULL, {NULL, 0}, true, true, false, false},
        {"a key on P-521", "P-521", NULL, {NULL, 0}, true, true, true, false},
        {"a key that we know, and one that we do not",
         "RSA",
         "P-521",
         {NULL, 0},
         true,
         true,
         true,
         false},
        {"the same the other way round", "P-521", "RSA", {NULL, 0}, true, true, true, false},
        {"a key that fails the trial", "mixed", NULL, {NULL, 0}, true, true, true, false},
        {"a group that we do not know", "server", NULL, {other, 1}, true, true, true, false},
        {"one that we know and one that we do not",
         "server",
         NULL,
         {wide, 2},
         true,
         true,
         true,
         false},
        {"a key on P-256", "server", NULL, {NULL, 0}, true, true, true, true},
        {"a key on P-384", "P-384", NULL, {NULL, 0}, true, true, true, true},
        {"a key of RSA", "RSA", NULL, {NULL, 0}, true, true, true, true},
        {"a key of Ed25519", "ED25519", NULL, {NULL, 0}, true, true, true, true},
        {"a key of Ed448", "ED448", NULL, {NULL, 0}, true, true, true, true},
        {"two that we know", "RSA", "server", {NULL, 0}, true, true, true, true},
        {"one group that we know", "server", NULL, {wide, 1}, true, true, true, true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct conf_tuning tuning = lab_tuning;
        tuning.groups = rows[i].groups;
        tuning.own_handshake = rows[i].own_handshake;
        tuning.fixed_chain = rows[i].fixed_chain;
        tuning.own_records = rows[i].own_records;
        struct tls_sites *t = load(rows[i].one, rows[i].two, &tuning, CONF_CLIENT_REQUIRE, false);
        CHECK_ROW(rows[i].says, (site_in(t) != NULL) == rows[i].ours);
        CHECK_ROW(rows[i].says, t->own_handshake == rows[i].ours);
        tls_sites_unref(t);
    }
    handshake_site_free(NULL);
}

/* ---- What is chosen ---- */

#define AES_128 "\x13\1"
#define AES_256 "\x13\2"
#define CHACHA  "\x13\3"
#define GREASE  "\72\72"
#define OLD     "\300\53"

static void test_suites(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str suites;
        enum traffic_suite with_128_first; /* NO_CHOICE: none */
        enum traffic_suite with_256_first;
    } rows[] = {
        {"none of TLS 1.3", IN(OLD GREASE), TRAFFIC_SUITES, TRAFFIC_SUITES},
        {"CCM only", IN("\x13\4\x13\5"), TRAFFIC_SUITES, TRAFFIC_SUITES},
        {"across two numbers", IN("\1\x13\1\1"), TRAFFIC_SUITES, TRAFFIC_SUITES},
        {"all, OpenSSL's order", IN(AES_256 CHACHA AES_128), TRAFFIC_AES_128_GCM,
         TRAFFIC_AES_256_GCM},
        {"all, 128 first", IN(AES_128 AES_256 CHACHA), TRAFFIC_AES_128_GCM, TRAFFIC_AES_256_GCM},
        {"ChaCha first", IN(CHACHA AES_128 AES_256), TRAFFIC_CHACHA20_POLY1305,
         TRAFFIC_CHACHA20_POLY1305},
        {"ChaCha first behind what is no suite", IN(GREASE "\0\377\126\0" CHACHA AES_128),
         TRAFFIC_CHACHA20_POLY1305, TRAFFIC_CHACHA20_POLY1305},
        {"ChaCha behind a suite of TLS 1.2", IN(GREASE OLD CHACHA AES_128), TRAFFIC_AES_128_GCM,
         TRAFFIC_CHACHA20_POLY1305},
        {"ChaCha of TLS 1.2 first", IN("\314\251" AES_256 AES_128 CHACHA),
         TRAFFIC_CHACHA20_POLY1305, TRAFFIC_CHACHA20_POLY1305},
        {"ChaCha of TLS 1.2 only", IN("\314\250" AES_256 AES_128), TRAFFIC_AES_128_GCM,
         TRAFFIC_AES_256_GCM},
        {"what is no suite only", IN(GREASE GREASE), TRAFFIC_SUITES, TRAFFIC_SUITES},
        {"ChaCha second", IN(AES_128 CHACHA), TRAFFIC_AES_128_GCM, TRAFFIC_CHACHA20_POLY1305},
        {"ChaCha behind 256", IN(AES_256 CHACHA), TRAFFIC_CHACHA20_POLY1305, TRAFFIC_AES_256_GCM},
        {"ChaCha alone", IN(CHACHA), TRAFFIC_CHACHA20_POLY1305, TRAFFIC_CHACHA20_POLY1305},
        {"256 alone", IN(AES_256), TRAFFIC_AES_256_GCM, TRAFFIC_AES_256_GCM},
        {"128 alone", IN(AES_128), TRAFFIC_AES_128_GCM, TRAFFIC_AES_128_GCM},
    };
    for (size_t i = 0; i < ROWS(rows) * 2; i++) {
        struct conf_tuning tuning = lab_tuning;
        tuning.aes_128_first = i % 2 == 0;
        struct tls_sites *t = load("server", NULL, &tuning, CONF_CLIENT_OFF, false);
        const struct client_hello h = {.suites = rows[i / 2].suites,
                                       .groups = STR("\0\35"),
                                       .schemes = STR("\4\3"),
                                       .shares = STR("\0\35\0\1x")};
        struct handshake_choice c;
        enum traffic_suite wanted =
            i % 2 == 0 ? rows[i / 2].with_128_first : rows[i / 2].with_256_first;
        CHECK_ROW(rows[i / 2].says,
                  handshake_site_choose(site_in(t), &h, &c) == (wanted != TRAFFIC_SUITES));
        CHECK_ROW(rows[i / 2].says, c.suite == wanted);
        tls_sites_unref(t);
    }
}

static void test_groups(void **state)
{
    (void)state;
    static struct conf_text p256[] = {{.p = "P-256"}};
    static struct conf_text x25519[] = {{.p = "X25519"}};
    static struct conf_text both[] = {{.p = "P-256"}, {.p = "X25519"}};
    static const struct {
        const char *says;
        struct conf_texts ours;
        struct str groups;
        struct str shares;
        unsigned group; /* 0: none */
    } rows[] = {
        {"a share of another group", {NULL, 0}, IN("\0\30\0\35"), IN("\0\30\0\1x"), 0},
        {"X25519 where P-256 is wanted", {p256, 1}, IN("\0\35"), IN("\0\35\0\1x"), 0},
        {"P-256 where X25519 is wanted", {x25519, 1}, IN("\0\27"), IN("\0\27\0\1x"), 0},
        {"a share that the list does not name", {NULL, 0}, IN("\0\27"), IN("\0\35\0\1x"), 0},
        {"X25519", {NULL, 0}, IN("\0\35\0\27"), IN("\0\35\0\1x"), GROUP_X25519},
        {"P-256", {NULL, 0}, IN("\0\35\0\27"), IN("\0\27\0\1x"), GROUP_P256},
        {"P-256 as it is named", {both, 2}, IN("\0\27"), IN("\0\27\0\1x"), GROUP_P256},
        {"X25519 as it is named", {x25519, 1}, IN("\0\35"), IN("\0\35\0\1x"), GROUP_X25519},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct conf_tuning tuning = lab_tuning;
        tuning.groups = rows[i].ours;
        struct tls_sites *t = load("server", NULL, &tuning, CONF_CLIENT_OFF, false);
        const struct client_hello h = {.suites = STR(AES_128),
                                       .groups = rows[i].groups,
                                       .schemes = STR("\4\3"),
                                       .shares = rows[i].shares};
        struct handshake_choice c;
        CHECK_ROW(rows[i].says, handshake_site_choose(site_in(t), &h, &c) == (rows[i].group != 0));
        CHECK_ROW(rows[i].says, c.group == rows[i].group);
        if (rows[i].group != 0) {
            CHECK_STR(rows[i].says, c.share, STR("x"));
        }
        tls_sites_unref(t);
    }
}

static void test_pairs(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *one;
        const char *two;
        struct str schemes;
        struct str in_certificates; /* all are by the CA's key on P-256, with SHA-256 */
        unsigned scheme;            /* 0: none */
    } rows[] = {
        {"another curve", "server", NULL, IN("\5\3\10\4"), IN(""), 0},
        {"RSA by PKCS#1 only", "RSA", NULL, IN("\4\1\5\1\6\1"), IN(""), 0},
        {"RSA by another digest only", "RSA", NULL, IN("\10\5\10\6"), IN(""), 0},
        {"ECDSA for a site of RSA", "RSA", NULL, IN("\4\3"), IN(""), 0},
        {"neither of two", "RSA", "server", IN("\5\3\10\7"), IN(""), 0},
        {"Ed448 for a site of Ed25519", "ED25519", NULL, IN("\4\3\10\10"), IN(""), 0},
        {"certificates by RSA only", "server", NULL, IN("\4\3"), IN("\4\1\10\4\10\11"), 0},
        {"certificates with SHA-384 only", "server", NULL, IN("\4\3"), IN("\5\3"), 0},
        {"certificates by RSA only: the key's kind is another matter", "RSA", NULL, IN("\10\4"),
         IN("\4\1\10\4"), 0},
        {"such, of two", "server", "RSA", IN("\4\3\10\4"), IN("\10\4"), 0},
        {"P-256", "server", NULL, IN("\10\4\4\3"), IN(""), 0x0403},
        {"P-256, and certificates as they are", "server", NULL, IN("\4\3"), IN("\4\1\4\3"), 0x0403},
        {"RSA, and certificates as they are", "RSA", NULL, IN("\10\4"), IN("\4\3"), 0x0804},
        {"P-384", "P-384", NULL, IN("\4\3\5\3"), IN(""), 0x0503},
        {"RSA", "RSA", NULL, IN("\4\3\10\4"), IN(""), 0x0804},
        {"Ed25519", "ED25519", NULL, IN("\4\3\10\7"), IN(""), 0x0807},
        {"Ed448", "ED448", NULL, IN("\4\3\10\10"), IN(""), 0x0808},
        {"the first of two", "server", "RSA", IN("\10\4\4\3"), IN(""), 0x0403},
        {"the first of two, configured the other way round", "RSA", "server", IN("\10\4\4\3"),
         IN(""), 0x0403},
        {"the second of two", "server", "RSA", IN("\10\4"), IN(""), 0x0804},
        {"P-384 rather than RSA", "RSA", "P-384", IN("\10\4\5\3"), IN(""), 0x0503},
        {"Ed25519 rather than RSA, though its number is higher", "RSA", "ED25519", IN("\10\4\10\7"),
         IN(""), 0x0807},
        {"P-256 rather than Ed25519", "ED25519", "server", IN("\10\7\4\3"), IN(""), 0x0403},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tls_sites *t = load(rows[i].one, rows[i].two, &lab_tuning, CONF_CLIENT_OFF, false);
        const struct client_hello h = {.suites = STR(AES_128),
                                       .groups = STR("\0\35"),
                                       .schemes = rows[i].schemes,
                                       .cert_schemes = rows[i].in_certificates,
                                       .shares = STR("\0\35\0\1x")};
        struct handshake_choice c;
        CHECK_ROW(rows[i].says, handshake_site_choose(site_in(t), &h, &c) == (rows[i].scheme != 0));
        CHECK_ROW(rows[i].says, (c.pair != NULL) == (rows[i].scheme != 0));
        if (rows[i].scheme != 0) {
            CHECK_ROW(rows[i].says, c.pair->scheme == rows[i].scheme);
            const struct proof p = {.digest = STR("what was said, in thirty-two oct")};
            unsigned char signature[PROOF_MAX];
            size_t n = 0;
            CHECK_ROW(rows[i].says, proof_sign(&p, c.pair->key, signature, &n));
        }
        tls_sites_unref(t);
    }
}

/* ---- What is said ---- */

/* The message Certificate: its own certificate, without extensions. */
static void test_certificate(void **state)
{
    (void)state;
    struct tls_sites *t = load("server", NULL, &lab_tuning, CONF_CLIENT_OFF, false);
    const struct handshake_pair *pair = &site_in(t)->pairs[0];
    unsigned char *der = NULL;
    int n = i2d_X509(SSL_CTX_get0_certificate(site_of(tls_sites_at(t, 0))->context), &der);
    assert_true(n > 0);
    const unsigned char head[] = {11,
                                  0,
                                  (unsigned char)((n + 9) >> 8),
                                  (unsigned char)(n + 9),
                                  0,
                                  0,
                                  (unsigned char)((n + 5) >> 8),
                                  (unsigned char)(n + 5),
                                  0,
                                  (unsigned char)(n >> 8),
                                  (unsigned char)n};
    assert_int_equal(pair->sent.n, sizeof(head) + (size_t)n + 2);
    assert_memory_equal(pair->sent.p, head, sizeof(head));
    assert_memory_equal(pair->sent.p + sizeof(head), der, (size_t)n);
    assert_memory_equal(pair->sent.p + sizeof(head) + n, "\0\0", 2);
    OPENSSL_free(der);
    tls_sites_unref(t);
}

/* The message CertificateRequest, with and without the names of CAs. */
static void test_request(void **state)
{
    (void)state;
    unsigned char *name = NULL;
    int name_n = i2d_X509_NAME(X509_get_subject_name(lab.ca), &name);
    struct str schemes = proof_schemes();
    static const struct {
        const char *says;
        enum conf_client_mode mode;
        bool names;
        bool asked;
        bool required;
    } rows[] = {
        {"off", CONF_CLIENT_OFF, true, false, false},
        {"optional", CONF_CLIENT_OPTIONAL, false, true, false},
        {"required", CONF_CLIENT_REQUIRE, false, true, true},
        {"required, with names", CONF_CLIENT_REQUIRE, true, true, true},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tls_sites *t = load("server", NULL, &lab_tuning, rows[i].mode, rows[i].names);
        const struct handshake_site *h = site_in(t);
        CHECK_ROW(rows[i].says, (h->request.n > 0) == rows[i].asked);
        CHECK_ROW(rows[i].says, h->required == rows[i].required);
        size_t wanted =
            4 + 1 + 2 + 4 + 2 + schemes.n + (rows[i].names ? 4 + 2 + 2 + (size_t)name_n : 0);
        CHECK_ROW(rows[i].says, !rows[i].asked || h->request.n == wanted);
        CHECK_ROW(rows[i].says, !rows[i].asked || h->request.p[0] == 13);
        CHECK_ROW(rows[i].says,
                  !rows[i].asked || memcmp(h->request.p + 13, schemes.p, schemes.n) == 0);
        bool named =
            rows[i].asked && memmem(h->request.p, h->request.n, name, (size_t)name_n) != NULL;
        CHECK_ROW(rows[i].says, named == (rows[i].names && rows[i].asked));
        tls_sites_unref(t);
    }
    OPENSSL_free(name);
}

int main(void)
{
    if (!library_shakes_hands(&lab_tuning)) {
        (void)printf("skipped: with this OpenSSL handshakes are its own\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_ours),    cmocka_unit_test(test_suites),
        cmocka_unit_test(test_groups),      cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_certificate), cmocka_unit_test(test_request),
    };
    return cmocka_run_group_tests(tests, set_up, lab_tear_down);
}
