/* Making of an SSL_CTX for a site. Private to proxy/tls. */
#ifndef PROXY_TLS_CONTEXT_H
#define PROXY_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "conf/model.h"
#include "proxy/tls/site.h"

/* The server side as we want it, without certificate and key: versions, suites, groups, modes,
 * and the callbacks for ClientHello and client certificate, in library (NULL: the default one)
 * with the property query (NULL: none). Returns NULL on a failure that stands in OpenSSL's error
 * queue. */
SSL_CTX *context_new(enum conf_tls_version min_version, const struct conf_tuning *tuning,
                     OSSL_LIB_CTX *library, const char *query);

/* What is asked of the clients of site, and their CAs, among which OpenSSL looks for issuers of the
 * server's certificate unless the chain is fixed; its conf, trust and policy are set. Returns false
 * on a failure that stands in OpenSSL's error queue. */
bool context_set_client_policy(SSL_CTX *c, const struct tls_site *site);

#endif
