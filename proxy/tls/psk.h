/* Sessions that began with a handshake of our own, and are resumed by one: kept in the session
 * store under numbers that are their tickets (RFC 8446 4.6.1). Private to proxy/tls. On the
 * worker's thread. */
#ifndef PROXY_TLS_PSK_H
#define PROXY_TLS_PSK_H

#include <stdbool.h>

#include <openssl/x509.h>

#include "base/str.h"
#include "proxy/tls/resume_note.h"
#include "proxy/tls/session_store.h"
#include "proxy/tls/traffic.h"

struct tls_session;

/* One that was found. Secret. */
struct psk {
    enum traffic_suite suite;
    unsigned char secret[TRAFFIC_SECRET_MAX]; /* as long as the suite's digest */
    unsigned char note[NOTE_MAX];
    size_t note_n;
    unsigned char leaf[SESSION_STORE_OCTETS]; /* the client's certificate, DER */
    size_t leaf_n;
};

/* Wipe and free it; NULL is fine. */
void psk_free(struct psk *p);

/* True if handshakes of sites can be ours: nothing is resumed, or sessions are kept. */
bool psk_is_possible(const struct tls_sites *sites);

/* The session that ticket names, if it is one of ours. Nothing is said about whether it may be
 * resumed. */
bool psk_find(const struct tls_session *s, struct str ticket, struct psk *out)
    __attribute__((warn_unused_result));

/* True if p may be resumed by s, whose site is chosen: what a session must be for that (resume.c).
 * What is noted there holds for s then. *leaf: the client's certificate, a reference. */
bool psk_take(struct tls_session *s, const struct psk *p, X509 **leaf)
    __attribute__((warn_unused_result));

/* The handshake with p is finished: set the verdict on the client's certificate, leaf, and its
 * term, by what p says and what is known now. */
void psk_adopt(struct tls_session *s, const struct psk *p, X509 *leaf);

/* Keep the session of s, which is finished; secret: its key, for suite; resumed: it was. In id: its
 * number. False if it is not to be resumed, or is not kept. */
bool psk_keep(struct tls_session *s, bool resumed, enum traffic_suite suite,
              const unsigned char *secret, unsigned char id[SESSION_STORE_ID])
    __attribute__((warn_unused_result));

/* Seconds that the ticket is good for, at most the seven days of RFC 8446 4.6.1. */
uint32_t psk_life_s(const struct tls_session *s);

#endif
