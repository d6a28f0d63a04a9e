/* What each key of the section tuning changes in a handshake, from the text of a configuration to
 * what OpenSSL has in use: that, and nothing else. Not here: what a worker does with its own keys
 * (remember_chains, keep_memory, handshake_steps) and lists (own_lists). */
#include <malloc.h>

#include <openssl/bio.h>
#include <openssl/objects.h>
#include <openssl/provider.h>

#include "conf/load.h"
#include "proxy/tls/library.h"
#include "proxy/tls/proof.h"
#include "proxy/tls/session_inner.h"
#include "proxy/tls/site_inner.h"
#include "tests/support/check.h"
#include "tests/unit/proxy/tls/lab_client.h"

/* A record fits in none that is smaller. */
#define LARGE ((size_t)16384)

/* Pieces of memory that OpenSSL's derivation of keys asks for in that flight, at least. */
#define PIECES_MORE 100

/* Pieces of memory that OpenSSL holds and a record fits in, and how many it has asked for. */
static size_t large;
static size_t asked;

static void *take(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    void *p = malloc(n);
    asked++;
    large += malloc_usable_size(p) >= LARGE ? 1 : 0;
    return p;
}

static void give(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    large -= malloc_usable_size(p) >= LARGE ? 1 : 0;
    free(p);
}

static void *resize(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    large -= malloc_usable_size(p) >= LARGE ? 1 : 0;
    p = realloc(p, n);
    large += malloc_usable_size(p) >= LARGE ? 1 : 0;
    return p;
}

/* What can be seen of a handshake and of the open connection. */
enum part {
    CHAIN,     /* that the client gets */
    ENDS,      /* of OpenSSL's connection object */
    BUFFERS,   /* OpenSSL's, of an idle TLS 1.2 connection */
    KEYS,      /* how those of certificates are read */
    SCHEDULE,  /* whose derivation of TLS 1.3's keys */
    HANDSHAKE, /* whose, of TLS 1.3 */
    RECORDS,   /* whose, of an open TLS 1.3 connection */
    SUITE_1_2,
    SUITE_1_3,
    GROUP,
    PARTS
};

struct in_use {
    const char *part[PARTS];
};

/* Without any key of the section, with this version of OpenSSL. */
static struct in_use usual(void)
{
    const char *why;
    bool narrow = library_context(&why) != NULL;
    bool hears = library_hears_keys();
    /* A later OpenSSL takes more kinds of keys than ours does. */
    bool ours = hears && narrow && library_offers_just(proof_schemes());
    return (struct in_use){{
        [CHAIN] = "as in the file",
        [ENDS] = "own BIO",
        [HANDSHAKE] = ours ? "own" : "OpenSSL's",
        [BUFFERS] = "given back",
        [KEYS] = narrow ? "narrow" : "OpenSSL's",
        [SCHEDULE] = hears ? "own" : "OpenSSL's",
        [RECORDS] = hears ? "own" : "OpenSSL's",
        [SUITE_1_2] = "ECDHE-ECDSA-AES128-GCM-SHA256",
        [SUITE_1_3] = "TLS_AES_128_GCM_SHA256",
        [GROUP] = "X25519",
    }};
}

static struct conf *load(const char *tuning)
{
    static const char form[] =
        "listeners:\n- address: 127.0.0.1:8443\n  tls: { certificate: %s, key: %s }\n"
        "  client: { ca: %s }\nusers: { htpasswd: u }\nroutes: [ { path: /, upstream: app } ]\n"
        "upstreams: { app: { servers: [ \"127.0.0.1:9000\" ] } }\ntuning: { %s }\n";
    static const char path[] = "/etc/c.yaml";
    char text[4096];
    struct files *files = files_new();
    struct diags *diags = diags_new();
    int n = snprintf(text, sizeof(text), form, lab_path(&lab, "server.crt"),
                     lab_path(&lab, "server.key"), lab_path(&lab, "ca.crt"), tuning);
    assert_int_equal(files_put(files, path, (struct str){text, (size_t)n}), 0);
    struct conf *c = conf_load(path, files, diags);
    if (c == NULL) {
        diags_print(diags, stderr);
    }
    assert_non_null(c);
    diags_free(diags);
    files_free(files);
    return c;
}

/* Up to libssl's flight, with which all keys of the connection are derived. OpenSSL's derivation
 * asks for a dozen pieces each time, and the shorter one for none: which it is shows beside the
 * flight of the first table that has no handshake of its own. */
static const char *whose_schedule(struct tls_sites *t)
{
    static size_t first;
    struct lab_client c;
    lab_client_init(&c, TLS1_3_VERSION, NULL, NULL);
    lab_client_join(&c, t, "www.example");
    (void)SSL_do_handshake(c.ssl);
    size_t before = asked;
    assert_int_equal(lab_feed(&c, lab_from_client(&c)), TLS_WANT);
    size_t pieces = asked - before;
    lab_client_fini(&c);
    ERR_clear_error();
    first = first == 0 ? pieces : first;
    return library_hears_keys() && pieces < first + PIECES_MORE ? "own" : "OpenSSL's";
}

/* A request and an answer. */
static void talk(struct lab_client *c)
{
    char got[16];
    size_t n = 0;
    assert_int_equal(SSL_write(c->ssl, "question", 8), 8);
    tls_session_input(c->session, lab_from_client(c));
    assert_int_equal(tls_session_read(c->session, got, sizeof(got), &n), TLS_OK);
    assert_int_equal(n, 8);
    assert_int_equal(tls_session_read(c->session, got, sizeof(got), &n), TLS_WANT);
    assert_int_equal(tls_session_settle(c->session), 0);
    assert_int_equal(tls_session_write(c->session, STR("an answer")), TLS_OK);
    lab_to_client(c);
}

/* An open connection of TLS 1.2, which OpenSSL has to the end. */
static void look_at_1_2(struct tls_sites *t, struct in_use *out)
{
    struct lab_client c;
    size_t before = large;
    lab_join_good(&lab, &c, t, TLS1_2_VERSION);
    SSL *ssl = c.session->ssl;
    const EVP_PKEY *key = X509_get0_pubkey(tls_session_peer(c.session));
    const char *provider = OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key));
    out->part[KEYS] = strcmp(provider, "countersign") == 0 ? "narrow" : "OpenSSL's";
    bool memory = BIO_method_type(SSL_get_rbio(ssl)) == BIO_TYPE_MEM;
    assert_true((BIO_method_type(SSL_get_wbio(ssl)) == BIO_TYPE_MEM) == memory);
    out->part[ENDS] = memory ? "memory BIOs" : "own BIO";
    out->part[SUITE_1_2] = SSL_get_cipher_name(ssl);
    talk(&c);
    struct tls_session *idle = c.session;
    tls_session_idle(idle);
    c.session = NULL;
    lab_client_fini(&c);
    out->part[BUFFERS] = large == before ? "given back" : "kept";
    tls_session_free(idle);
    assert_int_equal(large, before);
}

static void look_at_1_3(struct tls_sites *t, struct in_use *out)
{
    struct lab_client c;
    lab_join_good(&lab, &c, t, TLS1_3_VERSION);
    out->part[CHAIN] =
        sk_X509_num(SSL_get_peer_cert_chain(c.ssl)) == 1 ? "as in the file" : "with its CA";
    /* Only OpenSSL's reads by a BIO. */
    out->part[HANDSHAKE] = c.session->ends.started ? "OpenSSL's" : "own";
    out->part[RECORDS] = c.session->ssl == NULL ? "own" : "OpenSSL's";
    out->part[SUITE_1_3] = SSL_get_cipher_name(c.ssl);
    out->part[GROUP] = OBJ_nid2sn((int)SSL_get_negotiated_group(c.ssl));
    lab_client_fini(&c);
}

static void look(const char *tuning, struct in_use *out)
{
    struct files *files = files_new();
    struct diags *diags = diags_new();
    struct conf *c = load(tuning);
    const struct tls_options options = {.keys = TLS_KEYS_ALL, .tuning = &c->tuning};
    struct tls_sites *t = tls_sites_load(&c->listeners[0], &options, files, diags, "listeners[0]");
    assert_non_null(t);
    assert_int_equal(diags_warnings(diags), 0);
    look_at_1_2(t, out);
    look_at_1_3(t, out);
    /* Other groups ask for more by themselves; and libssl's is not in use where it has none. */
    bool shows = c->tuning.groups.n == 0 && strcmp(out->part[HANDSHAKE], "own") != 0;
    out->part[SCHEDULE] = shows ? whose_schedule(t) : usual().part[SCHEDULE];
    tls_sites_unref(t);
    diags_free(diags);
    files_free(files);
    conf_unref(c);
}

static const struct {
    const char *tuning;
    struct {
        enum part part;
        const char *has;
    } other[4]; /* NULL: no more */
} rows[] = {
    {"", {{CHAIN, NULL}}},
    {"own_handshake: false", {{HANDSHAKE, "OpenSSL's"}}},
    {"fixed_chain: false", {{CHAIN, "with its CA"}, {HANDSHAKE, "OpenSSL's"}}},
    {"release_buffers: false", {{BUFFERS, "kept"}}},
    {"own_bio: false", {{ENDS, "memory BIOs"}}},
    {"own_records: false", {{RECORDS, "OpenSSL's"}, {HANDSHAKE, "OpenSSL's"}}},
    {"narrow_crypto: false",
     {{KEYS, "OpenSSL's"},
      {SCHEDULE, "OpenSSL's"},
      {RECORDS, "OpenSSL's"},
      {HANDSHAKE, "OpenSSL's"}}},
    /* Keys are heard nevertheless. */
    {"own_handshake: false, own_key_schedule: false",
     {{HANDSHAKE, "OpenSSL's"}, {SCHEDULE, "OpenSSL's"}}},
    {"aes_128_first: false",
     {{SUITE_1_2, "ECDHE-ECDSA-AES256-GCM-SHA384"}, {SUITE_1_3, "TLS_AES_256_GCM_SHA384"}}},
    {"groups: [ P-384 ]", {{GROUP, SN_secp384r1}, {HANDSHAKE, "OpenSSL's"}}},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct in_use expected = usual();
        struct in_use seen = {{NULL}};
        for (size_t k = 0; k < ROWS(rows[i].other) && rows[i].other[k].has != NULL; k++) {
            expected.part[rows[i].other[k].part] = rows[i].other[k].has;
        }
        look(rows[i].tuning, &seen);
        for (size_t k = 0; k < PARTS; k++) {
            CHECK_STR(rows[i].tuning, str_of(seen.part[k]), str_of(expected.part[k]));
        }
    }
}

int main(void)
{
    if (CRYPTO_set_mem_functions(take, resize, give) != 1) {
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, lab_set_up, lab_tear_down);
}
