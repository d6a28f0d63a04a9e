/* The key schedule of a full TLS 1.3 handshake (RFC 8446 7.1), and the transcript that it binds
 * (4.4.1). The digests are OpenSSL's. Private to proxy/tls. On one thread. */
#ifndef PROXY_TLS_SCHEDULE_H
#define PROXY_TLS_SCHEDULE_H

#include <stdbool.h>

#include <openssl/types.h>

#include "base/str.h"
#include "proxy/tls/traffic.h"

/* Secret. */
struct schedule {
    struct traffic_ciphers *ciphers; /* borrowed */
    enum traffic_suite suite;
    EVP_MD_CTX *transcript;                   /* owned */
    unsigned char secret[TRAFFIC_SECRET_MAX]; /* the latest that others are derived from */
    unsigned char client[TRAFFIC_SECRET_MAX]; /* client_handshake_traffic_secret */
    unsigned char server[TRAFFIC_SECRET_MAX]; /* server_handshake_traffic_secret */
};

/* Begin for suite, with the key that both know of an earlier session (as long as the suite's
 * digest; empty: none). False: without memory, or OpenSSL failed; as all of the below. */
bool schedule_begin(struct schedule *s, struct traffic_ciphers *ciphers, enum traffic_suite suite,
                    struct str psk) __attribute__((warn_unused_result));

/* Wipe what it holds; of one that is zeros, too. */
void schedule_end(struct schedule *s);

/* Add a handshake message, header and all, to the transcript. */
bool schedule_add(struct schedule *s, struct str message) __attribute__((warn_unused_result));

/* The transcript's digest so far, of traffic_secret_size() octets. */
bool schedule_digest(const struct schedule *s, unsigned char out[TRAFFIC_SECRET_MAX])
    __attribute__((warn_unused_result));

/* The binder (RFC 8446 4.2.11.2) of a session that is resumed, of traffic_secret_size() octets.
 * hello: the ClientHello up to its binders. Before schedule_handshake(). */
bool schedule_binder(const struct schedule *s, struct str hello,
                     unsigned char out[TRAFFIC_SECRET_MAX]) __attribute__((warn_unused_result));

/* With shared, the result of the key exchange, and a transcript to ServerHello: the keys of the
 * rest of the handshake. */
bool schedule_handshake(struct schedule *s, struct str shared, struct traffic_side *client,
                        struct traffic_side *server) __attribute__((warn_unused_result));

/* With a transcript to the server's Finished: the keys of application data. */
bool schedule_application(struct schedule *s, struct traffic_side *client,
                          struct traffic_side *server) __attribute__((warn_unused_result));

/* With a transcript to the client's Finished: the key of a session that a ticket with that nonce is
 * for (RFC 8446 4.6.1), of traffic_secret_size() octets. */
bool schedule_session(const struct schedule *s, struct str nonce,
                      unsigned char out[TRAFFIC_SECRET_MAX]) __attribute__((warn_unused_result));

/* verify_data of a Finished (RFC 8446 4.4.4) that follows the transcript so far, of
 * traffic_secret_size() octets; base: s->client or s->server. */
bool schedule_finished(const struct schedule *s, const unsigned char *base,
                       unsigned char out[TRAFFIC_SECRET_MAX]) __attribute__((warn_unused_result));

#endif
