/* What is decided from the ClientHello: the site, and the application protocol. Private to
 * proxy/tls. */
#ifndef PROXY_TLS_HELLO_H
#define PROXY_TLS_HELLO_H

#include <openssl/ssl.h>

/* Have c choose sites and protocols for sessions: their app data is a struct tls_session. */
void hello_install(SSL_CTX *c);

#endif
