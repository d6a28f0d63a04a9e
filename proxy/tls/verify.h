/* The client's certificate, judged inside the handshake. Private to proxy/tls. */
#ifndef PROXY_TLS_VERIFY_H
#define PROXY_TLS_VERIFY_H

#include <openssl/ssl.h>

/* Have c judge client chains by the trust of the session's site: the app data of an SSL is a struct
 * tls_session. The verdict is kept in the session. */
void verify_install(SSL_CTX *c);

#endif
