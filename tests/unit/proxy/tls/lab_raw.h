/* What the tests of handshakes share: a client of TLS 1.3 that says what it is told to, however
 * wrong, and opens what comes. */
#ifndef TESTS_UNIT_PROXY_TLS_LAB_RAW_H
#define TESTS_UNIT_PROXY_TLS_LAB_RAW_H

#include "base/buf.h"
#include "proxy/tls/schedule.h"
#include "proxy/tls/session.h"
#include "tests/support/raw_records.h"

/* HandshakeType (RFC 8446 B.3) */
enum { RAW_CLIENT_HELLO = 1, RAW_CERTIFICATE = 11, RAW_CERTIFICATE_VERIFY = 15, RAW_FINISHED = 20 };

enum { RAW_CHANGE_CIPHER_SPEC = 20 };

struct lab_raw {
    struct tls_session *session;
    struct traffic_ciphers *ciphers;
    struct schedule schedule;
    EVP_PKEY *share;
    struct raw_side out;     /* ours, of the handshake */
    struct raw_side in;      /* the server's, of the handshake */
    struct raw_side app_out; /* of application data */
    struct raw_side app_in;
    struct buf stream; /* octets that wait to be given to the session */
    bool asked;        /* for a certificate */
    bool with_id;      /* says legacy_session_id */
};

/* Joins r to a new session of sites, says a ClientHello that offers suite and has a share of group,
 * and takes the server's answer to its Finished, which must be right. */
void lab_raw_join(struct lab_raw *r, struct tls_sites *sites, enum traffic_suite suite,
                  unsigned group);
void lab_raw_part(struct lab_raw *r);

/* A handshake message in out, which goes into the transcript; its octets. */
struct str lab_raw_message(struct lab_raw *r, int type, struct str body, struct buf *out);

/* Those that a client says, of what was said before; key: that of the certificate. */
struct str lab_raw_certificate(struct lab_raw *r, X509 *const *chain, size_t n, struct buf *out);
struct str lab_raw_proof(struct lab_raw *r, unsigned scheme, EVP_PKEY *key, struct buf *out);
struct str lab_raw_finished(struct lab_raw *r, struct buf *out);

/* Adds a record to the stream: as it is; protected by side, with padding zeros. */
void lab_raw_plain(struct lab_raw *r, int type, struct str octets);
void lab_raw_say(struct lab_raw *r, struct raw_side *side, int type, struct str octets,
                 size_t padding);

/* Gives the stream to the session, step octets at a time (0: all), each followed by a try to go on;
 * behind the end of the handshake the rest is given as it is. */
enum tls_result lab_raw_feed(struct lab_raw *r, size_t step);

/* The alert that the server has said as all that it says; -1: nothing came. */
int lab_raw_alert(struct lab_raw *r);

/* Data goes both ways, and right. */
void lab_raw_talk(struct lab_raw *r);

#endif
