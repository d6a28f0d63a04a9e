/* Owns: the records of a handshake of our own, and which may come (RFC 8446 5). Not: the messages
 * in them (handshake.c). On the worker's thread. */
#include <stdio.h>

#include "base/mem.h"
#include "proxy/tls/handshake_inner.h"
#include "proxy/tls/session_inner.h"
#include "proxy/tls/tls_err.h"

enum { BARREN_MAX = 32 }; /* records that bring nothing */

/* Of any version of TLS (RFC 8446 5.1: what it says else is of no interest). */
static bool is_tls(const char header[TRAFFIC_HEADER])
{
    return header[1] == 3;
}

static bool is_long_enough(const char header[TRAFFIC_HEADER])
{
    return header[0] != APPLICATION_DATA || traffic_record_size(header) >= TRAFFIC_OVERHEAD;
}

static bool is_short_enough(const char header[TRAFFIC_HEADER])
{
    return traffic_record_size(header) <= TRAFFIC_HEADER + TRAFFIC_CIPHER_MAX;
}

bool handshake_has_input(const struct tls_session *s)
{
    char header[TRAFFIC_HEADER];
    return bio_ends_peek(&s->ends, header, sizeof(header)) == sizeof(header) &&
           (!is_tls(header) || !is_long_enough(header) || !is_short_enough(header) ||
            bio_ends_unread(&s->ends) >= traffic_record_size(header));
}

/* The client's last word. */
static enum tls_result take_alert(struct tls_session *s, struct str octets,
                                  struct records_fault *fault)
{
    if (octets.n != 2) { /* RFC 8446 5.4, 6 */
        int alert = octets.n == 0 ? SSL_AD_UNEXPECTED_MESSAGE : SSL_AD_DECODE_ERROR;
        return handshake_refuse(s, fault, alert, "bad alert");
    }
    int number = (unsigned char)octets.p[1];
    bool leaves = number == SSL_AD_CLOSE_NOTIFY || number == SSL_AD_USER_CANCELLED;
    fault->reason = leaves ? REASON_TLS_HANDSHAKE_ABORTED : REASON_TLS_CLIENT_ALERT;
    tls_err_alert(number, fault->text, sizeof(fault->text));
    return TLS_FAILED;
}

/* A record without protection: change_cipher_spec, which means nothing (RFC 8446 5, D.4), or an
 * alert of a client that could not follow ServerHello. */
static enum tls_result take_plain(struct tls_session *s, int type, struct str octets,
                                  struct records_fault *fault)
{
    struct handshake *h = s->handshake;
    if (type == CHANGE_CIPHER_SPEC && (octets.n != 1 || octets.p[0] != 1)) {
        return handshake_refuse(s, fault, SSL_AD_UNEXPECTED_MESSAGE, "bad change_cipher_spec");
    }
    if (type == CHANGE_CIPHER_SPEC) {
        return ++h->barren <= BARREN_MAX ? TLS_OK
                                         : handshake_refuse(s, fault, SSL_AD_UNEXPECTED_MESSAGE,
                                                            "too many records without data");
    }
    if (type == ALERT && h->in.count == 0) {
        return take_alert(s, octets, fault);
    }
    return handshake_refuse(s, fault, SSL_AD_UNEXPECTED_MESSAGE, "unprotected record");
}

/* What a record protects, whose type stands behind the octets and before the padding. */
static enum tls_result take_inner(struct tls_session *s, const unsigned char *inner, size_t n,
                                  struct records_fault *fault)
{
    while (n > 0 && inner[n - 1] == 0) {
        n--;
    }
    if (n == 0) {
        return handshake_refuse(s, fault, SSL_AD_UNEXPECTED_MESSAGE, "record without a type");
    }
    int type = inner[--n];
    if (n > TRAFFIC_PLAIN_MAX) {
        return handshake_refuse(s, fault, SSL_AD_RECORD_OVERFLOW, "record carries too much");
    }
    const struct str octets = {(const char *)inner, n};
    if (type == ALERT) {
        return take_alert(s, octets, fault);
    }
    if (type != HANDSHAKE || n == 0) {
        return handshake_refuse(s, fault, SSL_AD_UNEXPECTED_MESSAGE, "unexpected message");
    }
    return buf_append(&s->handshake->messages, octets) == 0
               ? TLS_OK
               : handshake_give_up(s, fault, REASON_OUT_OF_MEMORY);
}

static enum tls_result take_protected(struct tls_session *s, struct str record,
                                      struct records_fault *fault)
{
    struct handshake *h = s->handshake;
    size_t n = 0;
    unsigned char *inner = mem_alloc(record.n);
    if (inner == NULL) {
        return handshake_give_up(s, fault, REASON_OUT_OF_MEMORY);
    }
    enum tls_result r = traffic_open(h->schedule.ciphers, &h->in, record, inner, &n)
                            ? take_inner(s, inner, n, fault)
                            : handshake_refuse(s, fault, SSL_AD_BAD_RECORD_MAC,
                                               "decryption failed or bad record mac");
    mem_free(inner);
    return r;
}

enum tls_result handshake_read(struct tls_session *s, struct records_fault *fault)
{
    char header[TRAFFIC_HEADER];
    if (!handshake_has_input(s)) {
        return TLS_WANT;
    }
    (void)bio_ends_peek(&s->ends, header, sizeof(header));
    if (!is_tls(header)) {
        return handshake_refuse(s, fault, SSL_AD_PROTOCOL_VERSION, "wrong version number");
    }
    if (!is_short_enough(header)) {
        return handshake_refuse(s, fault, SSL_AD_RECORD_OVERFLOW, "record too long");
    }
    if (!is_long_enough(header)) {
        return handshake_refuse(s, fault, SSL_AD_BAD_RECORD_MAC, "record too short");
    }
    size_t size = traffic_record_size(header);
    const struct str record = {bio_ends_front(&s->ends, size), size};
    if (record.p == NULL) {
        return handshake_give_up(s, fault, REASON_OUT_OF_MEMORY);
    }
    enum tls_result r = header[0] == APPLICATION_DATA
                            ? take_protected(s, record, fault)
                            : take_plain(s, (unsigned char)header[0],
                                         str_slice(record, TRAFFIC_HEADER, size), fault);
    bio_ends_consume(&s->ends, size);
    return r;
}
