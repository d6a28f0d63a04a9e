/* Which library context of OpenSSL handshakes use: a narrow one where that helps and works.
 * For proxy/tls and the load tool. */
#ifndef PROXY_TLS_LIBRARY_H
#define PROXY_TLS_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

/* The narrow context, or NULL: the default one, as it is. Tried once a process, by handshakes with
 * itself that must end as they do in the default one; any thread. *why: NULL, or why it is not used
 * although it should help: it does not work. */
OSSL_LIB_CTX *library_context(const char **why);

/* True if the traffic keys of handshakes in the narrow context are heard, and records can be
 * protected with them: tried with it. */
bool library_hears_keys(void);

/* Which versions of OpenSSL it helps: 3.0 and 3.1. Later ones read keys quickly. */
int library_is_slow(unsigned major, unsigned minor);

#endif
