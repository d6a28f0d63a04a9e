/* What is decided from the ClientHello: the site, and the application protocol. Private to
 * proxy/tls. */
#ifndef PROXY_TLS_HELLO_H
#define PROXY_TLS_HELLO_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "base/str.h"

/* Have c choose sites and protocols for sessions: their app data is a struct tls_session. */
void hello_install(SSL_CTX *c);

/* The name in the data of the extension server_name (RFC 6066 3), borrowed from it. False if it is
 * malformed, or no name that a client may send. */
bool hello_name(struct str extension, struct str *name) __attribute__((warn_unused_result));

/* The protocol that is taken of those offered, ProtocolName after ProtocolName (RFC 7301 3.1),
 * well-formed; borrowed from them. A client that wants HTTP/1.0 may say so and nothing else. False
 * if there is none. */
bool hello_protocol(struct str offered, struct str *chosen) __attribute__((warn_unused_result));

#endif
