/* Owns: what a ticket says beside OpenSSL's session, and the decision on one that comes back.
 * Not: its keys (ticket_keys.c). Inside SSL_do_handshake(), on the worker's thread.
 *
 * A session is resumed only if a full handshake with this very policy has accepted its client, and
 * nothing that a full handshake would look at today can have changed since. In doubt a full
 * handshake follows; coming with a ticket is never an error by itself. */
#include "proxy/tls/resume.h"

#include <limits.h>
#include <time.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "base/clock.h"
#include "base/enc.h"
#include "base/err.h"
#include "base/mem.h"
#include "proxy/tls/resume_note.h"
#include "proxy/tls/session_inner.h"
#include "proxy/tls/session_store.h"
#include "proxy/tls/site_inner.h"
#include "proxy/tls/ticket_keys.h"

/* Octets of certificates beside the client's own with which its session may be an object. */
#define CHAIN_OBJECT_MAX 2048

static bool take_note(SSL_SESSION *session, struct str *octets)
{
    void *p = NULL;
    octets->n = 0;
    bool found = SSL_SESSION_get0_ticket_appdata(session, &p, &octets->n) == 1 && p != NULL;
    octets->p = p;
    return found;
}

static enum reason judge(const struct tls_session *s, SSL_SESSION *session, struct note *note)
{
    struct str octets;
    return take_note(session, &octets) ? note_judge(s, SSL_SESSION_get0_peer(session), octets, note)
                                       : REASON_CLIENT_CERT_MISSING;
}

void resume_adopt(struct tls_session *s)
{
    struct note note = {.first_ms = 0};
    SSL_SESSION *session = SSL_get_session(s->ssl);
    s->peer_reason = session != NULL ? judge(s, session, &note) : REASON_CLIENT_CERT_MISSING;
    s->peer_term = s->peer_reason == REASON_OK ? note.term : (struct trust_term){0};
    s->chain = note.chain;
}

/* Forgets what an earlier ticket of this connection said: it may have been taken, and come to
 * nothing. */
static void begin_ticket(struct tls_session *s)
{
    s->resuming = false;
    (void)SSL_set_num_tickets(s->ssl, 0);
}

/* True if session may be resumed; what is noted there holds for this connection then. *made_ms:
 * when its ticket was made. */
static bool take_session(struct tls_session *s, SSL_SESSION *session, int64_t *made_ms)
{
    struct note note;
    if (judge(s, session, &note) != REASON_OK) {
        return false;
    }
    s->resuming = true;
    s->first_ms = note.first_ms;
    s->ticket_term = note.term;
    s->chain = note.chain;
    *made_ms = note.issued_ms;
    (void)SSL_set_num_tickets(s->ssl, 1);
    return true;
}

/* With TLS 1.3 each ticket is for one connection (RFC 8446 C.4). With 1.2 a client keeps its
 * ticket, and a new one costs more than all the rest: it comes when half of the old one's life is
 * over. */
static bool is_due(const struct tls_session *s, int64_t made_ms)
{
    return SSL_version(s->ssl) == TLS1_3_VERSION ||
           clock_wall_ms() - made_ms >= (int64_t)s->sites->resume->life_ms / 2;
}

static SSL_TICKET_RETURN on_opened(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                   size_t name_n, SSL_TICKET_STATUS status, void *arg)
{
    (void)name;
    (void)name_n;
    (void)arg;
    struct tls_session *s = SSL_get_app_data(ssl);
    begin_ticket(s);
    bool opened = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
    int64_t made_ms = 0;
    if (!opened || session == NULL || !take_session(s, session, &made_ms)) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    return is_due(s, made_ms) ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE;
}

/* A number: with TLS 1.3 the ticket, with 1.2 the session's id. */
static SSL_SESSION *on_number(SSL *ssl, const unsigned char *id, int n, int *copy)
{
    struct tls_session *s = SSL_get_app_data(ssl);
    struct resume *r = s->sites->resume;
    *copy = 0;
    begin_ticket(s);
    if (r == NULL || r->store == NULL || n < 0) {
        return NULL;
    }
    int64_t made_ms = 0;
    SSL_SESSION *session = session_store_get(r->store, id, (size_t)n);
    if (session == NULL || SSL_SESSION_get_protocol_version(session) != SSL_version(ssl) ||
        !take_session(s, session, &made_ms) || note_outlived_key(r, made_ms)) {
        begin_ticket(s);
        SSL_SESSION_free(session);
        return NULL;
    }
    return session;
}

/* The number for a session that will be kept. */
static int on_new_id(SSL *ssl, unsigned char *id, unsigned *n)
{
    const struct tls_session *s = SSL_get_app_data(ssl);
    const struct resume *r = s->sites->resume;
    if (*n < SESSION_STORE_ID) {
        return 0;
    }
    *n = SESSION_STORE_ID;
    return r != NULL && r->store != NULL ? session_store_id(r->store, id)
                                         : RAND_bytes(id, SESSION_STORE_ID) == 1;
}

void resume_begin(struct tls_session *s)
{
    if (s->sites->resume != NULL && s->sites->resume->store != NULL) {
        (void)SSL_set_options(s->ssl, SSL_OP_NO_TICKET);
    }
}

/* True if the client of s has shown its certificate, now or when the session began. */
static bool is_entitled(const struct tls_session *s)
{
    return SSL_session_reused(s->ssl) == 1 ? s->resuming : s->peer_reason == REASON_OK;
}

void resume_entitle(struct tls_session *s)
{
    if (s->sites->resume != NULL) {
        (void)SSL_set_num_tickets(s->ssl, 1);
    }
}

/* OpenSSL keeps what else the client sent, which may be much more than its certificate. */
static bool sent_few(const SSL *ssl)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    int octets = 0;
    for (int i = 0; i < sk_X509_num(chain) && octets <= CHAIN_OBJECT_MAX; i++) {
        int n = i2d_X509(sk_X509_value(chain, i), NULL);
        octets = n >= 0 ? octets + n : INT_MAX;
    }
    return octets <= CHAIN_OBJECT_MAX;
}

/* Writes our note into a session, and keeps it if it is to be kept. Without a note a session is of
 * no use to its client, nor is a number that leads to nothing: so this never fails. */
static void note_down(SSL *ssl, SSL_SESSION *session)
{
    const struct tls_session *s = SSL_get_app_data(ssl);
    if (session == NULL || s->site == NULL || !is_entitled(s)) {
        return;
    }
    unsigned char octets[NOTE_MAX];
    uint64_t end_ms = 0;
    size_t n = note_write(s, SSL_session_reused(ssl) == 1, octets, &end_ms);
    /* OpenSSL counts the life of a session from its first ticket with 1.2, of its latest with 1.3.
     */
    (void)SSL_SESSION_set_time(session, (long)time(NULL));
    (void)SSL_SESSION_set1_ticket_appdata(session, octets, n);
    struct session_store *store = s->sites->resume != NULL ? s->sites->resume->store : NULL;
    if (store != NULL && (SSL_get_options(ssl) & SSL_OP_NO_TICKET) != 0) {
        (void)session_store_put(store, session, sent_few(ssl), end_ms);
    }
}

/* Before a ticket is made; 0 would end the handshake. */
static int on_making(SSL *ssl, void *arg)
{
    (void)arg;
    note_down(ssl, SSL_get_session(ssl));
    return 1;
}

void resume_finished(struct tls_session *s)
{
    const struct resume *r = s->sites->resume;
    if (r != NULL && r->store != NULL && SSL_version(s->ssl) != TLS1_3_VERSION) {
        note_down(s->ssl, SSL_get_session(s->ssl));
    }
}

static int load_key(const struct ticket_key *key, const unsigned char *iv, EVP_CIPHER_CTX *cipher,
                    EVP_MAC_CTX *mac, int enc)
{
    char digest[] = "SHA256";
    unsigned char mac_key[sizeof(key->mac)];
    memcpy(mac_key, key->mac, sizeof(mac_key));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, mac_key, sizeof(mac_key)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    bool ok = EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, enc) == 1 &&
              EVP_MAC_CTX_set_params(mac, params) == 1;
    mem_wipe(mac_key, sizeof(mac_key));
    return ok ? 1 : -1;
}

/* 0: with enc, an empty ticket, which a client forgets; otherwise, a full handshake. A failure to
 * open is no error either: what was tried is the client's choice. */
static int on_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                  EVP_MAC_CTX *mac, int enc)
{
    struct tls_session *s = SSL_get_app_data(ssl);
    struct resume *r = s->sites->resume;
    int64_t now_ms = clock_wall_ms();
    const struct ticket_key *key;
    if (r == NULL) {
        return 0;
    }
    if (enc == 0) {
        key = ticket_keys_open(r->keys, name, now_ms);
        return key != NULL && load_key(key, iv, cipher, mac, 0) == 1 ? 1 : 0;
    }
    key = is_entitled(s) ? ticket_keys_seal(r->keys, now_ms) : NULL;
    if (key == NULL || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) {
        return 0;
    }
    memcpy(name, key->name, sizeof(key->name));
    return load_key(key, iv, cipher, mac, 1);
}

/* Policy, server certificates and listener: a session does not outlive any of them. */
static int bind_site(struct site *s, struct str listener)
{
    unsigned char all[32 + 32 + 32];
    memcpy(all, s->face.policy, 32);
    memcpy(all + 32, s->certificates, 32);
    if (enc_sha256(listener, all + 64) != 0 ||
        enc_sha256((struct str){(const char *)all, sizeof(all)}, s->binding) != 0 ||
        SSL_CTX_set_session_id_context(s->context, s->binding, sizeof(s->binding)) != 1) {
        return -ERR_CRYPTO;
    }
    return 0;
}

/* No tickets by default with 1.3: resume_entitle() asks for the one. */
static int enable_site(struct site *s, const struct resume *r, struct str listener)
{
    SSL_CTX *c = s->context;
    int failed = bind_site(s, listener);
    if (failed != 0) {
        return failed;
    }
    (void)SSL_CTX_set_timeout(c, (long)(r->life_ms / 1000));
    if (SSL_CTX_set_num_tickets(c, 0) != 1 ||
        SSL_CTX_set_tlsext_ticket_key_evp_cb(c, on_key) != 1 ||
        SSL_CTX_set_session_ticket_cb(c, on_making, on_opened, NULL) != 1) {
        return -ERR_CRYPTO;
    }
    (void)SSL_CTX_clear_options(c, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_get_cb(c, on_number);
    (void)SSL_CTX_set_generate_session_id(c, on_new_id);
    return 0;
}

void resume_free(struct resume *r)
{
    if (r != NULL) {
        ticket_keys_free(r->keys);
        mem_free(r);
    }
}

void resume_keep(struct tls_sites *t, struct session_store *store)
{
    if (t->resume == NULL) {
        return;
    }
    t->resume->store = store;
    for (size_t i = 0; i < t->n; i++) {
        /* Without the flag OpenSSL gives no id with TLS 1.2. */
        bool gives_ids = store != NULL && t->v[i].trust != NULL;
        (void)SSL_CTX_set_session_cache_mode(
            t->v[i].context, SSL_SESS_CACHE_NO_INTERNAL | (gives_ids ? SSL_SESS_CACHE_SERVER : 0));
    }
}

int resume_enable(struct tls_sites *t, const struct conf_resumption *r, struct str secret,
                  struct str listener)
{
    struct resume *made = mem_calloc(1, sizeof(*made));
    if (made == NULL) {
        return -ERR_NOMEM;
    }
    made->life_ms = r->life_ms;
    made->life_total_ms = r->life_total_ms;
    made->rotate_ms = r->rotate_ms;
    made->keys = ticket_keys_new(secret, r->rotate_ms);
    int failed = made->keys != NULL ? 0 : -ERR_NOMEM;
    for (size_t i = 0; i < t->n && failed == 0; i++) {
        failed = enable_site(&t->v[i], made, listener);
    }
    ERR_clear_error();
    t->resume = made; /* freed with t */
    return failed;
}
