/* What the tests of this folder share: an OpenSSL client on memory BIOs, and the pump between it
 * and a session. */
#ifndef TESTS_UNIT_PROXY_TLS_LAB_CLIENT_H
#define TESTS_UNIT_PROXY_TLS_LAB_CLIENT_H

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/tls/session.h"
#include "tests/unit/proxy/tls/lab.h"

/* TLS alerts (RFC 8446 6). */
enum lab_alert {
    NO_ALERT = -1,
    HANDSHAKE_FAILURE = 40,
    BAD_CERTIFICATE = 42,
    UNSUPPORTED_CERTIFICATE = 43,
    CERTIFICATE_REVOKED = 44,
    CERTIFICATE_EXPIRED = 45,
    CERTIFICATE_UNKNOWN = 46,
    ILLEGAL_PARAMETER = 47,
    UNKNOWN_CA = 48,
    DECODE_ERROR = 50,
    PROTOCOL_VERSION = 70,
    UNRECOGNIZED_NAME = 112,
    CERTIFICATE_REQUIRED = 116,
    NO_APPLICATION_PROTOCOL = 120
};

/* An OpenSSL client that talks to a session through memory. */
struct lab_client {
    SSL_CTX *context;
    SSL *ssl;
    struct tls_session *session;
    size_t step; /* octets given to the session at a time; 0: all */
    bool fails;  /* library_memory_fails while the session works */
    int alert;   /* the last one that came in, or -1 */
};

/* Talks version only, with cert and key, or without a certificate (NULL). */
void lab_client_init(struct lab_client *c, int version, X509 *cert, EVP_PKEY *key);
void lab_client_fini(struct lab_client *c);

/* Joins the client to a new session of sites; name NULL: no server name is sent. */
void lab_client_join(struct lab_client *c, struct tls_sites *sites, const char *name);

/* Frees both ends; the client can join again. */
void lab_client_part(struct lab_client *c);

/* Moves what the session has written to the client. */
void lab_to_client(struct lab_client *c);

/* What the client has written; good until it writes again. */
struct str lab_from_client(const struct lab_client *c);

/* Gives octets to the session in steps, each followed by a try to go on with the handshake. */
enum tls_result lab_feed(struct lab_client *c, struct str octets);

/* Runs the handshake until the session has finished, failed, or both sides wait. Then lets the
 * client read what the session had to say. */
enum tls_result lab_handshake(struct lab_client *c);

/* A handshake with the good client, which must succeed. */
void lab_join_good(const struct lab *l, struct lab_client *c, struct tls_sites *t, int version);

#endif
