/* proxy/tls/session.c and the settings of context.c, against OpenSSL's client. */
#include <malloc.h>

#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "tests/support/library_memory.h"
#include "tests/unit/proxy/tls/lab_client.h"

static void versions(void **state)
{
    (void)state;
    static const struct {
        enum conf_tls_version oldest;
        int spoken;
        const char *version; /* NULL: refused */
        const char *suite;
    } rows[] = {
        {CONF_TLS_1_2, TLS1_1_VERSION, NULL, NULL},
        {CONF_TLS_1_2, TLS1_2_VERSION, "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"},
        {CONF_TLS_1_2, TLS1_3_VERSION, "TLSv1.3", "TLS_AES_128_GCM_SHA256"},
        {CONF_TLS_1_3, TLS1_2_VERSION, NULL, NULL},
        {CONF_TLS_1_3, TLS1_3_VERSION, "TLSv1.3", "TLS_AES_128_GCM_SHA256"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lab_setting s;
        lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        s.listener.min_version = rows[i].oldest;
        struct tls_sites *t = lab_sites(&s.listener);
        X509 *x = lab_good_client(&lab);
        struct lab_client c;
        lab_client_init(&c, rows[i].spoken, x, lab.key);
        lab_client_join(&c, t, NULL);
        enum tls_result r = lab_handshake(&c);
        if (rows[i].version == NULL) {
            assert_int_equal(r, TLS_FAILED);
            assert_int_equal(tls_session_reason(c.session), REASON_TLS_VERSION_OR_CIPHER);
            assert_int_equal(c.alert, PROTOCOL_VERSION);
        } else {
            assert_int_equal(r, TLS_OK);
            assert_string_equal(tls_session_version(c.session).p, rows[i].version);
            assert_string_equal(tls_session_cipher(c.session).p, rows[i].suite);
        }
        lab_client_fini(&c);
        X509_free(x);
        tls_sites_unref(t);
    }
}

/* Suites without forward secrecy or AEAD, and groups that cost us more than the client. */
static void refused_offers(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int version;
        const char *suites;
        const char *groups;
    } rows[] = {
        {"RSA key exchange", TLS1_2_VERSION, "AES128-GCM-SHA256", NULL},
        {"CBC", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", NULL},
        {"finite field", TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256", NULL},
        {"P-521", TLS1_3_VERSION, NULL, "P-521"},
        {"ffdhe2048", TLS1_3_VERSION, NULL, "ffdhe2048"},
        {"P-384", TLS1_2_VERSION, NULL, "P-384"},
    };
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_OFF, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lab_client c;
        lab_client_init(&c, rows[i].version, NULL, NULL);
        if (rows[i].suites != NULL) {
            assert_int_equal(SSL_CTX_set_cipher_list(c.context, rows[i].suites), 1);
        }
        if (rows[i].groups != NULL) {
            /* The macro for this drops const, which clang minds. */
            assert_int_equal(SSL_CTX_ctrl(c.context, SSL_CTRL_SET_GROUPS_LIST, 0,
                                          (void *)(uintptr_t)rows[i].groups),
                             1);
        }
        lab_client_join(&c, t, NULL);
        enum tls_result r = lab_handshake(&c);
        if (r != TLS_FAILED || tls_session_reason(c.session) != REASON_TLS_VERSION_OR_CIPHER) {
            fail_msg("%s: result %d, %s: %s", rows[i].what, r,
                     reason_token(tls_session_reason(c.session)), tls_session_detail(c.session).p);
        }
        assert_int_equal(c.alert, HANDSHAKE_FAILURE);
        lab_client_fini(&c);
    }
    tls_sites_unref(t);
}

/* A client whose first guess of a group is not ours is asked again, and its name still holds. */
static void asked_again(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    X509 *x = lab_good_client(&lab);
    for (size_t step = 0; step < 2; step++) {
        static char groups[] = "P-384:P-256";
        struct lab_client c;
        lab_client_init(&c, TLS1_3_VERSION, x, lab.key);
        assert_int_equal(SSL_CTX_set1_groups_list(c.context, groups), 1);
        lab_client_join(&c, t, "www.example");
        c.step = step;
        assert_int_equal(lab_handshake(&c), TLS_OK);
        assert_int_equal(tls_session_peer_reason(c.session), REASON_OK);
        assert_string_equal(tls_session_name(c.session).p, "www.example");
        lab_client_fini(&c);
    }
    X509_free(x);
    tls_sites_unref(t);
}

/* The second ClientHello asks for another name than the first: refused. */
static void name_changed(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_OFF, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    static char groups[] = "P-384:P-256";
    struct lab_client c;
    lab_client_init(&c, TLS1_3_VERSION, NULL, NULL);
    assert_int_equal(SSL_CTX_set1_groups_list(c.context, groups), 1);
    lab_client_join(&c, t, "www.example");
    (void)SSL_do_handshake(c.ssl);
    assert_int_equal(lab_feed(&c, lab_from_client(&c)), TLS_WANT);
    (void)BIO_reset(SSL_get_wbio(c.ssl));
    lab_to_client(&c);
    (void)SSL_do_handshake(c.ssl);
    struct str hello = lab_from_client(&c);
    char *copy = mem_dup(hello.p, hello.n);
    char *name = memmem(copy, hello.n, "www.example", 11);
    assert_non_null(name);
    name[0] = 'x';
    assert_int_equal(lab_feed(&c, (struct str){copy, hello.n}), TLS_FAILED);
    assert_int_equal(tls_session_reason(c.session), REASON_TLS_PROTOCOL_ERROR);
    assert_string_equal(tls_session_name(c.session).p, "www.example");
    mem_free(copy);
    lab_client_fini(&c);
    tls_sites_unref(t);
}

static EVP_PKEY *pss_key(void)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    assert_int_equal(EVP_PKEY_keygen_init(c), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(c, 2048), 1);
    assert_int_equal(EVP_PKEY_generate(c, &key), 1);
    EVP_PKEY_CTX_free(c);
    return key;
}

static EVP_PKEY *key_of_kind(const char *kind)
{
    if (strcmp(kind, "RSA-PSS") == 0) {
        return pss_key();
    }
    return kind[0] == 'P'   ? EVP_EC_gen(kind)
           : kind[0] == 'R' ? pki_rsa_key(2048)
                            : EVP_PKEY_Q_keygen(NULL, NULL, kind);
}

/* The short list of groups bounds the cost of the key exchange, not the keys of certificates; nor
 * does a narrow library context. */
static void keys_of_clients(void **state)
{
    (void)state;
    static const char *const kinds[] = {"P-256", "P-384", "P-521",  "ED25519",
                                        "ED448", "RSA",   "RSA-PSS"};
    static const struct conf_tuning wide = {.narrow_crypto = false};
    static struct conf_text group = {.p = "X25519"};
    static const struct conf_tuning short_list = {.narrow_crypto = true, .groups = {&group, 1}};
    static const struct tls_options options[] = {{.keys = TLS_KEYS_ALL, .tuning = &lab_tuning},
                                                 {.keys = TLS_KEYS_ALL, .tuning = &wide},
                                                 {.keys = TLS_KEYS_ALL, .tuning = &short_list},
                                                 {.keys = TLS_KEYS_ALL, .tuning = NULL}};
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        EVP_PKEY *key = key_of_kind(kinds[i]);
        X509 *x = pki_cert(&(struct pki_spec){.common_name = "alice"}, key, lab.ca, lab.ca_key);
        for (size_t k = 0; k < sizeof(options) / sizeof(options[0]) * 2; k++) {
            struct tls_sites *t = lab_sites_with(&s.listener, &options[k / 2]);
            struct lab_client c;
            lab_client_init(&c, k % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, x, key);
            lab_client_join(&c, t, NULL);
            if (lab_handshake(&c) != TLS_OK) {
                fail_msg("%s: %s", kinds[i], tls_session_detail(c.session).p);
            }
            lab_client_fini(&c);
            tls_sites_unref(t);
        }
        X509_free(x);
        EVP_PKEY_free(key);
    }
}

static void not_tls(void **state)
{
    (void)state;
    static const struct {
        const char *octets;
        enum reason reason;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", REASON_PLAIN_HTTP_ON_TLS_PORT},
        {"POST / HTTP/1.1\r\n", REASON_PLAIN_HTTP_ON_TLS_PORT},
        {"OPTIONS * HTTP/1.1\r\n", REASON_PLAIN_HTTP_ON_TLS_PORT},
        {"DELETE / HTTP/1.1\r\n", REASON_PLAIN_HTTP_ON_TLS_PORT},
        {"CONNECT a:443 HTTP/1.1\r\n", REASON_PLAIN_HTTP_ON_TLS_PORT},
        {"\x16\x03\x01\x7f\xff\x01 too long a record", REASON_TLS_PROTOCOL_ERROR},
        {"\x17\x03\x03\x7f\x7f data before a handshake", REASON_TLS_PROTOCOL_ERROR},
        {"\r\n\r\n\r\n\r\n", REASON_TLS_PROTOCOL_ERROR},
    };
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_OFF, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) * 2; i++) {
        struct lab_client c = {.step = i % 2, .session = tls_session_new(t)};
        assert_int_equal(lab_feed(&c, str_of(rows[i / 2].octets)), TLS_FAILED);
        assert_string_equal(reason_token(tls_session_reason(c.session)),
                            reason_token(rows[i / 2].reason));
        if (rows[i / 2].reason == REASON_PLAIN_HTTP_ON_TLS_PORT) {
            assert_int_equal(buf_len(tls_session_out(c.session)), 0);
        }
        assert_int_equal(tls_session_handshake(c.session), TLS_FAILED);
        assert_false(tls_session_has_input(c.session));
        tls_session_free(c.session);
    }
    tls_sites_unref(t);
}

/* A client that does not know our CA says so; its words are the detail. */
static void client_alert(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_OFF, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct lab_client c;
        lab_client_init(&c, version, NULL, NULL);
        SSL_CTX_set_verify(c.context, SSL_VERIFY_PEER, NULL);
        lab_client_join(&c, t, NULL);
        assert_int_equal(lab_handshake(&c), TLS_FAILED);
        assert_int_equal(tls_session_reason(c.session), REASON_TLS_CLIENT_ALERT);
        assert_string_equal(tls_session_detail(c.session).p, "alert unknown ca");
        lab_client_fini(&c);
    }
    tls_sites_unref(t);
}

/* Everything that the client wrote, read through the session in pieces of piece octets. */
static size_t read_all(struct lab_client *c, char *out, size_t max, size_t piece)
{
    struct str octets = lab_from_client(c);
    size_t total = 0;
    size_t step = c->step > 0 ? c->step : octets.n;
    while (octets.n > 0) {
        size_t given = step < octets.n ? step : octets.n;
        tls_session_input(c->session, str_slice(octets, 0, given));
        octets = str_slice(octets, given, octets.n);
        size_t n = 0;
        while (total < max &&
               tls_session_read(c->session, out + total, piece < max - total ? piece : max - total,
                                &n) == TLS_OK) {
            assert_true(n > 0);
            total += n;
        }
        assert_false(tls_session_has_input(c->session));
        assert_int_equal(tls_session_settle(c->session), 0);
    }
    (void)BIO_reset(SSL_get_wbio(c->ssl));
    return total;
}

static void data_both_ways(void **state)
{
    (void)state;
    enum { MAX = 100000 };
    static const struct {
        size_t n;
        size_t step;
        size_t piece;
    } rows[] = {
        {1, 0, MAX}, {1, 1, 1}, {16384, 0, MAX}, {16385, 0, 1000}, {3000, 1, 7}, {MAX, 0, 16384},
    };
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    char *sent = malloc(MAX);
    char *got = malloc(MAX);
    assert_true(sent != NULL && got != NULL);
    assert_int_equal(RAND_bytes((unsigned char *)sent, MAX), 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) * 2; i++) {
        size_t n = rows[i / 2].n;
        struct lab_client c;
        lab_join_good(&lab, &c, t, i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
        c.step = rows[i / 2].step;
        assert_int_equal(SSL_write(c.ssl, sent, (int)n), n);
        assert_int_equal(read_all(&c, got, MAX, rows[i / 2].piece), n);
        assert_memory_equal(sent, got, n);
        assert_int_equal(tls_session_write(c.session, (struct str){sent, n}), TLS_OK);
        lab_to_client(&c);
        tls_session_idle(c.session);
        for (size_t have = 0; have < n;) {
            int k = SSL_read(c.ssl, got + have, (int)(MAX - have));
            assert_true(k > 0);
            have += (size_t)k;
        }
        assert_memory_equal(sent, got, n);
        lab_client_fini(&c);
    }
    free(sent);
    free(got);
    tls_sites_unref(t);
}

/* The handshake cut into single octets comes out the same. */
static void octet_by_octet(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    X509 *x = lab_good_client(&lab);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        for (int with = 0; with < 2; with++) {
            struct lab_client c;
            lab_client_init(&c, version, with != 0 ? x : NULL, lab.key);
            lab_client_join(&c, t, "www.example");
            c.step = 1;
            assert_int_equal(lab_handshake(&c), with != 0 ? TLS_OK : TLS_FAILED);
            assert_int_equal(tls_session_peer_reason(c.session),
                             with != 0 ? REASON_OK : REASON_CLIENT_CERT_MISSING);
            lab_client_fini(&c);
        }
    }
    X509_free(x);
    tls_sites_unref(t);
}

/* Application data right behind the client's Finished is not lost. */
static void early_request(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    X509 *x = lab_good_client(&lab);
    struct lab_client c;
    lab_client_init(&c, TLS1_3_VERSION, x, lab.key);
    lab_client_join(&c, t, NULL);
    (void)SSL_do_handshake(c.ssl);
    assert_int_equal(lab_feed(&c, lab_from_client(&c)), TLS_WANT);
    (void)BIO_reset(SSL_get_wbio(c.ssl));
    lab_to_client(&c);
    assert_int_equal(SSL_do_handshake(c.ssl), 1);
    assert_int_equal(SSL_write(c.ssl, "hello", 5), 5);
    assert_int_equal(lab_feed(&c, lab_from_client(&c)), TLS_OK);
    assert_true(tls_session_has_input(c.session));
    char got[16];
    size_t n;
    assert_int_equal(tls_session_read(c.session, got, sizeof(got), &n), TLS_OK);
    assert_true(str_eq((struct str){got, n}, STR("hello")));
    assert_int_equal(tls_session_read(c.session, got, sizeof(got), &n), TLS_WANT);
    assert_false(tls_session_has_input(c.session));
    lab_client_fini(&c);
    X509_free(x);
    tls_sites_unref(t);
}

/* What waits to be sent has a bound, whoever buffers: who wants more has to send first. */
static void more_than_fits(void **state)
{
    (void)state;
    static const struct {
        size_t sent;
        size_t more;
        bool fits;
    } rows[] = {
        {0, TLS_SESSION_OUT_MAX + 1, false},
        {0, TLS_SESSION_OUT_MAX * 4, false},
        {TLS_SESSION_OUT_MAX / 2, TLS_SESSION_OUT_MAX / 2, false},
        {TLS_SESSION_OUT_MAX / 2, TLS_SESSION_OUT_MAX / 4, true},
        {0, TLS_SESSION_OUT_MAX - 4096, true},
    };
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    char *octets = calloc(4, TLS_SESSION_OUT_MAX);
    assert_non_null(octets);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) * 2; i++) {
        struct lab_client c;
        size_t sent = rows[i / 2].sent;
        lab_join_good(&lab, &c, t, i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
        assert_int_equal(tls_session_write(c.session, (struct str){octets, sent}), TLS_OK);
        enum tls_result r = tls_session_write(c.session, (struct str){octets, rows[i / 2].more});
        assert_int_equal(r, rows[i / 2].fits ? TLS_OK : TLS_FAILED);
        assert_true(buf_len(tls_session_out(c.session)) <= TLS_SESSION_OUT_MAX);
        if (!rows[i / 2].fits) {
            assert_int_equal(tls_session_reason(c.session), REASON_OUT_OF_MEMORY);
        }
        lab_client_fini(&c);
    }
    free(octets);
    tls_sites_unref(t);
}

/* The server's flight of a handshake does not fit: that is the end, not a wait for more. */
static void flight_without_room(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_OFF, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    for (size_t i = 0; i < 4; i++) {
        struct lab_client c;
        lab_client_init(&c, i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, NULL, NULL);
        lab_client_join(&c, t, NULL);
        c.step = i / 2;
        tls_session_out(c.session)->cap = 100;
        assert_int_equal(lab_handshake(&c), TLS_FAILED);
        assert_int_equal(tls_session_reason(c.session), REASON_OUT_OF_MEMORY);
        lab_client_fini(&c);
    }
    tls_sites_unref(t);
}

static void the_end(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct lab_client c;
        char got[16];
        size_t n;
        lab_join_good(&lab, &c, t, version);
        tls_session_shutdown(c.session);
        size_t queued = buf_len(tls_session_out(c.session));
        assert_true(queued > 0);
        tls_session_shutdown(c.session);
        assert_int_equal(buf_len(tls_session_out(c.session)), queued);
        lab_to_client(&c);
        assert_int_equal(SSL_read(c.ssl, got, sizeof(got)), 0);
        assert_int_equal(SSL_get_error(c.ssl, 0), SSL_ERROR_ZERO_RETURN);
        (void)SSL_shutdown(c.ssl);
        tls_session_input(c.session, lab_from_client(&c));
        assert_int_equal(tls_session_read(c.session, got, sizeof(got), &n), TLS_CLOSED);
        assert_int_equal(tls_session_settle(c.session), 0);
        tls_session_input(c.session, STR("behind the end"));
        assert_int_equal(tls_session_settle(c.session), 0);
        assert_false(tls_session_has_input(c.session)); /* nobody waits for it */
        assert_int_equal(tls_session_read(c.session, got, sizeof(got), &n), TLS_CLOSED);
        lab_client_part(&c);

        lab_client_join(&c, t, NULL);
        tls_session_shutdown(c.session); /* before the handshake: nothing to end */
        assert_int_equal(buf_len(tls_session_out(c.session)), 0);
        assert_int_equal(lab_handshake(&c), TLS_OK);
        assert_int_equal(SSL_write(c.ssl, "hello", 5), 5);
        struct str octets = lab_from_client(&c);
        char *broken = mem_dup(octets.p, octets.n);
        broken[octets.n - 1] ^= 1;
        tls_session_input(c.session, (struct str){broken, octets.n});
        assert_int_equal(tls_session_read(c.session, got, sizeof(got), &n), TLS_FAILED);
        assert_int_equal(n, 0);
        assert_int_equal(tls_session_reason(c.session), REASON_TLS_PROTOCOL_ERROR);
        assert_true(buf_len(tls_session_out(c.session)) > 0);
        assert_int_equal(tls_session_write(c.session, STR("x")), TLS_FAILED);
        mem_free(broken);
        lab_client_fini(&c);
    }
    tls_sites_unref(t);
}

/* Nothing that would skip the judgement of the certificate is handed out or taken. */
static void no_resumption(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct lab_client c;
        lab_join_good(&lab, &c, t, version);
        SSL_SESSION *old = SSL_get1_session(c.ssl);
        assert_int_equal(SSL_SESSION_has_ticket(old), 0);
        assert_int_equal(SSL_SESSION_is_resumable(old), 0);
        lab_client_part(&c);
        lab_client_join(&c, t, NULL);
        (void)SSL_set_session(c.ssl, old);
        assert_int_equal(lab_handshake(&c), TLS_OK);
        assert_int_equal(SSL_session_reused(c.ssl), 0);
        assert_non_null(tls_session_peer(c.session));
        SSL_SESSION_free(old);
        lab_client_fini(&c);
    }
    tls_sites_unref(t);
}

static void no_renegotiation(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    struct lab_client c;
    lab_join_good(&lab, &c, t, TLS1_2_VERSION);
    assert_int_equal(SSL_renegotiate(c.ssl), 1);
    (void)SSL_do_handshake(c.ssl);
    char got[16];
    size_t n;
    tls_session_input(c.session, lab_from_client(&c));
    assert_int_equal(tls_session_read(c.session, got, sizeof(got), &n), TLS_WANT);
    assert_int_equal(tls_session_settle(c.session), 0);
    lab_to_client(&c);
    ERR_clear_error();
    assert_int_not_equal(SSL_do_handshake(c.ssl), 1);
    assert_int_equal(ERR_GET_REASON(ERR_get_error()), SSL_R_NO_RENEGOTIATION);
    lab_client_fini(&c);
    tls_sites_unref(t);
}

/* A CA is named to clients only when that is wanted. */
static void ca_names(void **state)
{
    (void)state;
    for (int wanted = 0; wanted < 2; wanted++) {
        struct lab_setting s;
        lab_setting_init(&s, &lab, CONF_CLIENT_OPTIONAL, CONF_ON_FAILURE_REFUSE);
        s.site.client.send_ca_names = wanted != 0;
        struct tls_sites *t = lab_sites(&s.listener);
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            struct lab_client c;
            lab_join_good(&lab, &c, t, version);
            const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(c.ssl);
            assert_int_equal(names != NULL ? sk_X509_NAME_num(names) : 0, wanted);
            lab_client_fini(&c);
        }
        tls_sites_unref(t);
    }
}

/* One handshake whose nth allocation in the session fails; 0: none. Returns how many there were. */
static unsigned long handshake_without(struct lab_client *c, struct tls_sites *t, bool accepted,
                                       unsigned long nth)
{
    mem_fail_after(nth, false);
    lab_client_join(c, t, "www.example");
    enum tls_result r = c->session != NULL ? lab_handshake(c) : TLS_FAILED;
    unsigned long allocations = mem_allocations();
    mem_fail_after(0, false);
    assert_true(accepted || r != TLS_OK);
    assert_true(!accepted || r == TLS_OK || nth != 0);
    if (r == TLS_OK) {
        assert_int_equal(tls_session_peer_reason(c->session), REASON_OK);
        assert_non_null(tls_session_peer(c->session));
    } else if (c->session != NULL) {
        assert_int_not_equal(tls_session_reason(c->session), REASON_OK);
    }
    lab_client_part(c);
    return allocations;
}

/* Each allocation of the session, ours and OpenSSL's, fails in turn: the handshake fails or comes
 * out right, and a certificate that is not accepted never becomes one that is. */
static void without_memory(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    X509 *good = lab_good_client(&lab);
    X509 *bad = lab_issue(&lab, &(struct pki_spec){.common_name = "alice",
                                                   .not_before_s = PKI_NOW_S - 20 * PKI_DAY_S,
                                                   .not_after_s = PKI_NOW_S - 10 * PKI_DAY_S});
    for (int row = 0; row < 4; row++) {
        struct lab_client c;
        lab_client_init(&c, row % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION, row < 2 ? good : bad,
                        lab.key);
        c.fails = true;
        unsigned long needed = handshake_without(&c, t, row < 2, 0);
        for (unsigned long nth = 1; nth <= needed; nth += nth < 40 ? 1 : 1 + needed / 150) {
            (void)handshake_without(&c, t, row < 2, nth);
        }
        lab_client_fini(&c);
    }
    X509_free(good);
    X509_free(bad);
    tls_sites_unref(t);
}

/* Reported, not asserted: the heap that an idle session holds. */
static void memory_when_idle(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static struct tls_session *idle[COUNT];
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    size_t before = 0;
    for (size_t i = 0; i < COUNT; i++) {
        if (i == COUNT / 2) {
            before = mallinfo2().uordblks;
        }
        struct lab_client c;
        lab_join_good(&lab, &c, t, TLS1_3_VERSION);
        assert_int_equal(tls_session_write(c.session, STR("an answer")), TLS_OK);
        lab_to_client(&c);
        tls_session_idle(c.session);
        idle[i] = c.session;
        c.session = NULL;
        lab_client_fini(&c);
    }
    print_message("an idle session holds %zu octets of heap\n",
                  (mallinfo2().uordblks - before) / (COUNT / 2));
    for (size_t i = 0; i < COUNT; i++) {
        tls_session_free(idle[i]);
    }
    tls_sites_unref(t);
}

int main(void)
{
    if (!library_memory_openssl()) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions),
        cmocka_unit_test(refused_offers),
        cmocka_unit_test(asked_again),
        cmocka_unit_test(name_changed),
        cmocka_unit_test(keys_of_clients),
        cmocka_unit_test(not_tls),
        cmocka_unit_test(client_alert),
        cmocka_unit_test(data_both_ways),
        cmocka_unit_test(octet_by_octet),
        cmocka_unit_test(early_request),
        cmocka_unit_test(the_end),
        cmocka_unit_test(more_than_fits),
        cmocka_unit_test(flight_without_room),
        cmocka_unit_test(no_resumption),
        cmocka_unit_test(no_renegotiation),
        cmocka_unit_test(ca_names),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(memory_when_idle),
    };
    int failed = 0;
    const char *way;
    for (size_t i = 0; (way = lab_use_way(i)) != NULL; i++) {
        failed += cmocka_run_group_tests_name(way, tests, lab_set_up, lab_tear_down);
    }
    return failed;
}
