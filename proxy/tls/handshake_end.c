/* Owns: how a handshake of our own ends before its time: the alert, and what the log is told. On
 * the worker's thread. */
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/tls/handshake_inner.h"
#include "proxy/tls/session_inner.h"

/* Without protection as long as nothing else was said; where the keys that others would take it
 * with are not there, none is sent. */
static void send_alert(struct tls_session *s, int number)
{
    struct handshake *h = s->handshake;
    const char alert[2] = {SSL3_AL_FATAL, (char)number};
    const struct str octets = {alert, sizeof(alert)};
    if (!h->has_spoken) {
        static const char header[TRAFFIC_HEADER] = {ALERT, 3, 3, 0, sizeof(alert)};
        (void)(buf_append(&s->ends.out, (struct str){header, sizeof(header)}) == 0 &&
               buf_append(&s->ends.out, octets) == 0);
        return;
    }
    char *to = buf_reserve(&s->ends.out, sizeof(alert) + TRAFFIC_OVERHEAD);
    if (to != NULL && h->protects_out &&
        traffic_seal(h->schedule.ciphers, &h->out, ALERT, octets, (unsigned char *)to)) {
        buf_commit(&s->ends.out, sizeof(alert) + TRAFFIC_OVERHEAD);
    }
}

enum tls_result handshake_refuse(struct tls_session *s, struct records_fault *fault, int alert,
                                 const char *text)
{
    send_alert(s, alert);
    fault->reason = REASON_TLS_PROTOCOL_ERROR;
    (void)snprintf(fault->text, sizeof(fault->text), "%s", text);
    return TLS_FAILED;
}

enum tls_result handshake_give_up(struct tls_session *s, struct records_fault *fault,
                                  enum reason why)
{
    send_alert(s, SSL_AD_INTERNAL_ERROR);
    ERR_clear_error();
    *fault = (struct records_fault){.reason = why};
    return TLS_FAILED;
}
