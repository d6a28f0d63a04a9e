/* Owns: the choice of the library context, and the handshakes that it is tried by. Not: making it
 * (narrow.c). At start; constant afterwards. */
#include "proxy/tls/library.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "conf/model.h"
#include "proxy/tls/narrow.h"
#include "proxy/tls/narrow_kdf.h"
#include "proxy/tls/proof.h"

#define TRIAL_LEVEL 2 /* as servers have it */

enum { SCHEMES_MAX = 64, TURNS_MAX = 8, WORD = 5 };

/* Ends of a handshake with itself: the server in the context that is tried, or with the query, the
 * client in the default one, so that what is shorter here is held against OpenSSL's own. */
struct trial {
    OSSL_LIB_CTX *context;
    const char *query;
    EVP_PKEY *key;
    X509 *cert;
    SSL_CTX *sides[2];
    SSL *ends[2]; /* the server, the client */
    struct narrow_keys keys;
    bool hears; /* all that was tried so far */
};

/* What a handshake is tried with. */
struct attempt {
    int version;
    const char *suite; /* of TLS 1.3; NULL: any */
};

/* What a trial found: what the client may sign with, in the server's words. */
struct offer {
    int n;
    int schemes[SCHEMES_MAX];
};

static struct {
    pthread_once_t once;
    OSSL_LIB_CTX *context;
    const char *query;
    const char *same; /* instead of query, where OpenSSL derives keys */
    const char *why;
    bool hears;         /* the traffic keys of handshakes with them */
    struct offer offer; /* of TLS 1.3 */
} chosen = {.once = PTHREAD_ONCE_INIT};

static X509 *self_signed(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_NAME *name = x != NULL ? X509_get_subject_name(x) : NULL;
    if (name == NULL || X509_set_version(x, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set(X509_get_serialNumber(x), 1) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(x), 0) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(x), 60) == NULL ||
        X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC,
                                   (const unsigned char *)"trial", -1, -1, 0) != 1 ||
        X509_set_issuer_name(x, name) != 1 || X509_set_pubkey(x, key) != 1 ||
        X509_sign(x, key, EVP_sha256()) <= 0) {
        X509_free(x);
        return NULL;
    }
    return x;
}

/* x read anew in context. */
static X509 *read_in(OSSL_LIB_CTX *context, X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    X509 *read = n > 0 ? X509_new_ex(context, NULL) : NULL;
    const unsigned char *p = der;
    if (read != NULL && d2i_X509(&read, &p, n) == NULL) {
        read = NULL; /* freed by d2i */
    }
    OPENSSL_free(der);
    return read;
}

static bool open_side(struct trial *t, int side, const struct attempt *a)
{
    SSL_CTX *c = side == 0 ? SSL_CTX_new_ex(t->context, t->query, TLS_server_method())
                           : SSL_CTX_new_ex(NULL, NARROW_SHUN, TLS_client_method());
    t->sides[side] = c;
    if (c == NULL) {
        return false;
    }
    SSL_CTX_set_security_level(c, TRIAL_LEVEL);
    if (SSL_CTX_set_min_proto_version(c, a->version) != 1 ||
        SSL_CTX_set_max_proto_version(c, a->version) != 1 || SSL_CTX_set_num_tickets(c, 0) != 1 ||
        (a->suite != NULL && SSL_CTX_set_ciphersuites(c, a->suite) != 1) ||
        SSL_CTX_use_certificate(c, t->cert) != 1 || SSL_CTX_use_PrivateKey(c, t->key) != 1) {
        return false;
    }
    /* Each knows the other's certificate: it is the same. */
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(c), t->cert) != 1) {
        return false;
    }
    t->ends[side] = SSL_new(c);
    return t->ends[side] != NULL;
}

static bool join(struct trial *t)
{
    BIO *a = NULL;
    BIO *b = NULL;
    if (BIO_new_bio_pair(&a, 0, &b, 0) != 1) {
        return false;
    }
    SSL_set_bio(t->ends[0], a, a);
    SSL_set_bio(t->ends[1], b, b);
    SSL_set_accept_state(t->ends[0]);
    SSL_set_connect_state(t->ends[1]);
    return true;
}

static bool shake_hands(struct trial *t)
{
    int done[2] = {0, 0};
    for (int i = 0; i < TURNS_MAX && (done[0] != 1 || done[1] != 1); i++) {
        done[1] = SSL_do_handshake(t->ends[1]);
        narrow_kdf_listen(&t->keys);
        done[0] = SSL_do_handshake(t->ends[0]);
        narrow_kdf_listen(NULL);
    }
    return done[0] == 1 && done[1] == 1 && SSL_get_verify_result(t->ends[0]) == X509_V_OK &&
           SSL_get_verify_result(t->ends[1]) == X509_V_OK;
}

/* But for DSA, which auth/chain takes from nobody. */
static void note_offer(SSL *client, struct offer *out)
{
    int n = SSL_get_sigalgs(client, -1, NULL, NULL, NULL, NULL, NULL);
    for (int i = 0; i < n && out->n < SCHEMES_MAX; i++) {
        unsigned char signature = 0;
        unsigned char hash = 0;
        (void)SSL_get_sigalgs(client, i, NULL, NULL, NULL, &signature, &hash);
        if (signature != TLSEXT_signature_dsa || hash > TLSEXT_hash_sha512) {
            out->schemes[out->n++] = hash << 8 | signature;
        }
    }
}

/* True if record is refused once a bit of it has changed. Another side with the same key does it,
 * so that it is also seen that sides take turns. */
static bool is_refused(struct traffic_ciphers *c, const struct traffic_side *side,
                       unsigned char *record, size_t n)
{
    unsigned char plain[WORD + TRAFFIC_OVERHEAD];
    size_t got = 0;
    struct traffic_side other = *side;
    record[n - 1] ^= 1;
    bool refused = !traffic_open(c, &other, (struct str){(const char *)record, n}, plain, &got);
    record[n - 1] ^= 1;
    traffic_forget(c, &other);
    return refused;
}

/* The next record that the client sent, opened by side: its octets, and its type behind them. */
static bool hear(SSL *server, struct traffic_ciphers *c, struct traffic_side *side,
                 const unsigned char *said, size_t n)
{
    unsigned char record[WORD + TRAFFIC_OVERHEAD];
    unsigned char plain[sizeof(record)];
    size_t got = 0;
    size_t record_n = n - 1 + TRAFFIC_OVERHEAD;
    const struct str octets = {(const char *)record, record_n};
    return BIO_read(SSL_get_rbio(server), record, (int)record_n) == (int)record_n &&
           is_refused(c, side, record, record_n) && traffic_open(c, side, octets, plain, &got) &&
           got == n && memcmp(plain, said, n) == 0;
}

/* The same to the client; the type stands behind the octets. */
static bool say(SSL *server, struct traffic_ciphers *c, struct traffic_side *side,
                const unsigned char *said, size_t n)
{
    unsigned char record[WORD + TRAFFIC_OVERHEAD];
    int record_n = (int)(n - 1 + TRAFFIC_OVERHEAD);
    return traffic_seal(c, side, said[n - 1], (struct str){(const char *)said, n - 1}, record) &&
           BIO_write(SSL_get_rbio(server), record, record_n) == record_n;
}

/* Two records each way, the second with the next keys. */
static bool speak(const struct trial *t, struct traffic_ciphers *c, struct traffic_side sides[2])
{
    static const unsigned char word[WORD + 1] = {'t', 'r', 'i', 'a', 'l', 23};
    static const unsigned char update[] = {24, 0, 0, 1, 0, 22};
    SSL *server = t->ends[0];
    SSL *client = t->ends[1];
    bool good = true;
    for (int i = 0; i < 2 && good; i++) {
        unsigned char plain[WORD];
        good = SSL_write(client, word, WORD) == WORD &&
               hear(server, c, &sides[1], word, sizeof(word)) &&
               say(server, c, &sides[0], word, sizeof(word)) &&
               SSL_read(client, plain, WORD) == WORD && memcmp(plain, word, WORD) == 0;
        good = good &&
               (i > 0 ||
                (SSL_key_update(client, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
                 SSL_do_handshake(client) == 1 &&
                 hear(server, c, &sides[1], update, sizeof(update)) && traffic_next(c, &sides[1]) &&
                 say(server, c, &sides[0], update, sizeof(update)) && traffic_next(c, &sides[0])));
    }
    return good;
}

/* True if the keys that were heard are those of the connection. */
static bool hears_keys(struct trial *t)
{
    struct traffic_side sides[2]; /* whose writing it is: the server's, the client's */
    struct traffic_ciphers *c = traffic_ciphers_new(t->context);
    enum traffic_suite suite =
        traffic_suite_of(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(t->ends[0])));
    bool good = c != NULL && narrow_kdf_side(&t->keys.server, suite, &sides[0]) &&
                narrow_kdf_side(&t->keys.client, suite, &sides[1]) && speak(t, c, sides);
    traffic_ciphers_free(c);
    mem_wipe(sides, sizeof(sides));
    mem_wipe(&t->keys, sizeof(t->keys));
    return good;
}

static bool run(struct trial *t, const struct attempt *a, struct offer *offer)
{
    bool good = open_side(t, 0, a) && open_side(t, 1, a) && join(t) && shake_hands(t);
    if (good && offer->n == 0) {
        note_offer(t->ends[1], offer);
    }
    if (good && a->suite != NULL && (t->context != NULL || t->query != NULL)) {
        t->hears = t->hears && hears_keys(t);
    }
    for (int side = 0; side < 2; side++) {
        SSL_free(t->ends[side]);
        SSL_CTX_free(t->sides[side]);
        t->ends[side] = NULL;
        t->sides[side] = NULL;
    }
    return good;
}

/* Handshakes of a server in context, with query, with a client in the default one, with a key of
 * that, as a server's is. */
static bool try_context(OSSL_LIB_CTX *context, const char *query, struct offer offers[2])
{
    static const struct attempt attempts[] = {{TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
                                              {TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"},
                                              {TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"},
                                              {TLS1_2_VERSION, NULL}};
    struct trial t = {.context = context, .query = query, .hears = true};
    t.key = EVP_EC_gen("P-256");
    X509 *made = t.key != NULL ? self_signed(t.key) : NULL;
    t.cert = made != NULL ? read_in(context, made) : NULL;
    X509_free(made);
    bool good = t.cert != NULL;
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]) && good; i++) {
        good = run(&t, &attempts[i], &offers[attempts[i].version == TLS1_3_VERSION ? 0 : 1]);
    }
    chosen.hears = good && t.hears && (context != NULL || query != NULL);
    X509_free(t.cert);
    EVP_PKEY_free(t.key);
    ERR_clear_error();
    return good;
}

/* Every kind of key and signature that clients could come with must be there. */
static bool offers_the_same(const struct offer *a, const struct offer *b)
{
    return a->n > 0 && a->n == b->n &&
           memcmp(a->schemes, b->schemes, (size_t)a->n * sizeof(a->schemes[0])) == 0;
}

static bool is_default(const OSSL_PROVIDER *p)
{
    return strcmp(OSSL_PROVIDER_get0_name(p), "default") == 0;
}

bool library_is_set_up(void)
{
    EVP_MD *digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    bool usual = digest != NULL && is_default(EVP_MD_get0_provider(digest)) && cipher != NULL &&
                 is_default(EVP_CIPHER_get0_provider(cipher));
    EVP_MD_free(digest);
    EVP_CIPHER_free(cipher);
    ERR_clear_error();
    return !usual || EVP_default_properties_is_fips_enabled(NULL) == 1 ||
           OSSL_PROVIDER_available(NULL, "fips") == 1;
}

enum library_way library_way(unsigned major, unsigned minor)
{
    if (major != 3 || minor > 6) {
        return LIBRARY_AS_IT_IS;
    }
    return minor < 2 ? LIBRARY_NARROW : LIBRARY_BESIDE;
}

/* The same where OpenSSL derives the keys. */
static void try_without_schedule(OSSL_LIB_CTX *context)
{
    struct offer offers[2] = {{.n = 0}};
    bool hears = chosen.hears;
    chosen.same = try_context(context, NARROW_SAME, offers) ? NARROW_SAME : NULL;
    chosen.hears = hears && chosen.hears;
}

static void choose(void)
{
    struct offer whole[2] = {{.n = 0}};
    struct offer narrow[2] = {{.n = 0}};
    enum library_way way = library_way(OPENSSL_version_major(), OPENSSL_version_minor());
    if (way == LIBRARY_AS_IT_IS || library_is_set_up()) {
        return;
    }
    OSSL_LIB_CTX *c = way == LIBRARY_NARROW ? narrow_context() : NULL;
    const char *query = way == LIBRARY_BESIDE && narrow_beside() ? NARROW_ASKED : NULL;
    if (c == NULL && query == NULL) {
        chosen.why = "what it takes cannot be made";
    } else if (!try_context(NULL, NULL, whole) || !try_context(c, query, narrow)) {
        chosen.why = "a handshake with it fails";
    } else if (!offers_the_same(&narrow[0], &whole[0]) || !offers_the_same(&narrow[1], &whole[1])) {
        chosen.why = "it takes other signatures";
    } else {
        chosen.context = c;
        chosen.query = query;
        chosen.offer = narrow[0];
        try_without_schedule(c);
    }
}

OSSL_LIB_CTX *library_context(const char **why)
{
    bool asked = pthread_once(&chosen.once, choose) == 0;
    *why = asked ? chosen.why : NULL;
    return asked ? chosen.context : NULL;
}

const char *library_query(bool own_key_schedule)
{
    const char *why;
    (void)library_context(&why);
    return own_key_schedule ? chosen.query : chosen.same;
}

bool library_offers_just(struct str schemes)
{
    const char *why;
    size_t at = 0;
    if (library_context(&why) == NULL && chosen.query == NULL) {
        return false;
    }
    for (int i = 0; i < chosen.offer.n; i++) {
        int scheme = chosen.offer.schemes[i];
        if (scheme >> 8 == TLSEXT_hash_sha224) {
            continue;
        }
        if (at + 2 > schemes.n || (unsigned char)schemes.p[at] != scheme >> 8 ||
            (unsigned char)schemes.p[at + 1] != (scheme & 0xff)) {
            return false;
        }
        at += 2;
    }
    return at == schemes.n;
}

bool library_hears_keys(void)
{
    const char *why;
    return (library_context(&why) != NULL || chosen.query != NULL) && chosen.hears;
}

bool library_shakes_hands(const struct conf_tuning *t)
{
    const char *why;
    return t->own_handshake && t->own_records && t->fixed_chain && t->narrow_crypto &&
           library_context(&why) != NULL && library_hears_keys() &&
           library_offers_just(proof_schemes());
}
