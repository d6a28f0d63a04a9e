/* A server's certificate chain and private key, from files. Private to proxy/tls. */
#ifndef PROXY_TLS_CREDENTIALS_H
#define PROXY_TLS_CREDENTIALS_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "base/str.h"
#include "conf/model.h"

struct credentials {
    X509 *leaf;
    STACK_OF(X509) * chain; /* intermediates, in the order of the file; may be empty */
    EVP_PKEY *key;
};

/* Free what c holds. */
void credentials_fini(struct credentials *c);

/* Read the certificates of a PEM text: the first is the server's. c must be cleared or hold only
 * what another of these functions put there. Returns 0, -ERR_MALFORMED or -ERR_NOMEM with e. */
int credentials_read_chain(struct credentials *c, struct str pem, struct err *e)
    __attribute__((warn_unused_result));

/* Read the private key of a PEM text; passphrase (p NULL: none; one line end at its end does not
 * count) opens an encrypted one. A terminal is never asked. Returns 0, or with e: -ERR_MALFORMED,
 * -ERR_DENIED (the passphrase is missing or wrong), -ERR_CONFIG (does not fit the certificate),
 * -ERR_UNSUPPORTED (key too weak). */
int credentials_read_key(struct credentials *c, struct str pem, struct str passphrase,
                         struct err *e) __attribute__((warn_unused_result));

/* Open the private key that a URI names, a PKCS#11 one (by passphrase as its PIN: needed, may be
 * empty) or another that a store of OpenSSL knows (by passphrase where one is asked for), and try
 * it. The key stays where it is, and is good in this process alone. Returns 0, or with e: as above;
 * -ERR_NOT_FOUND (no such key or token), -ERR_UNSUPPORTED also if this machine has no bridge from
 * OpenSSL to it. */
int credentials_open_key(struct credentials *c, struct str uri, struct str passphrase,
                         struct err *e) __attribute__((warn_unused_result));

#endif
