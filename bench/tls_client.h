/* The TLS side of one thread: its context, what it remembers of the server's chain, and the
 * sessions that its clients may resume. Nothing is shared with other threads but certificates and
 * keys. */
#ifndef BENCH_TLS_CLIENT_H
#define BENCH_TLS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/err.h"
#include "bench/identities.h"
#include "bench/result.h"

#define TLS_CLIENT_SESSIONS 2 /* kept for each client, the newest */

struct tls_client {
    SSL_CTX *ctx;
    SSL_SESSION **sessions;  /* owned; TLS_CLIENT_SESSIONS for each client; NULL: none are kept */
    size_t identities;       /* clients */
    unsigned char *verified; /* owned; DER of the chain that was verified last */
    size_t verified_n;
    uint64_t tickets; /* sessions received */
};

/* What a connection and its SSL know of each other. */
struct tls_link {
    struct tls_client *client;
    size_t identity;
    bool got_session;
};

/* Prepare t for one thread and n clients as o says, in the library context lib, or in the default
 * one if lib is NULL or lacks what o asks for. Returns 0, -ERR_CONFIG (a list of groups,
 * ciphers or a CA that cannot be used), -ERR_CRYPTO, -ERR_NOMEM with e set; call tls_client_fini
 * either way. */
int tls_client_init(struct tls_client *t, const struct options *o, OSSL_LIB_CTX *lib, size_t n,
                    struct err *e) __attribute__((warn_unused_result));

/* Free what t owns. */
void tls_client_fini(struct tls_client *t);

/* A connection of client id over the socket fd, about to greet. link: the caller's, must outlive
 * the SSL; its client and identity are set. host: for the server's name, NULL for an address.
 * NULL without memory. */
SSL *tls_client_new(const struct tls_link *link, const struct identity *id, int fd,
                    const char *host) __attribute__((warn_unused_result));

/* Let ssl offer the newest unused session of its client, which is then used up. False if there is
 * none. */
bool tls_client_offer(const struct tls_link *link, SSL *ssl);

/* After a handshake: a TLS 1.2 session that was resumed and not renewed may serve again. */
void tls_client_keep(struct tls_link *link, SSL *ssl);

/* The class of a failed system call. */
enum result_class tls_client_errno(int code);

/* What went wrong when an SSL_ function returned rc <= 0 and SSL_get_error says that it is neither
 * WANT_READ nor WANT_WRITE; alert: the server's, if the class is RESULT_ALERT. Empties the error
 * queue. */
enum result_class tls_client_failure(const SSL *ssl, int rc, unsigned *alert);

/* Note what was negotiated, and the server's key, in env. */
void tls_client_describe(SSL *ssl, struct result_environment *env);

/* "EC 256 prime256v1", "RSA 2048" of the certificate's key; empty if there is none. */
void tls_client_key_text(X509 *cert, char *out, size_t size);

#endif
