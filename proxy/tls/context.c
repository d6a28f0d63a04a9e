/* Owns: the settings of OpenSSL for the server side. At start and reload. */
#include "proxy/tls/context.h"

#include "proxy/tls/hello.h"
#include "proxy/tls/site_inner.h"
#include "proxy/tls/verify.h"

/* Forward secrecy and AEAD only; AES-128 first, as it is the fastest and strong enough. */
#define SUITES_1_2                                                                                 \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                   \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"                                   \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
#define SUITES_1_3 "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"

/* Short on purpose: the client picks, and larger groups would let it cost us many times more. Not
 * const, as OpenSSL's macro casts that away. */
static char groups[] = "X25519:P-256";

/* Octets of certificates that a client may send. */
#define CLIENT_CHAIN_MAX 32768

/* 112 bits: RSA from 2048, no SHA-1. */
#define SECURITY_LEVEL 2

static void set_behaviour(SSL_CTX *c)
{
    (void)SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     SSL_OP_NO_TICKET);
    /* No chain built anew for each handshake; no buffers kept while idle. */
    (void)SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* No resumption: it would skip the judgement of the client's certificate. */
    (void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(c, 0);
    SSL_CTX_set_max_cert_list(c, CLIENT_CHAIN_MAX);
    SSL_CTX_set_security_level(c, SECURITY_LEVEL);
}

SSL_CTX *context_new(enum conf_tls_version min_version)
{
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    if (c == NULL) {
        return NULL;
    }
    set_behaviour(c);
    int oldest = min_version == CONF_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    if (SSL_CTX_set_min_proto_version(c, oldest) != 1 || SSL_CTX_set_max_proto_version(c, 0) != 1 ||
        SSL_CTX_set_cipher_list(c, SUITES_1_2) != 1 ||
        SSL_CTX_set_ciphersuites(c, SUITES_1_3) != 1 || SSL_CTX_set1_groups_list(c, groups) != 1) {
        SSL_CTX_free(c);
        return NULL;
    }
    hello_install(c);
    verify_install(c);
    return c;
}

bool context_set_client_policy(SSL_CTX *c, const struct tls_site *site)
{
    SSL_CTX_set_verify(c, site_verify_mode(&site->conf->client), NULL);
    if (SSL_CTX_set_session_id_context(c, site->policy, sizeof(site->policy)) != 1) {
        return false;
    }
    if (site->trust == NULL || !site->conf->client.send_ca_names) {
        return true;
    }
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(trust_ca_names(site->trust));
    if (names == NULL) {
        return false;
    }
    SSL_CTX_set_client_CA_list(c, names);
    return true;
}
