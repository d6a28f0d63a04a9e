/* Owns: which message of a client may come when in a handshake of our own, and what is made of it.
 * Not: its begin (handshake_begin.c), records (handshake_read.c), keys (schedule.c, key_share.c),
 * signatures (proof.c), and the judgement of chains (verify.c). On the worker's thread. */
#include "proxy/tls/handshake.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "auth/trust.h"
#include "base/mem.h"
#include "proxy/tls/decoded.h"
#include "proxy/tls/handshake_inner.h"
#include "proxy/tls/hello.h"
#include "proxy/tls/proof.h"
#include "proxy/tls/session_inner.h"
#include "proxy/tls/site_inner.h"
#include "proxy/tls/tls_err.h"
#include "proxy/tls/verify.h"
#include "proxy/tls/wire.h"

/* HandshakeType (RFC 8446 B.3) */
enum { CERTIFICATE = 11, CERTIFICATE_VERIFY = 15, FINISHED = 20 };

/* Octets of CertificateVerify that are waited for, as OpenSSL has it. */
enum { SIGNATURE_MAX = 16384 };

/* A handshake message that came. */
struct message {
    int type;
    struct str whole; /* with its header */
    struct str body;
};

/* The client's certificate is why. */
static enum tls_result turn_away(struct tls_session *s, struct records_fault *fault, int alert,
                                 enum reason why, const char *text)
{
    (void)handshake_refuse(s, fault, alert, text);
    fault->reason = why;
    return TLS_FAILED;
}

/* The message that is awaited says that its body has n octets. Finished has as many as the digest
 * (RFC 8446 4.4.4); where the others are too long, it is for us alone. */
static enum tls_result check_length(struct tls_session *s, size_t n, struct records_fault *fault)
{
    const struct handshake *h = s->handshake;
    if (h->awaits == FINISHED) {
        return n == traffic_secret_size(h->schedule.suite)
                   ? TLS_OK
                   : handshake_refuse(s, fault, SSL_AD_DECODE_ERROR, "bad digest length");
    }
    return n <= (h->awaits == CERTIFICATE ? HANDSHAKE_CERTIFICATES_MAX : SIGNATURE_MAX)
               ? TLS_OK
               : handshake_refuse(s, fault, SSL_AD_ILLEGAL_PARAMETER, "message too long");
}

/* The next message, once it is there as a whole. */
static enum tls_result next_message(struct tls_session *s, struct message *out,
                                    struct records_fault *fault)
{
    const struct handshake *h = s->handshake;
    for (;;) {
        struct str octets = buf_str(&h->messages);
        if (octets.n > 0 && octets.p[0] != (char)h->awaits) {
            return handshake_refuse(s, fault, SSL_AD_UNEXPECTED_MESSAGE, "unexpected message");
        }
        bool has_length = octets.n >= MESSAGE_HEADER;
        size_t n = has_length ? wire_number(str_slice(octets, 1, octets.n), 3) : 0;
        enum tls_result r = has_length ? check_length(s, n, fault) : TLS_OK;
        if (r == TLS_OK && has_length && octets.n - MESSAGE_HEADER >= n) {
            out->type = h->awaits;
            out->whole = str_slice(octets, 0, MESSAGE_HEADER + n);
            out->body = str_slice(octets, MESSAGE_HEADER, MESSAGE_HEADER + n);
            return TLS_OK;
        }
        if (r == TLS_OK) {
            r = handshake_read(s, fault);
        }
        if (r != TLS_OK) {
            return r;
        }
    }
}

/* The extensions of a certificate (RFC 8446 4.4.2): none was asked for, and most have their place
 * elsewhere (4.2). */
static enum tls_result take_extensions(struct tls_session *s, struct str extensions,
                                       struct records_fault *fault)
{
    size_t type = 0;
    struct str body;
    if (extensions.n == 0) {
        return TLS_OK;
    }
    if (!wire_cut_number(&extensions, 2, &type) || !wire_cut_vector(&extensions, 2, &body)) {
        return handshake_refuse(s, fault, SSL_AD_DECODE_ERROR, "bad extension");
    }
    return client_hello_knows((unsigned)type)
               ? handshake_refuse(s, fault, SSL_AD_ILLEGAL_PARAMETER, "bad extension")
               : handshake_refuse(s, fault, SSL_AD_UNSUPPORTED_EXTENSION, "unsolicited extension");
}

/* Certificates that are decoded: so many that those beside the client's own, which is kept apart
 * (peer.c), are too many as well, should they be judged anew. */
enum { SENT_MAX = TRUST_PRESENTED_MAX + 2 };

/* The next CertificateEntry of *list (RFC 8446 4.4.2). Behind SENT_MAX it may be anything: the
 * chain is refused in any case, and 32 KiB hold hundreds of certificates. */
static enum tls_result take_entry(struct tls_session *s, struct str *list,
                                  struct records_fault *fault)
{
    struct str der;
    struct str extensions;
    if (!wire_cut_vector(list, 3, &der) || !wire_cut_vector(list, 2, &extensions)) {
        return handshake_refuse(s, fault, SSL_AD_DECODE_ERROR, "bad Certificate");
    }
    if (sk_X509_num(s->handshake->sent) == SENT_MAX) {
        return take_extensions(s, extensions, fault);
    }
    X509 *x = decoded_get(s->sites->decoded, s->sites->library, der);
    if (x == NULL) {
        return turn_away(s, fault, SSL_AD_DECODE_ERROR, REASON_CLIENT_CERT_INVALID,
                         "bad certificate");
    }
    if (sk_X509_push(s->handshake->sent, x) <= 0) {
        X509_free(x);
        return handshake_give_up(s, fault, REASON_OUT_OF_MEMORY);
    }
    return take_extensions(s, extensions, fault);
}

static enum tls_result take_list(struct tls_session *s, struct str list,
                                 struct records_fault *fault)
{
    enum tls_result r = TLS_OK;
    s->handshake->sent = sk_X509_new_null();
    if (s->handshake->sent == NULL) {
        return handshake_give_up(s, fault, REASON_OUT_OF_MEMORY);
    }
    while (r == TLS_OK && list.n > 0) {
        r = take_entry(s, &list, fault);
    }
    return r;
}

static enum tls_result judge(struct tls_session *s, struct records_fault *fault)
{
    int error = X509_V_ERR_UNSPECIFIED;
    struct handshake *h = s->handshake;
    X509 *leaf = sk_X509_value(h->sent, 0);
    bool goes_on = verify_chain(s, leaf, h->sent, &error);
    if (!goes_on) {
        return turn_away(s, fault, verify_alert(error), s->peer_reason,
                         X509_verify_cert_error_string(error));
    }
    if (X509_get0_pubkey(leaf) == NULL) {
        ERR_clear_error();
        return turn_away(s, fault, SSL_AD_HANDSHAKE_FAILURE, REASON_CLIENT_CERT_INVALID,
                         "unknown kind of key");
    }
    h->awaits = CERTIFICATE_VERIFY;
    return TLS_OK;
}

static enum tls_result take_certificate(struct tls_session *s, struct str body,
                                        struct records_fault *fault)
{
    struct str context;
    struct str list;
    if (!wire_cut_vector(&body, 1, &context) || context.n != 0 ||
        !wire_cut_vector(&body, 3, &list) || body.n != 0) {
        return handshake_refuse(s, fault, SSL_AD_DECODE_ERROR, "bad Certificate");
    }
    if (list.n == 0) {
        s->handshake->awaits = FINISHED;
        return site_of(s->site)->handshake->required
                   ? turn_away(s, fault, SSL_AD_CERTIFICATE_REQUIRED, REASON_CLIENT_CERT_MISSING,
                               "no certificate sent")
                   : TLS_OK;
    }
    enum tls_result r = take_list(s, list, fault);
    return r == TLS_OK ? judge(s, fault) : r;
}

/* Without memory OpenSSL may have left a key behind that verifies nothing any more. Else the
 * decoding stays: who sends the certificate of another, which is no secret, takes nothing from
 * him. */
static enum tls_result refuse_proof(struct tls_session *s, struct records_fault *fault)
{
    struct tls_err why;
    tls_err_take(&why);
    if (why.reason == REASON_OUT_OF_MEMORY) {
        decoded_forget(s->sites->decoded, s->sites->library, sk_X509_value(s->handshake->sent, 0));
        return handshake_give_up(s, fault, REASON_OUT_OF_MEMORY);
    }
    return handshake_refuse(s, fault, SSL_AD_DECRYPT_ERROR, "bad signature");
}

static enum tls_result take_proof(struct tls_session *s, struct str body,
                                  struct records_fault *fault)
{
    struct handshake *h = s->handshake;
    unsigned char digest[TRAFFIC_SECRET_MAX];
    size_t scheme = 0;
    struct str signature;
    EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(h->sent, 0));
    if (!wire_cut_number(&body, 2, &scheme) || !wire_cut_vector(&body, 2, &signature) ||
        body.n != 0) {
        return handshake_refuse(s, fault, SSL_AD_DECODE_ERROR, "bad CertificateVerify");
    }
    enum proof_fit fit = proof_fits((unsigned)scheme, key);
    if (fit == PROOF_OTHER_CURVE) {
        return turn_away(s, fault, SSL_AD_ILLEGAL_PARAMETER, REASON_TLS_VERSION_OR_CIPHER,
                         "wrong curve");
    }
    if (fit != PROOF_FITS) {
        return handshake_refuse(s, fault, SSL_AD_ILLEGAL_PARAMETER, "wrong signature type");
    }
    if (!schedule_digest(&h->schedule, digest)) {
        return handshake_give_up(s, fault, REASON_INTERNAL);
    }
    const struct proof p = {
        .by_client = true,
        .digest = {(const char *)digest, traffic_secret_size(h->schedule.suite)}};
    ERR_clear_error();
    struct proof_key *by = proof_key_new(s->sites->library, (unsigned)scheme, key, false);
    bool holds = by != NULL && proof_holds(&p, by, signature);
    proof_key_free(by);
    if (!holds) {
        return refuse_proof(s, fault);
    }
    h->awaits = FINISHED;
    return TLS_OK;
}

static enum tls_result take_finished(struct tls_session *s, struct str body,
                                     struct records_fault *fault)
{
    struct handshake *h = s->handshake;
    unsigned char expected[TRAFFIC_SECRET_MAX];
    if (!schedule_finished(&h->schedule, h->schedule.client, expected)) {
        return handshake_give_up(s, fault, REASON_INTERNAL);
    }
    bool right = mem_equal_secret(body.p, expected, body.n);
    mem_wipe(expected, sizeof(expected));
    if (!right) {
        return handshake_refuse(s, fault, SSL_AD_DECRYPT_ERROR, "digest check failed");
    }
    /* What follows is protected with other keys (RFC 8446 5.1). */
    if (buf_len(&h->messages) > MESSAGE_HEADER + body.n) {
        return handshake_refuse(s, fault, SSL_AD_UNEXPECTED_MESSAGE, "message beyond Finished");
    }
    h->awaits = 0;
    return TLS_OK;
}

static enum tls_result take_message(struct tls_session *s, const struct message *m,
                                    struct records_fault *fault)
{
    struct handshake *h = s->handshake;
    enum tls_result r;
    switch (m->type) {
    case CERTIFICATE:
        r = take_certificate(s, m->body, fault);
        break;
    case CERTIFICATE_VERIFY:
        r = take_proof(s, m->body, fault);
        break;
    default:
        r = take_finished(s, m->body, fault);
        break;
    }
    if (r == TLS_OK && !schedule_add(&h->schedule, m->whole)) {
        r = handshake_give_up(s, fault, REASON_INTERNAL);
    }
    if (r == TLS_OK) {
        buf_consume(&h->messages, m->whole.n);
    }
    return r;
}

/* That of a good client will come again. What else it sent anybody may have made, in any number. */
static void keep_decoded(const struct tls_session *s)
{
    X509 *leaf = s->handshake->sent != NULL ? sk_X509_value(s->handshake->sent, 0) : NULL;
    if (s->peer_reason == REASON_OK && leaf != NULL) {
        decoded_keep(s->sites->decoded, s->sites->library, leaf);
    }
}

/* What is known of the client then. */
static bool know_client(struct tls_session *s)
{
    const struct handshake *h = s->handshake;
    s->resumed = h->psk != NULL;
    if (s->resumed) {
        psk_adopt(s, h->psk, sk_X509_value(h->sent, 0));
    }
    keep_decoded(s);
    s->peer = h->sent != NULL ? peer_take(h->sent, s->sites->library) : NULL;
    return h->sent == NULL || s->peer != NULL;
}

/* All is said: the connection is open. */
static enum tls_result finish(struct tls_session *s, struct records_fault *fault)
{
    struct handshake *h = s->handshake;
    if (!know_client(s)) {
        return handshake_give_up(s, fault, REASON_OUT_OF_MEMORY);
    }
    if (!server_flight_write_ticket(s)) {
        return handshake_give_up(s, fault,
                                 s->ends.out_full ? REASON_OUT_OF_MEMORY : REASON_INTERNAL);
    }
    s->records = records_new(h->schedule.ciphers, &h->next_in, &h->out);
    if (s->records == NULL) {
        return handshake_give_up(s, fault, REASON_OUT_OF_MEMORY);
    }
    s->version = "TLSv1.3";
    s->cipher = traffic_suite_name(h->schedule.suite);
    return TLS_OK;
}

enum tls_result handshake_go_on(struct tls_session *s, struct records_fault *fault)
{
    while (s->handshake->awaits != 0) {
        struct message m = {.type = 0};
        enum tls_result r = next_message(s, &m, fault);
        if (r == TLS_OK) {
            r = take_message(s, &m, fault);
        }
        if (r != TLS_OK) {
            return r;
        }
    }
    return finish(s, fault);
}

void handshake_free(struct handshake *h)
{
    if (h == NULL) {
        return;
    }
    if (h->schedule.ciphers != NULL) {
        traffic_forget(h->schedule.ciphers, &h->in);
        traffic_forget(h->schedule.ciphers, &h->out);
        mem_wipe(&h->next_in, sizeof(h->next_in));
    }
    schedule_end(&h->schedule);
    sk_X509_pop_free(h->sent, X509_free);
    psk_free(h->psk);
    buf_release(&h->messages);
    mem_free(h);
}
