/* A session as the callbacks that OpenSSL makes see it. Private to proxy/tls. */
#ifndef PROXY_TLS_SESSION_INNER_H
#define PROXY_TLS_SESSION_INNER_H

#include <openssl/ssl.h>

#include "auth/revoke/deny.h"
#include "proxy/tls/bio.h"
#include "proxy/tls/narrow_kdf.h"
#include "proxy/tls/peer.h"
#include "proxy/tls/records.h"
#include "proxy/tls/session.h"

struct tls_session {
    SSL *ssl; /* owned; its app data is the session; NULL before the ClientHello has come, with a
               * handshake of our own, and once records is there */
    struct narrow_keys *keys;    /* owned; heard in a handshake, until its end; or NULL */
    struct records *records;     /* owned; NULL: records are OpenSSL's */
    struct handshake *handshake; /* owned; of our own, while it lasts; or NULL */
    struct tls_peer *peer;       /* owned; NULL: no certificate came */
    struct tls_sites *sites;     /* a reference */
    const struct tls_site *site; /* NULL until the ClientHello chose one */
    struct bio_ends ends;
    const char *version;     /* static; once established */
    const char *cipher;      /* static; once established */
    char *name;              /* owned; the server name that was sent, or NULL */
    char *detail;            /* owned; of a failure, or NULL */
    enum reason refusal;     /* set by a callback that refuses; else REASON_OK */
    enum reason reason;      /* of a failure */
    enum reason peer_reason; /* on the client's certificate */
    struct trust_term peer_term;
    struct trust_term ticket_term;  /* of the ticket that was taken last */
    int64_t first_ms;               /* and when its full handshake was */
    bool resuming;                  /* it was; what comes of it, OpenSSL decides */
    const struct deny *const *deny; /* where what is withdrawn stands; NULL: nothing is */
    struct deny_chain chain;        /* the client's, as far as it is known */
    bool resumed;                   /* once established */
    bool asks_often;                /* the certificate is looked at for every request */
    bool established;
    bool failed;
};

/* The server name that was sent; empty: none. Borrowed. */
static inline struct str session_name(const struct tls_session *s)
{
    return s->name != NULL ? str_of(s->name) : STR("");
}

#endif
