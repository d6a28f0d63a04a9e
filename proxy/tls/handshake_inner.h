/* A handshake of ours as the files that do it see it. Private to proxy/tls. */
#ifndef PROXY_TLS_HANDSHAKE_INNER_H
#define PROXY_TLS_HANDSHAKE_INNER_H

#include <openssl/x509.h>

#include "proxy/tls/client_hello.h"
#include "proxy/tls/handshake.h"
#include "proxy/tls/handshake_site.h"
#include "proxy/tls/key_share.h"
#include "proxy/tls/psk.h"
#include "proxy/tls/schedule.h"
#include "proxy/tls/traffic.h"

struct handshake {
    struct schedule schedule;
    struct traffic_side in;  /* the client's, of the handshake */
    struct traffic_side out; /* ours, of application data: so are alerts, from our Finished on */
    struct traffic_side next_in; /* the client's, of application data */
    bool has_spoken;             /* ServerHello is out */
    bool protects_out;           /* out is there */
    int awaits;                  /* HandshakeType of what comes next; 0: all came */
    struct psk *psk;             /* owned, secret; the session that is resumed; or NULL */
    bool may_resume;             /* the client takes tickets */
    unsigned barren;             /* records that brought nothing */
    struct buf messages;         /* octets of messages that came */
    STACK_OF(X509) * sent;       /* owned; the client's certificates, its own first; or NULL */
};

/* A ClientHello that is answered, with what it chose; borrowed from the input. */
struct handshake_hello {
    struct str message; /* header and all */
    struct client_hello read;
    struct str name;     /* the server name; n 0: none */
    struct str protocol; /* n 0: none was asked for */
    const struct tls_site *site;
    struct handshake_choice choice;
};

/* ContentType (RFC 8446 B.1) */
enum { CHANGE_CIPHER_SPEC = 20, ALERT = 21, HANDSHAKE = 22, APPLICATION_DATA = 23 };

/* Octets of a message before its body, and of all certificates that a client may send (as
 * context.c). */
enum { MESSAGE_HEADER = 4, HANDSHAKE_CERTIFICATES_MAX = 32768 };

/* End the handshake of s: the client did what text says. The alert is in the output. */
enum tls_result handshake_refuse(struct tls_session *s, struct records_fault *fault, int alert,
                                 const char *text);

/* End it: we cannot go on. */
enum tls_result handshake_give_up(struct tls_session *s, struct records_fault *fault,
                                  enum reason why);

/* Read the next record of the input of s: octets of messages go to s->handshake->messages. */
enum tls_result handshake_read(struct tls_session *s, struct records_fault *fault);

/* Write a ticket for the session of s, which is finished, to its output, if it may have one. False
 * if OpenSSL fails. */
bool server_flight_write_ticket(struct tls_session *s) __attribute__((warn_unused_result));

/* Write all of the server's messages, ServerHello to Finished, to the output of s, and set keys.
 * False without memory, or if OpenSSL fails. */
bool server_flight_write(struct tls_session *s, const struct handshake_hello *hello,
                         const struct key_share *share) __attribute__((warn_unused_result));

#endif
