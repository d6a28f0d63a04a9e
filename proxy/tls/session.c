/* Owns: one TLS connection as an engine: octets in, octets out. Not: the socket, the settings
 * (context.c), what is decided from the ClientHello (hello.c) and the client's certificate
 * (verify.c). On the worker's thread. */
#include "proxy/tls/session.h"

#include <assert.h>

#include <openssl/err.h>

#include "base/err.h"
#include "base/mem.h"
#include "proxy/tls/resume.h"
#include "proxy/tls/session_inner.h"
#include "proxy/tls/site_inner.h"
#include "proxy/tls/tls_err.h"

/* Unread input that may be kept: a few whole records; its owner stops reading long before. */
#define KEPT_MAX ((size_t)1 << 18)

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
    ERR_clear_error();
    /* Any context will do until the ClientHello has chosen one. */
    s->ssl = SSL_new(sites->v[0].context);
    BIO *bio = s->ssl != NULL ? bio_new(sites->bio_method, &s->ends) : NULL;
    if (bio == NULL || SSL_set_app_data(s->ssl, s) != 1) {
        BIO_free(bio);
        ERR_clear_error();
        tls_session_free(s);
        return NULL;
    }
    SSL_set_bio(s->ssl, bio, bio);
    SSL_set_accept_state(s->ssl);
    return s;
}

void tls_session_withdraw(struct tls_session *s, const struct deny *const *deny)
{
    s->deny = deny;
}

void tls_session_free(struct tls_session *s)
{
    if (s == NULL) {
        return;
    }
    SSL_free(s->ssl);
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

bool tls_session_has_input(const struct tls_session *s)
{
    return !s->failed && (bio_ends_unread(&s->ends) > 0 || SSL_pending(s->ssl) > 0);
}

bool tls_session_may_read(const struct tls_session *s)
{
    return s->failed || bio_ends_unread(&s->ends) > 0 || SSL_has_pending(s->ssl) == 1;
}

/* True if the failure is a client that speaks HTTP without TLS: no TLS record begins with a
 * capital letter, and every method does. */
static bool looks_like_http(const struct tls_session *s)
{
    return !s->established && s->ends.started && s->ends.first >= 'A' && s->ends.first <= 'Z';
}

/* Ends the session for what stands in OpenSSL's error queue, or what a callback refused. */
static enum tls_result fail(struct tls_session *s)
{
    struct tls_err e;
    tls_err_take(&e);
    s->failed = true;
    if (looks_like_http(s)) {
        s->reason = REASON_PLAIN_HTTP_ON_TLS_PORT;
        buf_release(&s->ends.out); /* the answer will be HTTP */
    } else if (s->refusal != REASON_OK) {
        s->reason = s->refusal;
    } else if (s->ends.out_full) {
        s->reason = REASON_OUT_OF_MEMORY;
    } else if (e.bad_certificate) {
        s->reason = s->peer_reason;
    } else {
        s->reason = e.reason;
    }
    struct str words = e.bad_certificate
                           ? str_of(X509_verify_cert_error_string(SSL_get_verify_result(s->ssl)))
                           : str_of(e.text);
    mem_free(s->detail);
    s->detail = mem_dup(words.p, words.n);
    buf_release(&s->ends.kept);
    s->ends.lent = STR_NONE;
    return TLS_FAILED;
}

/* What a call of OpenSSL that returned ret without success means. */
static enum tls_result outcome(struct tls_session *s, int ret)
{
    switch (SSL_get_error(s->ssl, ret)) {
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
    if (s->sites->resume == NULL || s->sites->library == NULL) {
        return SSL_do_handshake(s->ssl);
    }
    OSSL_LIB_CTX *before = OSSL_LIB_CTX_set0_default(s->sites->library);
    int ret = SSL_do_handshake(s->ssl);
    (void)OSSL_LIB_CTX_set0_default(before);
    return ret;
}

enum tls_result tls_session_handshake(struct tls_session *s)
{
    if (s->failed) {
        return TLS_FAILED;
    }
    if (s->established) {
        return TLS_OK;
    }
    ERR_clear_error();
    int ret = do_handshake(s);
    if (ret != 1) {
        return outcome(s, ret);
    }
    if (s->site == NULL) {
        s->refusal = REASON_INTERNAL; /* no ClientHello was judged: never let that through */
        return fail(s);
    }
    if (SSL_session_reused(s->ssl) == 1) {
        resume_adopt(s);
    }
    X509 *leaf = SSL_get0_peer_certificate(s->ssl);
    /* Without a chain that was built, the leaf alone: nobody may be beyond withdrawal. */
    if (leaf != NULL && s->chain.n == 0 && deny_chain_add(&s->chain, leaf) != 0) {
        s->refusal = REASON_INTERNAL;
        return fail(s);
    }
    s->established = true;
    return TLS_OK;
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
    clear_errors();
    int ret = SSL_read_ex(s->ssl, out, max, n);
    return ret == 1 ? TLS_OK : outcome(s, ret);
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
    clear_errors();
    size_t n = 0;
    /* Without partial writes OpenSSL takes all or fails, as our end never blocks. */
    return SSL_write_ex(s->ssl, octets.p, octets.n, &n) == 1 && n == octets.n ? TLS_OK : fail(s);
}

void tls_session_shutdown(struct tls_session *s)
{
    if (s->failed || !s->established || (SSL_get_shutdown(s->ssl) & SSL_SENT_SHUTDOWN) != 0) {
        return;
    }
    ERR_clear_error();
    (void)SSL_shutdown(s->ssl);
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
    return s->established ? SSL_get0_peer_certificate(s->ssl) : NULL;
}

enum reason tls_session_peer_reason(const struct tls_session *s)
{
    return s->peer_reason;
}

struct trust_term tls_session_peer_term(const struct tls_session *s)
{
    return s->peer_term;
}

/* What the client sent along in this handshake. Some resumed sessions still have what was sent in
 * an earlier one, and others have not: so that all are alike, none has. */
static STACK_OF(X509) * sent_chain(const struct tls_session *s)
{
    return SSL_session_reused(s->ssl) == 1 ? NULL : SSL_get_peer_cert_chain(s->ssl);
}

enum reason tls_session_judge(const struct tls_session *s, const struct trust *t, int64_t wall_ms,
                              struct trust_term *term)
{
    *term = (struct trust_term){0};
    X509 *leaf = tls_session_peer(s);
    if (leaf == NULL) {
        return REASON_CLIENT_CERT_MISSING;
    }
    if (t == NULL) {
        return REASON_CLIENT_CERT_UNKNOWN_CA;
    }
    const struct trust_question q = {.leaf = leaf,
                                     .chain = sent_chain(s),
                                     .wall_ms = wall_ms,
                                     .deny = s->deny != NULL ? *s->deny : NULL};
    return trust_judge_all(t, &q, term, NULL);
}

const struct deny_chain *tls_session_deny_keys(const struct tls_session *s)
{
    return &s->chain;
}

enum reason tls_session_ask_again(const struct tls_session *s, const struct trust *t,
                                  int64_t wall_ms)
{
    X509 *leaf = tls_session_peer(s);
    return leaf != NULL ? trust_ask_again(t, leaf, sent_chain(s), wall_ms)
                        : REASON_CLIENT_CERT_MISSING;
}

bool tls_session_resumed(const struct tls_session *s)
{
    return s->established && SSL_session_reused(s->ssl) == 1;
}

STACK_OF(X509) *
    tls_session_chain(const struct tls_session *s, const struct trust *t, int64_t wall_ms)
{
    X509 *leaf = tls_session_peer(s);
    return leaf != NULL && t != NULL ? trust_chain(t, leaf, sent_chain(s), wall_ms) : NULL;
}

struct str tls_session_version(const struct tls_session *s)
{
    return str_of(SSL_get_version(s->ssl));
}

struct str tls_session_cipher(const struct tls_session *s)
{
    const char *name = SSL_get_cipher_name(s->ssl);
    return name != NULL ? str_of(name) : STR("");
}

void tls_session_idle(struct tls_session *s)
{
    if (buf_len(&s->ends.kept) == 0) {
        buf_release(&s->ends.kept);
    }
    if (buf_len(&s->ends.out) == 0) {
        buf_release(&s->ends.out);
    }
}
