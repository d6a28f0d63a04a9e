/* The table of sites as the files of this folder see it. Private to proxy/tls. */
#ifndef PROXY_TLS_SITE_INNER_H
#define PROXY_TLS_SITE_INNER_H

#include <openssl/ssl.h>

#include "proxy/tls/site.h"

struct decoded;
struct handshake_site;
struct key_maker;
struct resume;
struct traffic_ciphers;

/* The longest server name (RFC 1035 2.3.4), with some room. */
#define SITE_NAME_MAX 255

#define SITE_BINDING 32

struct site {
    struct tls_site face;                     /* first: what others see */
    SSL_CTX *context;                         /* owned */
    struct trust *trust;                      /* owned reference; NULL with mode off */
    struct handshake_site *handshake;         /* owned; NULL: handshakes are OpenSSL's */
    unsigned char certificates[SITE_BINDING]; /* a digest of the server's own */
    unsigned char binding[SITE_BINDING]; /* what sessions are bound to, if they can be resumed */
};

/* A lower-case name, "a.example", or what stands behind "*." of a wildcard. */
struct site_name {
    char *text; /* owned */
    size_t n;
    size_t site; /* index */
};

/* Names in the order of str_cmp(). */
struct site_names {
    struct site_name *v;
    size_t n;
};

struct tls_sites {
    size_t refs;
    struct site *v; /* all of one listener; at least one */
    size_t n;
    bool has_default; /* then v[0] */
    struct site_names exact;
    struct site_names wild;
    BIO_METHOD *bio_method;          /* owned; NULL: by OpenSSL's memory BIOs */
    struct resume *resume;           /* owned; NULL: every handshake is a full one */
    OSSL_LIB_CTX *library;           /* of the contexts; NULL: the default one */
    struct traffic_ciphers *ciphers; /* owned; NULL: records are OpenSSL's */
    struct decoded *decoded;         /* borrowed; NULL: none is remembered */
    struct key_maker *maker;         /* owned; with own_handshake */
    bool own_handshake;              /* for some site at least */
};

/* The whole of a site whose face is f. */
static inline const struct site *site_of(const struct tls_site *f)
{
    return (const struct site *)(const void *)f;
}

/* What OpenSSL shall ask of clients that come for a site of that policy: SSL_VERIFY_... */
int site_verify_mode(const struct conf_client *policy);

/* Fill the name tables of t from the configuration of its sites. Returns 0 or -ERR_NOMEM. */
int site_names_build(struct tls_sites *t) __attribute__((warn_unused_result));

#endif
