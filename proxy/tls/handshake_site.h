/* What a site says in handshakes of our own (handshake.c), made once. Private to proxy/tls. */
#ifndef PROXY_TLS_HANDSHAKE_SITE_H
#define PROXY_TLS_HANDSHAKE_SITE_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

#include "base/str.h"
#include "conf/model.h"
#include "proxy/tls/client_hello.h"
#include "proxy/tls/proof.h"
#include "proxy/tls/traffic.h"

struct tls_site;

enum { HANDSHAKE_PAIRS_MAX = 4, HANDSHAKE_GROUPS_MAX = 2 };

/* A certificate with its key. */
struct handshake_pair {
    unsigned scheme;                            /* that the key signs with */
    struct proof_key *key;                      /* owned; signs by it */
    struct str sent;                            /* owned; the message Certificate */
    unsigned signed_with[PROOF_SCHEMES_IN_MAX]; /* what the certificate is signed with */
    size_t signed_with_n;
};

struct handshake_site {
    struct handshake_pair pairs[HANDSHAKE_PAIRS_MAX]; /* the one we like best first */
    size_t pairs_n;
    struct str
        request;   /* owned; the message CertificateRequest; n 0: no certificate is asked for */
    bool required; /* the handshake fails without one */
    unsigned groups[HANDSHAKE_GROUPS_MAX]; /* the one we like best first */
    size_t groups_n;
    enum traffic_suite suites[TRAFFIC_SUITES]; /* the one we like best first */
};

/* For site, whose context is complete and of library. NULL if handshakes for it are not ours to do:
 * its keys or groups are other than handshake.c knows, it has no key here, a trial of one fails, or
 * there is no memory. */
struct handshake_site *handshake_site_new(SSL_CTX *context, OSSL_LIB_CTX *library,
                                          const struct tls_site *site,
                                          const struct conf_tuning *tuning);

/* Free it; NULL is fine. */
void handshake_site_free(struct handshake_site *h);

/* What of a client's lists goes with ours. */
struct handshake_choice {
    enum traffic_suite suite;
    const struct handshake_pair *pair; /* borrowed */
    unsigned group;
    struct str share; /* borrowed from hello */
};

/* False if one of them has nothing in common with ours: OpenSSL then asks for another share, or
 * refuses. */
bool handshake_site_choose(const struct handshake_site *h, const struct client_hello *hello,
                           struct handshake_choice *out) __attribute__((warn_unused_result));

#endif
