/* Owns: whether a handshake is ours, and the answer to its ClientHello. Not: what is read of that
 * (client_hello.c) and said in turn (server_flight.c), nor what follows (handshake.c). On the
 * worker's thread. */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/err.h"
#include "base/mem.h"
#include "proxy/tls/handshake_inner.h"
#include "proxy/tls/hello.h"
#include "proxy/tls/session_inner.h"
#include "proxy/tls/wire.h"

/* HandshakeType (RFC 8446 B.3) */
enum { CLIENT_HELLO = 1, CERTIFICATE = 11, FINISHED = 20 };

/* Octets that a client may send at once in one message and the record that it ends in: the longest
 * holds its certificates. */
#define MESSAGES_MAX ((size_t)MESSAGE_HEADER + HANDSHAKE_CERTIFICATES_MAX + TRAFFIC_CIPHER_MAX)

/* The whole ClientHello, if it is the first record of the input, and that alone; else *begin says
 * what to do. *record_n: octets of the record. */
static struct str peek_hello(struct tls_session *s, size_t *record_n, enum handshake_begin *begin)
{
    char header[TRAFFIC_HEADER];
    size_t n = bio_ends_peek(&s->ends, header, sizeof(header));
    *begin = n == 0 || (header[0] == HANDSHAKE && n < sizeof(header)) ? HANDSHAKE_WAITS
                                                                      : HANDSHAKE_OTHERS;
    if (n < sizeof(header) || header[0] != HANDSHAKE || header[1] != 3) {
        return STR_NONE;
    }
    *record_n = traffic_record_size(header);
    if (*record_n > TRAFFIC_HEADER + TRAFFIC_PLAIN_MAX) {
        return STR_NONE;
    }
    *begin = bio_ends_unread(&s->ends) < *record_n ? HANDSHAKE_WAITS : HANDSHAKE_OTHERS;
    const char *front = *begin == HANDSHAKE_OTHERS ? bio_ends_front(&s->ends, *record_n) : NULL;
    if (front == NULL) {
        return STR_NONE;
    }
    struct str message = {front + TRAFFIC_HEADER, *record_n - TRAFFIC_HEADER};
    bool whole = message.n >= MESSAGE_HEADER && message.p[0] == CLIENT_HELLO &&
                 wire_number(str_slice(message, 1, message.n), 3) == message.n - MESSAGE_HEADER;
    return whole ? message : STR_NONE;
}

/* The site that the client asks for, and what goes with it; false: OpenSSL says why not. */
static bool choose(struct tls_session *s, struct str message, struct handshake_hello *out)
{
    *out = (struct handshake_hello){.message = message};
    if (!client_hello_read(str_slice(message, MESSAGE_HEADER, message.n), &out->read) ||
        (out->read.name.n > 0 && !hello_name(out->read.name, &out->name)) ||
        (out->read.alpn.n > 0 && !hello_protocol(out->read.alpn, &out->protocol))) {
        return false;
    }
    out->site = tls_sites_find(s->sites, out->name);
    return out->site != NULL && site_of(out->site)->handshake != NULL &&
           handshake_site_choose(site_of(out->site)->handshake, &out->read, &out->choice);
}

static bool is_kept(struct tls_session *s, const struct handshake_hello *hello)
{
    s->name = hello->name.n > 0 ? mem_dup(hello->name.p, hello->name.n) : NULL;
    s->handshake = mem_calloc(1, sizeof(*s->handshake));
    if ((hello->name.n > 0 && s->name == NULL) || s->handshake == NULL) {
        return false;
    }
    s->site = hello->site;
    s->handshake->may_resume = hello->read.may_resume;
    buf_init(&s->handshake->messages, MESSAGES_MAX);
    return true;
}

/* What the client is expected to say. */
static void await_client(struct tls_session *s)
{
    bool asked = site_of(s->site)->handshake->request.n > 0 && s->handshake->psk == NULL;
    s->handshake->awaits = asked ? CERTIFICATE : FINISHED;
}

/* The session that the client offers, if it is one of ours: OpenSSL looks after all others. */
static bool find_session(struct tls_session *s, const struct handshake_hello *hello,
                         struct psk **found)
{
    *found = NULL;
    if (hello->read.identity.n == 0) {
        return true;
    }
    struct psk *p = hello->read.may_resume ? mem_alloc(sizeof(*p)) : NULL;
    if (p == NULL || !psk_find(s, hello->read.identity, p)) {
        psk_free(p);
        return false;
    }
    *found = p;
    return true;
}

/* The session is resumed if it may be, and is for a suite with the digest that was chosen (RFC 8446
 * 4.2.11); else the handshake is a full one. */
static bool take_session(struct tls_session *s, const struct handshake_hello *hello, struct psk *p)
{
    struct handshake *h = s->handshake;
    X509 *leaf = NULL;
    if (traffic_secret_size(p->suite) != traffic_secret_size(hello->choice.suite)) {
        return false;
    }
    STACK_OF(X509) *sent = sk_X509_new_reserve(NULL, 1); /* what is pushed then has its place */
    if (sent == NULL || !psk_take(s, p, &leaf)) {
        sk_X509_free(sent);
        return false;
    }
    (void)sk_X509_push(sent, leaf);
    h->sent = sent;
    return true;
}

/* Begins the key schedule. With a session that is resumed, -ERR_DENIED: its client does not show
 * that it has its key. */
static int begin_schedule(struct tls_session *s, const struct handshake_hello *hello)
{
    struct handshake *h = s->handshake;
    const struct str hello_begin =
        str_slice(hello->message, 0, hello->message.n - hello->read.binders_n);
    unsigned char binder[TRAFFIC_SECRET_MAX];
    size_t n = traffic_secret_size(hello->choice.suite);
    struct str secret = h->psk != NULL ? (struct str){(const char *)h->psk->secret, n} : STR_NONE;
    if (!schedule_begin(&h->schedule, s->sites->ciphers, hello->choice.suite, secret)) {
        return -ERR_CRYPTO;
    }
    if (h->psk == NULL) {
        return 0;
    }
    if (!schedule_binder(&h->schedule, hello_begin, binder)) {
        return -ERR_CRYPTO;
    }
    return hello->read.binder.n == n && mem_equal_secret(hello->read.binder.p, binder, n)
               ? 0
               : -ERR_DENIED;
}

/* All that follows from the ClientHello. Returns 0, -ERR_MALFORMED: its key share is none,
 * -ERR_DENIED: its binder is not right, -ERR_CRYPTO. */
static int answer(struct tls_session *s, const struct handshake_hello *hello)
{
    struct key_share share;
    int rc = begin_schedule(s, hello);
    if (rc == 0) {
        rc = key_share_agree(s->sites->maker, hello->choice.group, hello->choice.share, &share);
    }
    if (rc == 0) {
        rc = server_flight_write(s, hello, &share) ? 0 : -ERR_CRYPTO;
    }
    mem_wipe(&share, sizeof(share));
    return rc;
}

enum handshake_begin handshake_begin(struct tls_session *s, struct records_fault *fault)
{
    size_t record_n = 0;
    enum handshake_begin begin = HANDSHAKE_OTHERS;
    struct handshake_hello hello;
    struct psk *offered = NULL;
    struct str message = peek_hello(s, &record_n, &begin);
    if (message.n == 0 || !choose(s, message, &hello) || !find_session(s, &hello, &offered)) {
        return begin;
    }
    ERR_clear_error();
    if (!is_kept(s, &hello)) {
        psk_free(offered);
        *fault = (struct records_fault){.reason = REASON_OUT_OF_MEMORY};
        return HANDSHAKE_FAILED;
    }
    if (offered != NULL && take_session(s, &hello, offered)) {
        s->handshake->psk = offered;
    } else {
        psk_free(offered);
    }
    int rc = answer(s, &hello);
    bio_ends_consume(&s->ends, record_n);
    if (rc == -ERR_MALFORMED) {
        (void)handshake_refuse(s, fault, SSL_AD_ILLEGAL_PARAMETER, "bad key share");
    } else if (rc == -ERR_DENIED) {
        (void)handshake_refuse(s, fault, SSL_AD_DECRYPT_ERROR, "binder does not verify");
    } else if (rc != 0) {
        (void)handshake_give_up(s, fault,
                                s->ends.out_full ? REASON_OUT_OF_MEMORY : REASON_INTERNAL);
    }
    await_client(s);
    return rc == 0 ? HANDSHAKE_OURS : HANDSHAKE_FAILED;
}
