/* Owns: the settings of OpenSSL for the server side. At start and reload. */
#include "proxy/tls/context.h"

#include <stdio.h>

#include "proxy/tls/hello.h"
#include "proxy/tls/site_inner.h"
#include "proxy/tls/verify.h"

/* Forward secrecy and AEAD only, by preference: the first of each pair with AES-128 first, as it is
 * the fastest and strong enough. */
static const char *const suites_1_2[] = {
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
};
static const char *const suites_1_3[] = {
    "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384",
    "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
};

/* Short on purpose: the client picks, and larger groups would let it cost us many times more. */
static const char groups[] = "X25519:P-256";

/* Octets of certificates that a client may send. */
#define CLIENT_CHAIN_MAX 32768

#define GROUPS_TEXT_MAX 64

/* 112 bits: RSA from 2048, no SHA-1. */
#define SECURITY_LEVEL 2

static void set_behaviour(SSL_CTX *c, const struct conf_tuning *tuning)
{
    (void)SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     SSL_OP_NO_TICKET);
    long mode = SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;
    mode |= tuning->fixed_chain ? SSL_MODE_NO_AUTO_CHAIN : 0;
    mode |= tuning->release_buffers ? SSL_MODE_RELEASE_BUFFERS : 0;
    (void)SSL_CTX_set_mode(c, mode);
    /* No resumption: it would skip the judgement of the client's certificate. */
    (void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(c, 0);
    SSL_CTX_set_max_cert_list(c, CLIENT_CHAIN_MAX);
    SSL_CTX_set_security_level(c, SECURITY_LEVEL);
}

static bool set_groups(SSL_CTX *c, const struct conf_texts *wanted)
{
    char list[GROUPS_TEXT_MAX] = "";
    size_t n = 0;
    for (size_t i = 0; i < wanted->n; i++) {
        int written =
            snprintf(list + n, sizeof(list) - n, "%s%s", i > 0 ? ":" : "", wanted->v[i].p);
        n += (size_t)written;
        if (n >= sizeof(list)) {
            return false;
        }
    }
    (void)snprintf(list + n, sizeof(list) - n, "%s", n == 0 ? groups : "");
    return SSL_CTX_set1_groups_list(c, list) == 1;
}

SSL_CTX *context_new(enum conf_tls_version min_version, const struct conf_tuning *tuning,
                     OSSL_LIB_CTX *library, const char *query)
{
    SSL_CTX *c = SSL_CTX_new_ex(library, query, TLS_server_method());
    if (c == NULL) {
        return NULL;
    }
    set_behaviour(c, tuning);
    int oldest = min_version == CONF_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    size_t order = tuning->aes_128_first ? 0 : 1;
    if (SSL_CTX_set_min_proto_version(c, oldest) != 1 || SSL_CTX_set_max_proto_version(c, 0) != 1 ||
        SSL_CTX_set_cipher_list(c, suites_1_2[order]) != 1 ||
        SSL_CTX_set_ciphersuites(c, suites_1_3[order]) != 1 || !set_groups(c, &tuning->groups)) {
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
    if (site->trust == NULL) {
        return true;
    }
    /* Where the server's own issuers are looked for, unless its chain is fixed. */
    if (SSL_CTX_set1_chain_cert_store(c, trust_store(site->trust)) != 1) {
        return false;
    }
    if (!site->conf->client.send_ca_names) {
        return true;
    }
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(trust_ca_names(site->trust));
    if (names == NULL) {
        return false;
    }
    SSL_CTX_set_client_CA_list(c, names);
    return true;
}
