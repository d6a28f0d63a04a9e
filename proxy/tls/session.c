/* Owns: one TLS connection as an engine: octets in, octets out. Not: the socket, the settings
 * (context.c), what is decided from the ClientHello (hello.c) and the client's certificate
 * (verify.c). On the worker's thread. */
#include "proxy/tls/session.h"

#include <assert.h>

#include <openssl/err.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/mem_pool.h"
#include "proxy/tls/handshake.h"
#include "proxy/tls/psk.h"
#include "proxy/tls/resume.h"
#include "proxy/tls/session_inner.h"
#include "proxy/tls/site_inner.h"
#include "proxy/tls/tls_err.h"

/* Unread input that may be kept: a few whole records; its owner stops reading long before. */
#define KEPT_MAX ((size_t)1 << 18)

/* OpenSSL's object gets its two ends. */
static bool set_ends(struct tls_session *s)
{
    BIO *in = NULL;
    BIO *out = NULL;
    if (s->sites->bio_method != NULL) {
        in = bio_new(s->sites->bio_method, &s->ends);
        out = in;
    } else if (bio_ends_use_memory(&s->ends)) {
        in = s->ends.memory_in;
        out = s->ends.memory_out;
    }
    if (in != NULL) {
        SSL_set_bio(s->ssl, in, out);
    }
    return in != NULL;
}

/* The handshake is OpenSSL's. */
static bool open_ssl(struct tls_session *s)
{
    ERR_clear_error();
    /* Any context will do until the ClientHello has chosen one. */
    s->ssl = SSL_new(s->sites->v[0].context);
    bool listens = s->sites->ciphers != NULL;
    s->keys = listens ? mem_calloc(1, sizeof(*s->keys)) : NULL;
    if (s->ssl == NULL || !set_ends(s) || SSL_set_app_data(s->ssl, s) != 1 ||
        (listens && s->keys == NULL)) {
        ERR_clear_error();
        return false;
    }
    SSL_set_accept_state(s->ssl);
    return true;
}

struct tls_session *tls_session_new(struct tls_sites *sites)
{
    struct tls_session *s = mem_calloc(1, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    bio_ends_init(&s->ends, KEPT_MAX, TLS_SESSION_OUT_MAX);
    s->sites = tls_sites_ref(sites);
    s->refusal = REASON_OK;
    s->peer_reason = REASON_CLIENT_CERT_MISSING;
    s->version = "";
    s->cipher = "";
    /* Sealed tickets are OpenSSL's. */
    bool own = sites->own_handshake && psk_is_possible(sites);
    if (!own && !open_ssl(s)) {
        tls_session_free(s);
        return NULL;
    }
    return s;
}

void tls_session_withdraw(struct tls_session *s, const struct deny *const *deny)
{
    s->deny = deny;
}

static void forget_keys(struct tls_session *s)
{
    if (s->keys != NULL) {
        mem_wipe(s->keys, sizeof(*s->keys));
        mem_free(s->keys);
        s->keys = NULL;
    }
}

void tls_session_free(struct tls_session *s)
{
    if (s == NULL) {
        return;
    }
    SSL_free(s->ssl);
    forget_keys(s);
    handshake_free(s->handshake);
    records_free(s->records);
    peer_free(s->peer);
    bio_ends_fini(&s->ends);
    tls_sites_unref(s->sites);
    mem_free(s->name);
    mem_free(s->detail);
    mem_free(s);
}

void tls_session_input(struct tls_session *s, struct str octets)
{
    assert(s->ends.lent.n == 0);
    s->ends.lent = octets;
}

int tls_session_settle(struct tls_session *s)
{
    struct str rest = s->ends.lent;
    s->ends.lent = STR_NONE;
    if (rest.n == 0 || s->failed) {
        return 0;
    }
    return buf_append(&s->ends.kept, rest) == 0 ? 0 : -ERR_NOMEM;
}

void tls_session_unlend(struct tls_session *s)
{
    s->ends.lent = STR_NONE;
}

bool tls_session_has_input(const struct tls_session *s)
{
    if (s->failed) {
        return false;
    }
    if (s->records != NULL) {
        return records_has_input(s->records, &s->ends);
    }
    if (s->ssl == NULL) {
        return handshake_has_input(s);
    }
    /* What comes behind close_notify is not read. */
    return (SSL_get_shutdown(s->ssl) & SSL_RECEIVED_SHUTDOWN) == 0 &&
           (bio_ends_unread(&s->ends) > 0 || SSL_pending(s->ssl) > 0);
}

bool tls_session_may_read(const struct tls_session *s)
{
    if (s->failed) {
        return true;
    }
    if (s->ssl == NULL && s->records == NULL) {
        return handshake_has_input(s);
    }
    return s->records != NULL ? records_may_read(s->records, &s->ends)
                              : bio_ends_unread(&s->ends) > 0 || SSL_has_pending(s->ssl) == 1;
}

/* True if the failure is a client that speaks HTTP without TLS: no TLS record begins with a
 * capital letter, and every method does. */
static bool looks_like_http(const struct tls_session *s)
{
    return !s->established && s->ends.started && s->ends.first >= 'A' && s->ends.first <= 'Z';
}

/* Nothing is read or written any more; words go to the log. */
static enum tls_result end(struct tls_session *s, struct str words)
{
    s->failed = true;
    forget_keys(s);
    mem_free(s->detail);
    s->detail = mem_dup(words.p, words.n);
    buf_release(&s->ends.kept);
    s->ends.lent = STR_NONE;
    return TLS_FAILED;
}

/* Ends the session for what stands in OpenSSL's error queue, or what a callback refused. */
static enum tls_result fail(struct tls_session *s)
{
    struct tls_err e;
    tls_err_take(&e);
    if (looks_like_http(s)) {
        s->reason = REASON_PLAIN_HTTP_ON_TLS_PORT;
        buf_release(&s->ends.out); /* the answer will be HTTP */
    } else if (s->refusal != REASON_OK) {
        s->reason = s->refusal;
    } else if (s->ends.out_full || s->ends.stuck) {
        s->reason = REASON_OUT_OF_MEMORY;
    } else if (e.bad_certificate) {
        s->reason = s->peer_reason;
    } else {
        s->reason = e.reason;
    }
    return end(s, e.bad_certificate
                      ? str_of(X509_verify_cert_error_string(SSL_get_verify_result(s->ssl)))
                      : str_of(e.text));
}

/* Passes on what records_read() or _write() returned. */
static enum tls_result pass(struct tls_session *s, enum tls_result r,
                            const struct records_fault *fault)
{
    if (r == TLS_FAILED) {
        s->reason = fault->reason;
        return end(s, str_of(fault->text));
    }
    return r;
}

/* After a call of OpenSSL that returned ret: what it wrote is taken. True if it wants input and now
 * has some, so that the call is to be made again. Only with memory BIOs: ours gives all it has. */
static bool is_fed(struct tls_session *s, int ret)
{
    if (s->ends.memory_in == NULL) {
        return false;
    }
    bio_ends_drain(&s->ends);
    return ret != 1 && !s->ends.stuck && SSL_get_error(s->ssl, ret) == SSL_ERROR_WANT_READ &&
           bio_ends_feed(&s->ends);
}

/* What a call of OpenSSL that returned ret means. */
static enum tls_result outcome(struct tls_session *s, int ret)
{
    if (s->ends.stuck) {
        return fail(s);
    }
    switch (SSL_get_error(s->ssl, ret)) {
    case SSL_ERROR_NONE:
        return TLS_OK;
    case SSL_ERROR_WANT_READ:
        return TLS_WANT;
    case SSL_ERROR_ZERO_RETURN:
        if (s->established) {
            return TLS_CLOSED;
        }
        s->refusal = REASON_TLS_HANDSHAKE_ABORTED;
        return fail(s);
    default:
        return fail(s);
    }
}

/* Sessions in tickets are decoded in the thread's default library context, whatever the SSL's is:
 * with their certificates, that is what a narrow one is for. */
static int do_handshake(struct tls_session *s)
{
    bool changes = s->sites->resume != NULL && s->sites->library != NULL;
    OSSL_LIB_CTX *before = changes ? OSSL_LIB_CTX_set0_default(s->sites->library) : NULL;
    narrow_kdf_listen(s->keys);
    int ret = SSL_do_handshake(s->ssl);
    narrow_kdf_listen(NULL);
    if (changes) {
        (void)OSSL_LIB_CTX_set0_default(before);
    }
    return ret;
}

/* Records in octets that OpenSSL wrote. */
static uint64_t count_records(struct str octets)
{
    uint64_t n = 0;
    while (octets.n >= TRAFFIC_HEADER) {
        size_t body = (size_t)(unsigned char)octets.p[3] << 8 | (unsigned char)octets.p[4];
        octets = str_slice(octets, TRAFFIC_HEADER + body, octets.n);
        n++;
    }
    return n;
}

/* OpenSSL has agreed to short records (RFC 6066 4), which only it makes. */
static bool is_limited(SSL *ssl)
{
    const SSL_SESSION *session = SSL_get_session(ssl);
    return session == NULL ||
           SSL_SESSION_get_max_fragment_length(session) != TLSEXT_max_fragment_length_DISABLED;
}

/* With TLS 1.3, OpenSSL is needed for the handshake only. What it wrote after the client's
 * Finished, tickets, was the first to be protected by the keys that follow; it has read nothing
 * with them. */
static struct records *make_records(struct tls_session *s)
{
    struct traffic_side in;
    struct traffic_side out;
    struct records *made = NULL;
    enum traffic_suite suite =
        traffic_suite_of(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(s->ssl)));
    if (SSL_version(s->ssl) == TLS1_3_VERSION && SSL_has_pending(s->ssl) == 0 &&
        !is_limited(s->ssl) && bio_ends_take_back(&s->ends) &&
        narrow_kdf_side(&s->keys->client, suite, &in) &&
        narrow_kdf_side(&s->keys->server, suite, &out)) {
        out.count = count_records(bio_ends_written(&s->ends));
        made = records_new(s->sites->ciphers, &in, &out);
    }
    mem_wipe(&in, sizeof(in));
    mem_wipe(&out, sizeof(out));
    return made;
}

static void take_over(struct tls_session *s)
{
    s->records = s->keys != NULL ? make_records(s) : NULL;
    forget_keys(s);
    if (s->records != NULL) {
        /* Else OpenSSL takes it for broken off, and lets nobody resume it. */
        SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        /* It does not wipe the secrets in it, and they are good as long as the connection is. */
        mem_pool_wipe_here(true);
        SSL_free(s->ssl);
        mem_pool_wipe_here(false);
        s->ssl = NULL;
        bio_ends_forget_memory(&s->ends);
    }
}

/* Without a chain that was built, the leaf alone: nobody may be beyond withdrawal. */
static bool may_be_withdrawn(struct tls_session *s, X509 *leaf)
{
    return leaf == NULL ||
           (s->peer != NULL && (s->chain.n > 0 || deny_chain_add(&s->chain, leaf) == 0));
}

static enum tls_result open_up(struct tls_session *s)
{
    s->asks_often = s->site->conf->client.ocsp.mode != CONF_OCSP_OFF;
    s->established = true;
    return TLS_OK;
}

/* The handshake is done: what it was is kept. */
static enum tls_result establish(struct tls_session *s)
{
    if (s->site == NULL) {
        s->refusal = REASON_INTERNAL; /* no ClientHello was judged: never let that through */
        return fail(s);
    }
    s->resumed = SSL_session_reused(s->ssl) == 1;
    if (s->resumed) {
        resume_adopt(s);
    } else {
        resume_finished(s);
    }
    s->peer = peer_new(s->ssl, s->sites->library);
    if (!may_be_withdrawn(s, SSL_get0_peer_certificate(s->ssl))) {
        s->refusal = REASON_INTERNAL;
        return fail(s);
    }
    s->version = SSL_get_version(s->ssl);
    s->cipher = SSL_get_cipher_name(s->ssl);
    take_over(s);
    return open_up(s);
}

/* Goes on with a handshake of our own. */
static enum tls_result go_on(struct tls_session *s)
{
    struct records_fault fault = {.reason = REASON_OK};
    enum tls_result r = handshake_go_on(s, &fault);
    if (r == TLS_OK && !may_be_withdrawn(s, peer_leaf(s->peer))) {
        fault.reason = REASON_INTERNAL;
        r = TLS_FAILED;
    }
    if (r != TLS_WANT) {
        handshake_free(s->handshake);
        s->handshake = NULL;
    }
    return r == TLS_OK ? open_up(s) : pass(s, r, &fault);
}

/* Whose handshake it is, once the ClientHello says so; TLS_OK: s->handshake or s->ssl is there. */
static enum tls_result choose_handshake(struct tls_session *s)
{
    struct records_fault fault = {.reason = REASON_OUT_OF_MEMORY};
    switch (handshake_begin(s, &fault)) {
    case HANDSHAKE_WAITS:
        return TLS_WANT;
    case HANDSHAKE_OURS:
        return TLS_OK;
    case HANDSHAKE_OTHERS:
        return open_ssl(s) ? TLS_OK : pass(s, TLS_FAILED, &fault);
    case HANDSHAKE_FAILED:
        break;
    }
    handshake_free(s->handshake);
    s->handshake = NULL;
    return pass(s, TLS_FAILED, &fault);
}

enum tls_result tls_session_handshake(struct tls_session *s)
{
    if (s->failed) {
        return TLS_FAILED;
    }
    if (s->established) {
        return TLS_OK;
    }
    if (s->ssl == NULL && s->handshake == NULL) {
        enum tls_result chosen = choose_handshake(s);
        if (chosen != TLS_OK) {
            return chosen;
        }
    }
    if (s->handshake != NULL) {
        return go_on(s);
    }
    ERR_clear_error();
    int ret;
    (void)bio_ends_feed(&s->ends);
    do {
        ret = do_handshake(s);
    } while (is_fed(s, ret));
    enum tls_result r = outcome(s, ret);
    return r == TLS_OK ? establish(s) : r;
}

/* SSL_get_error() looks at what is queued. Nearly always that is nothing, and asking costs less
 * than clearing it. */
static void clear_errors(void)
{
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

enum tls_result tls_session_read(struct tls_session *s, char *out, size_t max, size_t *n)
{
    assert(s->established || s->failed);
    *n = 0;
    if (s->failed || !s->established) {
        return TLS_FAILED;
    }
    if (s->records != NULL) {
        struct records_fault fault = {.reason = REASON_OK};
        return pass(s, records_read(s->records, &s->ends, out, max, n, &fault), &fault);
    }
    clear_errors();
    int ret;
    (void)bio_ends_feed(&s->ends);
    do {
        ret = SSL_read_ex(s->ssl, out, max, n);
    } while (is_fed(s, ret));
    return outcome(s, ret);
}

/* Without partial writes OpenSSL takes all or fails, as our end never blocks. A memory BIO has no
 * bound of its own, so that is drained after each record. */
static bool write_all(struct tls_session *s, struct str octets)
{
    size_t each = s->ends.memory_out != NULL ? SSL3_RT_MAX_PLAIN_LENGTH : octets.n;
    bool good = true;
    while (octets.n > 0 && good) {
        struct str piece = str_slice(octets, 0, each);
        size_t n = 0;
        good = SSL_write_ex(s->ssl, piece.p, piece.n, &n) == 1 && n == piece.n;
        bio_ends_drain(&s->ends);
        good = good && !s->ends.stuck;
        octets = str_slice(octets, piece.n, octets.n);
    }
    return good;
}

enum tls_result tls_session_write(struct tls_session *s, struct str octets)
{
    assert(s->established || s->failed);
    if (s->failed || !s->established) {
        return TLS_FAILED;
    }
    if (octets.n == 0) {
        return TLS_OK;
    }
    if (s->records != NULL) {
        struct records_fault fault = {.reason = REASON_OK};
        return pass(s, records_write(s->records, &s->ends, octets, &fault), &fault);
    }
    clear_errors();
    return write_all(s, octets) ? TLS_OK : fail(s);
}

void tls_session_shutdown(struct tls_session *s)
{
    if (s->failed || !s->established) {
        return;
    }
    if (s->records != NULL) {
        records_shutdown(s->records, &s->ends);
        return;
    }
    if ((SSL_get_shutdown(s->ssl) & SSL_SENT_SHUTDOWN) != 0) {
        return;
    }
    ERR_clear_error();
    (void)SSL_shutdown(s->ssl);
    bio_ends_drain(&s->ends);
    ERR_clear_error();
}

struct buf *tls_session_out(struct tls_session *s)
{
    return &s->ends.out;
}

enum reason tls_session_reason(const struct tls_session *s)
{
    return s->reason;
}

struct str tls_session_detail(const struct tls_session *s)
{
    return s->detail != NULL ? str_of(s->detail) : STR("");
}

const struct tls_site *tls_session_site(const struct tls_session *s)
{
    return s->site;
}

struct str tls_session_name(const struct tls_session *s)
{
    return session_name(s);
}

X509 *tls_session_peer(const struct tls_session *s)
{
    return peer_leaf(s->peer);
}

enum reason tls_session_peer_reason(const struct tls_session *s)
{
    return s->peer_reason;
}

struct trust_term tls_session_peer_term(const struct tls_session *s)
{
    return s->peer_term;
}

static bool is_peer_idle(const struct tls_session *s)
{
    return s->peer != NULL && peer_is_idle(s->peer);
}

/* The certificate of a connection that idles was looked at: it goes on idling. */
static void rest_peer(const struct tls_session *s, bool was_idle)
{
    if (was_idle) {
        peer_idle(s->peer);
    }
}

enum reason tls_session_judge(const struct tls_session *s, const struct trust *t, int64_t wall_ms,
                              struct trust_term *term)
{
    *term = (struct trust_term){0};
    bool idle = is_peer_idle(s);
    X509 *leaf = tls_session_peer(s);
    if (leaf == NULL) {
        return REASON_CLIENT_CERT_MISSING;
    }
    if (t == NULL) {
        return REASON_CLIENT_CERT_UNKNOWN_CA;
    }
    const struct trust_question q = {.leaf = leaf,
                                     .chain = s->peer->sent,
                                     .wall_ms = wall_ms,
                                     .deny = s->deny != NULL ? *s->deny : NULL};
    enum reason why = trust_judge_all(t, &q, term, NULL);
    rest_peer(s, idle);
    return why;
}

const struct deny_chain *tls_session_deny_keys(const struct tls_session *s)
{
    return &s->chain;
}

enum reason tls_session_ask_again(const struct tls_session *s, const struct trust *t,
                                  int64_t wall_ms)
{
    bool idle = is_peer_idle(s);
    X509 *leaf = tls_session_peer(s);
    if (leaf == NULL) {
        return REASON_CLIENT_CERT_MISSING;
    }
    enum reason why = trust_ask_again(t, leaf, s->peer->sent, wall_ms);
    rest_peer(s, idle);
    return why;
}

bool tls_session_resumed(const struct tls_session *s)
{
    return s->resumed;
}

STACK_OF(X509) *
    tls_session_chain(const struct tls_session *s, const struct trust *t, int64_t wall_ms)
{
    X509 *leaf = tls_session_peer(s);
    return leaf != NULL && t != NULL ? trust_chain(t, leaf, s->peer->sent, wall_ms) : NULL;
}

struct str tls_session_version(const struct tls_session *s)
{
    return str_of(s->version);
}

struct str tls_session_cipher(const struct tls_session *s)
{
    return str_of(s->cipher);
}

void tls_session_idle(struct tls_session *s)
{
    if (buf_len(&s->ends.kept) == 0) {
        buf_release(&s->ends.kept);
    }
    if (buf_len(&s->ends.out) == 0) {
        buf_release(&s->ends.out);
    }
    bio_ends_idle_memory(&s->ends);
    if (s->records == NULL) {
        return;
    }
    records_idle(s->records);
    if (s->peer != NULL && !s->asks_often) {
        peer_idle(s->peer);
    }
}
