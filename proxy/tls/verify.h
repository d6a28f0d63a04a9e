/* The client's certificate, judged inside the handshake. Private to proxy/tls. */
#ifndef PROXY_TLS_VERIFY_H
#define PROXY_TLS_VERIFY_H

#include <stdbool.h>

#include <openssl/ssl.h>

struct tls_session;

/* Have c judge client chains by the trust of the session's site: the app data of an SSL is a struct
 * tls_session. The verdict is kept in the session. */
void verify_install(SSL_CTX *c);

/* Judge leaf, which came with sent (the leaf itself may be its first), by the trust of the site of
 * s; the verdict is kept in s. True if the handshake is to go on; else *error is the X509_V_ERR_
 * code that fits. */
bool verify_chain(struct tls_session *s, X509 *leaf, STACK_OF(X509) * sent, int *error);

/* The alert that tells a client of an X509_V_ERR_ code (RFC 8446 6.2). */
int verify_alert(int error);

#endif
