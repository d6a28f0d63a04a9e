/* The server side of a full TLS 1.3 handshake (RFC 8446 4) of our own: what most clients do, and
 * nothing else. The cryptography is OpenSSL's. A connection that begins in any other way is left to
 * OpenSSL's handshake before a single octet of it is taken. Private to proxy/tls. On one thread. */
#ifndef PROXY_TLS_HANDSHAKE_H
#define PROXY_TLS_HANDSHAKE_H

#include <stdbool.h>

#include "proxy/tls/records.h"
#include "proxy/tls/result.h"

struct handshake;
struct tls_session;

enum handshake_begin {
    HANDSHAKE_WAITS = 0, /* the ClientHello is not there as a whole */
    HANDSHAKE_OURS,      /* answered; s->handshake goes on with it */
    HANDSHAKE_OTHERS,    /* for OpenSSL: nothing was taken */
    HANDSHAKE_FAILED     /* *fault says why */
};

/* Look at the ClientHello that begins the input of s, and answer it: the site is chosen, and all of
 * the server's messages are in its output. */
enum handshake_begin handshake_begin(struct tls_session *s, struct records_fault *fault);

/* Read what the client answers. On TLS_OK its certificate is judged, s->peer and s->records are
 * there, and handshake_free() is what is left to do. On TLS_FAILED *fault says why, and an alert is
 * in the output. */
enum tls_result handshake_go_on(struct tls_session *s, struct records_fault *fault);

/* True if the input of s begins with a record that is there as a whole, or with none that could
 * be. */
bool handshake_has_input(const struct tls_session *s);

/* Wipe and free it; NULL is fine. */
void handshake_free(struct handshake *h);

#endif
