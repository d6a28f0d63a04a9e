/* Owns: single steps of a handshake of our own: a client's certificate, what both agree on, and the
 * proofs of both. Certificates take turns, as those of clients do. */
#include <stdlib.h>

#include "bench/micro/need.h"
#include "bench/micro/rows.h"
#include "proxy/tls/client_hello.h"
#include "proxy/tls/decoded.h"
#include "proxy/tls/key_share.h"
#include "proxy/tls/library.h"
#include "proxy/tls/proof.h"

/* A key that a client has sent. */
struct sent {
    unsigned char *octets;
    size_t n;
};

struct handshakes {
    const struct scene *scene;
    OSSL_LIB_CTX *library; /* in which handshakes are made; NULL: the default one */
    struct decoded *decoded;
    struct str ders[PKI_CLIENTS];
    X509 *clients[PKI_CLIENTS]; /* decoded in library, and kept */
    size_t turn;
    struct key_maker *maker;
    struct sent x25519;
    struct sent p256;
    struct proof_key *server;
    unsigned char proofs[PKI_CLIENTS][PROOF_MAX]; /* of the clients */
    size_t proofs_n[PKI_CLIENTS];
};

static const char transcript[32] = "";
static const struct proof by_server = {false, {transcript, sizeof(transcript)}};
static const struct proof by_client = {true, {transcript, sizeof(transcript)}};

static void get_certificate(struct handshakes *h, struct decoded *from)
{
    X509 *x = decoded_get(from, h->library, h->ders[h->turn++ % PKI_CLIENTS]);
    need(x != NULL, "decoding a certificate");
    X509_free(x);
}

static void row_found(void *state)
{
    struct handshakes *h = state;
    get_certificate(h, h->decoded);
}

static void row_decoded(void *state)
{
    get_certificate(state, NULL);
}

static void agree(const struct handshakes *h, unsigned group, const struct sent *theirs)
{
    struct key_share made;
    need(key_share_agree(h->maker, group, (struct str){(const char *)theirs->octets, theirs->n},
                         &made) == 0,
         "agreeing on a secret");
}

static void row_x25519(void *state)
{
    const struct handshakes *h = state;
    agree(h, GROUP_X25519, &h->x25519);
}

static void row_p256(void *state)
{
    const struct handshakes *h = state;
    agree(h, GROUP_P256, &h->p256);
}

static void row_sign(void *state)
{
    const struct handshakes *h = state;
    unsigned char signature[PROOF_MAX];
    size_t n = 0;
    need(proof_sign(&by_server, h->server, signature, &n), "signing");
}

static void row_verify(void *state)
{
    struct handshakes *h = state;
    size_t i = h->turn++ % PKI_CLIENTS;
    EVP_PKEY *key = X509_get0_pubkey(h->clients[i]);
    struct proof_key *by = proof_key_new(h->library, proof_scheme_of(key), key, false);
    need(by != NULL &&
             proof_holds(&by_client, by, (struct str){(const char *)h->proofs[i], h->proofs_n[i]}),
         "verifying a proof");
    proof_key_free(by);
}

/* Frees key. */
static struct sent sent_by(EVP_PKEY *key)
{
    struct sent s = {NULL, 0};
    s.n = key != NULL ? EVP_PKEY_get1_encoded_public_key(key, &s.octets) : 0;
    need(s.n > 0, "making a client's key");
    EVP_PKEY_free(key);
    return s;
}

static void know_client(struct handshakes *h, size_t i)
{
    EVP_PKEY *key = h->scene->pki->client_keys[i];
    unsigned char *der = NULL;
    int n = i2d_X509(h->scene->pki->clients[i], &der);
    struct proof_key *with = proof_key_new(h->library, proof_scheme_of(key), key, true);
    need(n > 0 && with != NULL && proof_sign(&by_client, with, h->proofs[i], &h->proofs_n[i]),
         "making a client's proof");
    proof_key_free(with);
    h->ders[i] = (struct str){(const char *)der, (size_t)n};
    h->clients[i] = decoded_get(h->decoded, h->library, h->ders[i]);
    need(h->clients[i] != NULL, "decoding a certificate");
    decoded_keep(h->decoded, h->library, h->clients[i]);
}

static void *set_up(const struct scene *s)
{
    const char *why = NULL;
    struct handshakes *h = calloc(1, sizeof(*h));
    need(h != NULL, "asking for memory");
    EVP_PKEY *key = s->pki->server_key;
    h->scene = s;
    h->library = library_context(&why);
    h->decoded = decoded_new(PKI_CLIENTS);
    h->maker = key_maker_new(h->library);
    h->server = proof_key_new(h->library, proof_scheme_of(key), key, true);
    need(h->decoded != NULL && h->maker != NULL && h->server != NULL,
         "making what handshakes need");
    h->x25519 = sent_by(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"));
    h->p256 = sent_by(EVP_EC_gen("P-256"));
    for (size_t i = 0; i < PKI_CLIENTS; i++) {
        know_client(h, i);
    }
    return h;
}

static void tear_down(void *state)
{
    struct handshakes *h = state;
    for (size_t i = 0; i < PKI_CLIENTS; i++) {
        X509_free(h->clients[i]);
        OPENSSL_free((void *)(uintptr_t)h->ders[i].p);
    }
    OPENSSL_free(h->p256.octets);
    OPENSSL_free(h->x25519.octets);
    proof_key_free(h->server);
    key_maker_free(h->maker);
    decoded_free(h->decoded);
    free(h);
}

static const struct row rows[] = {
    {"certificate_found", "a certificate found decoded: digest and look-up", row_found},
    {"certificate_decoded", "the same, decoded", row_decoded},
    {"share_x25519", "a key of X25519 made, and the secret of both", row_x25519},
    {"share_p256", "the same, of P-256", row_p256},
    {"proof_signed", "a proof signed with the server's key", row_sign},
    {"proof_verified", "a client's proof verified, its key set up", row_verify},
};

const struct row_group rows_of_handshakes = {set_up, tear_down, sizeof(rows) / sizeof(rows[0]),
                                             rows};
