/* Owns: the messages of a site that are the same in each handshake, and the choice from what a
 * client offers. At start and reload; constant afterwards. */
#include "proxy/tls/handshake_site.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/mem.h"
#include "proxy/tls/site_inner.h"
#include "proxy/tls/wire.h"

/* HandshakeType and ExtensionType (RFC 8446 B.3, 4.2) */
enum { CERTIFICATE = 11, CERTIFICATE_REQUEST = 13 };

#define MESSAGE_MAX ((size_t)1 << 18)
#define NAMES_MAX   ((size_t)60000) /* octets of CAs' names: they share one vector of 2^16 */

static bool put_number(struct buf *b, size_t value, size_t n)
{
    char octets[3];
    for (size_t i = 0; i < n; i++) {
        octets[i] = (char)(value >> (8 * (n - 1 - i)));
    }
    return buf_append(b, (struct str){octets, n}) == 0;
}

static bool put_vector(struct buf *b, struct str octets, size_t length_n)
{
    return octets.n >> (8 * length_n) == 0 && put_number(b, octets.n, length_n) &&
           buf_append(b, octets) == 0;
}

/* A message of type around body; n 0 without memory. */
static struct str wrap(int type, const struct buf *body)
{
    struct buf whole;
    struct str made = STR_NONE;
    buf_init(&whole, MESSAGE_MAX);
    if (put_number(&whole, (size_t)type, 1) && put_vector(&whole, buf_str(body), 3)) {
        made = buf_str(&whole);
        made.p = mem_dup(made.p, made.n);
        made.n = made.p != NULL ? made.n : 0;
    }
    buf_release(&whole);
    return made;
}

/* CertificateEntry without extensions (RFC 8446 4.4.2). */
static bool put_certificate(struct buf *b, X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    bool ok = n > 0 && put_vector(b, (struct str){(const char *)der, (size_t)n}, 3) &&
              put_number(b, 0, 2);
    OPENSSL_free(der);
    return ok;
}

static struct str certificate_message(X509 *leaf, STACK_OF(X509) * chain)
{
    struct buf list;
    struct buf body;
    struct str made = STR_NONE;
    buf_init(&list, MESSAGE_MAX);
    buf_init(&body, MESSAGE_MAX);
    bool ok = put_certificate(&list, leaf);
    for (int i = 0; i < sk_X509_num(chain) && ok; i++) {
        ok = put_certificate(&list, sk_X509_value(chain, i));
    }
    /* Before the list: certificate_request_context, empty. */
    if (ok && put_number(&body, 0, 1) && put_vector(&body, buf_str(&list), 3)) {
        made = wrap(CERTIFICATE, &body);
    }
    buf_release(&list);
    buf_release(&body);
    return made;
}

/* DistinguishedName after DistinguishedName (RFC 8446 4.2.4). */
static bool put_names(struct buf *b, STACK_OF(X509_NAME) * names)
{
    bool ok = true;
    for (int i = 0; i < sk_X509_NAME_num(names) && ok; i++) {
        unsigned char *der = NULL;
        int n = i2d_X509_NAME(sk_X509_NAME_value(names, i), &der);
        ok = n > 0 && put_vector(b, (struct str){(const char *)der, (size_t)n}, 2);
        OPENSSL_free(der);
    }
    return ok && buf_len(b) <= NAMES_MAX;
}

/* An extension whose data is one vector. */
static bool put_list(struct buf *b, unsigned type, struct str list)
{
    return put_number(b, type, 2) && put_number(b, list.n + 2, 2) && put_vector(b, list, 2);
}

static struct str request_message(SSL_CTX *context)
{
    struct buf names;
    struct buf extensions;
    struct buf body;
    struct str made = STR_NONE;
    buf_init(&names, MESSAGE_MAX);
    buf_init(&extensions, MESSAGE_MAX);
    buf_init(&body, MESSAGE_MAX);
    bool ok = put_names(&names, SSL_CTX_get_client_CA_list(context)) &&
              put_list(&extensions, TLSEXT_TYPE_signature_algorithms, proof_schemes());
    if (ok && buf_len(&names) > 0) {
        ok = put_list(&extensions, TLSEXT_TYPE_certificate_authorities, buf_str(&names));
    }
    if (ok && put_number(&body, 0, 1) && put_vector(&body, buf_str(&extensions), 2)) {
        made = wrap(CERTIFICATE_REQUEST, &body);
    }
    buf_release(&names);
    buf_release(&extensions);
    buf_release(&body);
    return made;
}

/* Where scheme stands in the order in which we, and OpenSSL, like them. */
static size_t rank_of(unsigned scheme)
{
    struct str all = proof_schemes();
    size_t at = 0;
    while (at < all.n && wire_number(str_slice(all, at, all.n), 2) != scheme) {
        at += 2;
    }
    return at;
}

/* True if what p's key signs, and signs again, as it is set up but once, is by the key of leaf. */
static bool signs_for(const struct handshake_pair *p, X509 *leaf, OSSL_LIB_CTX *library)
{
    const struct proof trial = {.digest = STR("a trial: the digest of no octets")};
    unsigned char signature[PROOF_MAX];
    size_t n = 0;
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    struct proof_key *by = key != NULL ? proof_key_new(library, p->scheme, key, false) : NULL;
    bool good = by != NULL;
    for (int i = 0; i < 2 && good; i++) {
        good = proof_sign(&trial, p->key, signature, &n) &&
               proof_holds(&trial, by, (struct str){(const char *)signature, n});
    }
    proof_key_free(by);
    return good;
}

/* The certificate of context that is looked at, in the place that its scheme has among ours. */
static bool add_pair(struct handshake_site *h, SSL_CTX *context, OSSL_LIB_CTX *library)
{
    X509 *leaf = SSL_CTX_get0_certificate(context);
    EVP_PKEY *key = SSL_CTX_get0_privatekey(context);
    STACK_OF(X509) *chain = NULL;
    struct handshake_pair made = {.scheme = key != NULL ? proof_scheme_of(key) : 0};
    if (leaf == NULL || made.scheme == 0 || h->pairs_n == HANDSHAKE_PAIRS_MAX ||
        SSL_CTX_get0_chain_certs(context, &chain) != 1) {
        return false;
    }
    made.sent = certificate_message(leaf, chain);
    made.key = made.sent.n > 0 ? proof_key_new(library, made.scheme, key, true) : NULL;
    if (made.key == NULL || !signs_for(&made, leaf, library)) {
        proof_key_free(made.key);
        mem_free((void *)(uintptr_t)made.sent.p);
        return false;
    }
    made.signed_with_n = proof_schemes_in(leaf, made.signed_with);
    size_t at = h->pairs_n++;
    for (; at > 0 && rank_of(h->pairs[at - 1].scheme) > rank_of(made.scheme); at--) {
        h->pairs[at] = h->pairs[at - 1];
    }
    h->pairs[at] = made;
    return true;
}

/* A certificate without a key here is none for OpenSSL either, so it would not be seen. */
static bool add_pairs(struct handshake_site *h, SSL_CTX *context, OSSL_LIB_CTX *library,
                      size_t wanted)
{
    bool ok = SSL_CTX_set_current_cert(context, SSL_CERT_SET_FIRST) == 1;
    bool more = ok;
    while (ok && more) {
        ok = add_pair(h, context, library);
        more = SSL_CTX_set_current_cert(context, SSL_CERT_SET_NEXT) == 1;
    }
    return ok && h->pairs_n == wanted;
}

static bool add_groups(struct handshake_site *h, const struct conf_texts *wanted)
{
    static const struct {
        const char *name;
        unsigned number;
    } known[HANDSHAKE_GROUPS_MAX] = {{"X25519", GROUP_X25519}, {"P-256", GROUP_P256}};
    size_t n = wanted->n == 0 ? HANDSHAKE_GROUPS_MAX : wanted->n;
    for (size_t i = 0; i < n && i < HANDSHAKE_GROUPS_MAX; i++) {
        for (size_t k = 0; k < HANDSHAKE_GROUPS_MAX; k++) {
            if (wanted->n == 0 ? i == k : strcmp(wanted->v[i].p, known[k].name) == 0) {
                h->groups[h->groups_n++] = known[k].number;
            }
        }
    }
    return h->groups_n == n;
}

struct handshake_site *handshake_site_new(SSL_CTX *context, OSSL_LIB_CTX *library,
                                          const struct tls_site *site,
                                          const struct conf_tuning *tuning)
{
    static const enum traffic_suite suites[2][TRAFFIC_SUITES] = {
        {TRAFFIC_AES_128_GCM, TRAFFIC_CHACHA20_POLY1305, TRAFFIC_AES_256_GCM},
        {TRAFFIC_AES_256_GCM, TRAFFIC_CHACHA20_POLY1305, TRAFFIC_AES_128_GCM},
    };
    struct handshake_site *h = mem_calloc(1, sizeof(*h));
    if (h == NULL) {
        return NULL;
    }
    int mode = SSL_CTX_get_verify_mode(context);
    memcpy(h->suites, suites[tuning->aes_128_first ? 0 : 1], sizeof(h->suites));
    bool ok = add_groups(h, &tuning->groups) &&
              add_pairs(h, context, library, site->conf->also_count + 1);
    if (ok && (mode & SSL_VERIFY_PEER) != 0) {
        h->request = request_message(context);
        h->required = (mode & SSL_VERIFY_FAIL_IF_NO_PEER_CERT) != 0;
        ok = h->request.n > 0;
    }
    ERR_clear_error();
    if (!ok) {
        handshake_site_free(h);
        h = NULL;
    }
    return h;
}

void handshake_site_free(struct handshake_site *h)
{
    if (h == NULL) {
        return;
    }
    for (size_t i = 0; i < h->pairs_n; i++) {
        proof_key_free(h->pairs[i].key);
        mem_free((void *)(uintptr_t)h->pairs[i].sent.p);
    }
    mem_free((void *)(uintptr_t)h->request.p);
    mem_free(h);
}

/* A number in a list of suites that stands for none: those that are there for the server to pass
 * over (RFC 8701), and those that say something else (RFC 5746 3.3, RFC 7507 2). */
static bool is_no_suite(unsigned number)
{
    return ((number & 0x0f0f) == 0x0a0a && number >> 8 == (number & 0xff)) || number == 0x00ff ||
           number == 0x5600;
}

/* A client whose first suite, be it of TLS 1.2 (RFC 7905 2), is with ChaCha20 has no instructions
 * for AES. */
static bool likes_chacha(struct str suites)
{
    unsigned number = 0;
    for (size_t i = 0; i < suites.n && (i == 0 || is_no_suite(number)); i += 2) {
        number = (unsigned)wire_number(str_slice(suites, i, i + 2), 2);
    }
    return traffic_suite_of(number) == TRAFFIC_CHACHA20_POLY1305 ||
           (number >= 0xcca8 && number <= 0xccae);
}

static enum traffic_suite choose_suite(const struct handshake_site *h,
                                       const struct client_hello *hello)
{
    unsigned chacha = traffic_suite_number(TRAFFIC_CHACHA20_POLY1305);
    if (likes_chacha(hello->suites) && client_hello_lists(hello->suites, chacha)) {
        return TRAFFIC_CHACHA20_POLY1305;
    }
    for (size_t i = 0; i < TRAFFIC_SUITES; i++) {
        if (client_hello_lists(hello->suites, traffic_suite_number(h->suites[i]))) {
            return h->suites[i];
        }
    }
    return TRAFFIC_SUITES;
}

/* As OpenSSL has it, the client's rules for certificates are for the first of the chain. */
static bool takes_certificate(const struct client_hello *hello, const struct handshake_pair *pair)
{
    bool takes = hello->cert_schemes.n == 0;
    for (size_t i = 0; i < pair->signed_with_n && !takes; i++) {
        takes = client_hello_lists(hello->cert_schemes, pair->signed_with[i]);
    }
    return takes;
}

/* The first whose key can do what the client asks for; NULL if there is none, or it is for OpenSSL
 * to say whether the client takes its certificate. */
static const struct handshake_pair *choose_pair(const struct handshake_site *h,
                                                const struct client_hello *hello)
{
    for (size_t i = 0; i < h->pairs_n; i++) {
        if (client_hello_lists(hello->schemes, h->pairs[i].scheme)) {
            return takes_certificate(hello, &h->pairs[i]) ? &h->pairs[i] : NULL;
        }
    }
    return NULL;
}

bool handshake_site_choose(const struct handshake_site *h, const struct client_hello *hello,
                           struct handshake_choice *out)
{
    *out =
        (struct handshake_choice){.suite = choose_suite(h, hello), .pair = choose_pair(h, hello)};
    out->group = client_hello_share(hello, h->groups, h->groups_n, &out->share);
    return out->suite != TRAFFIC_SUITES && out->group != 0 && out->pair != NULL;
}
