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
#include "proxy/tls/session_inner.h"
#include "proxy/tls/session_store.h"
#include "proxy/tls/site_inner.h"
#include "proxy/tls/ticket_keys.h"

/* What the sites of one listener need. */
struct resume {
    struct ticket_keys *keys; /* owned */
    uint32_t life_ms;
    uint32_t life_total_ms;
    uint32_t rotate_ms;
    struct session_store *store; /* borrowed; NULL: sessions are in their tickets */
};

/* Octets of certificates beside the client's own with which its session may be an object. */
#define CHAIN_OBJECT_MAX 2048

/* What a ticket holds of ours, in this order, numbers with the highest octet first. */
enum {
    NOTE_VERSION = 3,
    NOTE_FIXED = 1 + 8 + 8 + 8 + 1 + SITE_BINDING + 1 + 1,
    NOTE_MAX = NOTE_FIXED + DENY_CHAIN_MAX * (int)sizeof(struct deny_keys) + SITE_NAME_MAX
};

struct note {
    int64_t first_ms;       /* when the full handshake was */
    int64_t issued_ms;      /* when this ticket was made */
    struct trust_term term; /* of the full handshake's verdict */
    struct str binding;
    struct deny_chain chain; /* of the full handshake */
    struct str name;
};

static void put_number(unsigned char **p, int64_t value)
{
    for (int shift = 56; shift >= 0; shift -= 8) {
        *(*p)++ = (unsigned char)((uint64_t)value >> shift);
    }
}

static int64_t take_number(const unsigned char **p)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 8 | *(*p)++;
    }
    return (int64_t)value;
}

static size_t write_note(const struct note *note, unsigned char out[NOTE_MAX])
{
    unsigned char *p = out;
    *p++ = NOTE_VERSION;
    put_number(&p, note->first_ms);
    put_number(&p, note->issued_ms);
    put_number(&p, note->term.until_ms);
    *p++ = note->term.then == REASON_CRL_EXPIRED ? 1 : 0;
    memcpy(p, note->binding.p, SITE_BINDING);
    p += SITE_BINDING;
    size_t chain_n = note->chain.n * sizeof(struct deny_keys);
    *p++ = (unsigned char)note->chain.n;
    memcpy(p, note->chain.v, chain_n);
    p += chain_n;
    *p++ = (unsigned char)note->name.n;
    if (note->name.n > 0) {
        memcpy(p, note->name.p, note->name.n);
    }
    return NOTE_FIXED + chain_n + note->name.n;
}

/* note borrows from octets. */
static bool read_note(struct str octets, struct note *note)
{
    const unsigned char *p = (const unsigned char *)octets.p;
    if (octets.n < NOTE_FIXED || *p++ != NOTE_VERSION) {
        return false;
    }
    note->first_ms = take_number(&p);
    note->issued_ms = take_number(&p);
    note->term.until_ms = take_number(&p);
    note->term.then = *p++ == 0 ? REASON_CLIENT_CERT_EXPIRED : REASON_CRL_EXPIRED;
    note->binding = (struct str){(const char *)p, SITE_BINDING};
    p += SITE_BINDING;
    note->chain.n = *p++;
    size_t chain_n = note->chain.n * sizeof(struct deny_keys);
    if (note->chain.n > DENY_CHAIN_MAX || octets.n < NOTE_FIXED + chain_n) {
        return false;
    }
    memcpy(note->chain.v, p, chain_n);
    p += chain_n;
    note->name = (struct str){(const char *)p + 1, *p};
    return octets.n == NOTE_FIXED + chain_n + note->name.n;
}

static bool take_note(SSL_SESSION *session, struct note *note)
{
    void *p = NULL;
    size_t n = 0;
    return SSL_SESSION_get0_ticket_appdata(session, &p, &n) == 1 && p != NULL &&
           read_note((struct str){p, n}, note);
}

static struct str binding_of(const struct tls_session *s)
{
    return (struct str){(const char *)site_of(s->site)->binding, SITE_BINDING};
}

/* Made for this listener, site, policy and name, and not too long ago. A ticket from the future
 * means that the clock went back: then nothing that counts time can be relied on. */
static bool note_fits(const struct tls_session *s, const struct note *note, int64_t now_ms)
{
    const struct resume *r = s->sites->resume;
    return str_eq(note->binding, binding_of(s)) && str_eq(note->name, session_name(s)) &&
           note->first_ms >= 0 && note->first_ms <= note->issued_ms && note->issued_ms <= now_ms &&
           now_ms - note->issued_ms < (int64_t)r->life_ms &&
           now_ms - note->first_ms < (int64_t)r->life_total_ms && now_ms < note->term.until_ms;
}

static enum reason judge(const struct tls_session *s, SSL_SESSION *session, struct note *note)
{
    int64_t now_ms = clock_wall_ms();
    X509 *leaf = SSL_SESSION_get0_peer(session);
    if (s->site == NULL || s->sites->resume == NULL || s->site->trust == NULL || leaf == NULL ||
        !take_note(session, note) || !note_fits(s, note, now_ms)) {
        return REASON_CLIENT_CERT_MISSING;
    }
    if (s->deny != NULL && deny_chain(*s->deny, &note->chain) != DENY_NOT_LISTED) {
        return REASON_CLIENT_CERT_REVOKED;
    }
    return trust_ask_again(s->site->trust, leaf, NULL, now_ms);
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

/* As a sealed ticket ends with its key, so does one that is a number: with the second change of
 * keys after it was made. */
static bool outlived_key(const struct resume *r, int64_t made_ms)
{
    return clock_wall_ms() / r->rotate_ms - made_ms / r->rotate_ms > 1;
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
        !take_session(s, session, &made_ms) || outlived_key(r, made_ms)) {
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

/* Until when, on the monotonic clock, note_fits() can hold for what is noted now. */
static uint64_t ends_ms(const struct resume *r, const struct note *note)
{
    int64_t end_ms = note->issued_ms + (int64_t)r->life_ms;
    int64_t last_ms = note->first_ms + (int64_t)r->life_total_ms;
    end_ms = last_ms < end_ms ? last_ms : end_ms;
    end_ms = note->term.until_ms < end_ms ? note->term.until_ms : end_ms;
    return clock_mono_ms() + (end_ms > note->issued_ms ? (uint64_t)(end_ms - note->issued_ms) : 0);
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
    bool again = SSL_session_reused(ssl) == 1;
    struct note note = {.issued_ms = clock_wall_ms(),
                        .binding = binding_of(s),
                        .chain = s->chain,
                        .name = session_name(s)};
    note.first_ms = again ? s->first_ms : note.issued_ms;
    note.term = again ? s->ticket_term : s->peer_term;
    /* OpenSSL counts the life of a session from its first ticket with 1.2, of its latest with 1.3.
     */
    (void)SSL_SESSION_set_time(session, (long)time(NULL));
    (void)SSL_SESSION_set1_ticket_appdata(session, octets, write_note(&note, octets));
    struct session_store *store = s->sites->resume != NULL ? s->sites->resume->store : NULL;
    if (store != NULL && (SSL_get_options(ssl) & SSL_OP_NO_TICKET) != 0) {
        (void)session_store_put(store, session, sent_few(ssl), ends_ms(s->sites->resume, &note));
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
