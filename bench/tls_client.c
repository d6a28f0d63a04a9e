/* Owns: SSL_CTX, verification, sessions and the classes of failures of one thread. */
#include "bench/tls_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/mem.h"

/* The server's chain in one piece, NULL without memory. */
static unsigned char *chain_der(X509_STORE_CTX *verify, size_t *n)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(verify);
    size_t total = 0;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int one = i2d_X509(sk_X509_value(chain, i), NULL);
        if (one < 0) {
            return NULL;
        }
        total += (size_t)one;
    }
    unsigned char *der = mem_alloc(total);
    unsigned char *p = der;
    if (der == NULL) {
        return NULL;
    }
    for (int i = 0; i < sk_X509_num(chain); i++) {
        (void)i2d_X509(sk_X509_value(chain, i), &p);
    }
    *n = total;
    return der;
}

/* A run takes minutes and meets the same chain all the time: what was verified once is not verified
 * again, so that the client costs less than the server. Its signature in the handshake is checked
 * each time by the library. DER is self-delimiting, so equal octets are equal certificates. */
static int on_verify(X509_STORE_CTX *verify, void *arg)
{
    struct tls_client *t = arg;
    size_t n = 0;
    unsigned char *der = chain_der(verify, &n);
    if (der != NULL && t->verified != NULL && n == t->verified_n &&
        memcmp(der, t->verified, n) == 0) {
        mem_free(der);
        X509_STORE_CTX_set_error(verify, X509_V_OK);
        return 1;
    }
    int ok = X509_verify_cert(verify);
    if (ok == 1 && der != NULL) {
        mem_free(t->verified);
        t->verified = der;
        t->verified_n = n;
    } else {
        mem_free(der);
    }
    return ok;
}

static SSL_SESSION **row_of(const struct tls_link *link)
{
    return link->client->sessions + link->identity * TLS_CLIENT_SESSIONS;
}

/* All of a row but one. NOLINTNEXTLINE(bugprone-sizeof-expression): of the pointer is meant */
static const size_t kept_bytes = (TLS_CLIENT_SESSIONS - 1) * sizeof(SSL_SESSION *);

static void put(const struct tls_link *link, SSL_SESSION *session)
{
    SSL_SESSION **row = row_of(link);
    SSL_SESSION_free(row[TLS_CLIENT_SESSIONS - 1]);
    memmove(&row[1], &row[0], kept_bytes);
    row[0] = session;
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_link *link = SSL_get_app_data(ssl);
    link->got_session = true;
    link->client->tickets++;
    put(link, session);
    return 1;
}

static int limit_versions(SSL_CTX *ctx, const struct options *o)
{
    int low = o->tls == TLS_ONLY_13 ? TLS1_3_VERSION : TLS1_2_VERSION;
    int high = o->tls == TLS_ONLY_12 ? TLS1_2_VERSION : TLS1_3_VERSION;
    return SSL_CTX_set_min_proto_version(ctx, low) == 1 &&
                   SSL_CTX_set_max_proto_version(ctx, high) == 1
               ? 0
               : -ERR_CRYPTO;
}

/* Names that begin with TLS_ are suites of TLS 1.3; one list holds either kind. */
static int set_ciphers(SSL_CTX *ctx, const char *list)
{
    return strncmp(list, "TLS_", 4) == 0 ? SSL_CTX_set_ciphersuites(ctx, list)
                                         : SSL_CTX_set_cipher_list(ctx, list);
}

static int set_lists(SSL_CTX *ctx, const struct options *o, struct err *e)
{
    if (o->groups != NULL && SSL_CTX_set1_groups_list(ctx, (char *)(uintptr_t)o->groups) != 1) {
        return err_set(e, ERR_CONFIG, "--groups %s: the library knows no such list", o->groups);
    }
    if (o->ciphers != NULL && set_ciphers(ctx, o->ciphers) != 1) {
        return err_set(e, ERR_CONFIG, "--ciphers %s: the library knows no such list", o->ciphers);
    }
    if (o->sigalgs != NULL && SSL_CTX_set1_sigalgs_list(ctx, (char *)(uintptr_t)o->sigalgs) != 1) {
        return err_set(e, ERR_CONFIG, "--sigalgs %s: the library knows no such list", o->sigalgs);
    }
    return 0;
}

static int set_trust(struct tls_client *t, const struct options *o, struct err *e)
{
    if (o->insecure_no_verify) {
        SSL_CTX_set_verify(t->ctx, SSL_VERIFY_NONE, NULL);
        return 0;
    }
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(t->ctx);
    int ok = o->ca != NULL ? SSL_CTX_load_verify_file(t->ctx, o->ca)
                           : SSL_CTX_set_default_verify_paths(t->ctx);
    if (ok != 1) {
        return err_set(e, ERR_CONFIG, "--ca %s: cannot read certificates from it",
                       o->ca != NULL ? o->ca : "(of the system)");
    }
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(t->ctx, on_verify, t);
    ok = X509_VERIFY_PARAM_set1_ip_asc(param, o->host);
    if (ok != 1) {
        X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        ok = X509_VERIFY_PARAM_set1_host(param, o->host, 0);
    }
    return ok == 1 ? 0 : err_set(e, ERR_CONFIG, "URL: the host cannot be verified");
}

static int set_sessions(struct tls_client *t, const struct options *o, struct err *e)
{
    if (o->resume_ratio <= 0.0) {
        SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
        return 0;
    }
    t->sessions = mem_calloc(t->identities, TLS_CLIENT_SESSIONS * sizeof(SSL_SESSION *));
    if (t->sessions == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for sessions");
    }
    SSL_CTX_set_session_cache_mode(t->ctx,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(t->ctx, on_session);
    return 0;
}

/* A context that knows the lists of o, in lib or in the default library context. */
static SSL_CTX *new_context(const struct options *o, OSSL_LIB_CTX *lib, struct err *e)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(lib, NULL, TLS_client_method());
    struct err why = {0};
    if (ctx != NULL && limit_versions(ctx, o) == 0 && set_lists(ctx, o, &why) == 0) {
        return ctx;
    }
    SSL_CTX_free(ctx);
    ERR_clear_error();
    if (lib != NULL) {
        return new_context(o, NULL, e);
    }
    (void)err_set(e, why.code != ERR_OK ? why.code : ERR_CRYPTO, "%s",
                  why.code != ERR_OK ? why.text : "cannot make a TLS context");
    return NULL;
}

int tls_client_init(struct tls_client *t, const struct options *o, OSSL_LIB_CTX *lib, size_t n,
                    struct err *e)
{
    static const unsigned char alpn[] = "\x08http/1.1";
    *t = (struct tls_client){.identities = n};
    t->ctx = new_context(o, lib, e);
    if (t->ctx == NULL) {
        return -(int)e->code;
    }
    if (SSL_CTX_set_alpn_protos(t->ctx, alpn, sizeof(alpn) - 1) != 0) {
        return err_set(e, ERR_CRYPTO, "cannot make a TLS context");
    }
    (void)SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                       SSL_MODE_NO_AUTO_CHAIN);
    if (o->connections > 1024) {
        (void)SSL_CTX_set_mode(t->ctx, SSL_MODE_RELEASE_BUFFERS);
    }
    SSL_CTX_set_read_ahead(t->ctx, 1);
    int rc = set_trust(t, o, e);
    ERR_clear_error();
    return rc == 0 ? set_sessions(t, o, e) : rc;
}

void tls_client_fini(struct tls_client *t)
{
    size_t n = t->sessions != NULL ? t->identities * TLS_CLIENT_SESSIONS : 0;
    for (size_t i = 0; i < n; i++) {
        SSL_SESSION_free(t->sessions[i]);
    }
    mem_free(t->sessions);
    mem_free(t->verified);
    SSL_CTX_free(t->ctx);
    *t = (struct tls_client){0};
}

SSL *tls_client_new(const struct tls_link *link, const struct identity *id, int fd,
                    const char *host)
{
    SSL *ssl = SSL_new(link->client->ctx);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        goto fail;
    }
    SSL_set_app_data(ssl, (void *)(uintptr_t)link);
    if (host != NULL && SSL_set_tlsext_host_name(ssl, (char *)(uintptr_t)host) != 1) {
        goto fail;
    }
    if (id->cert != NULL &&
        (SSL_use_certificate(ssl, id->cert) != 1 || SSL_use_PrivateKey(ssl, id->key) != 1 ||
         (id->chain != NULL && SSL_set1_chain(ssl, id->chain) != 1))) {
        goto fail;
    }
    SSL_set_connect_state(ssl);
    return ssl;
fail:
    SSL_free(ssl);
    ERR_clear_error();
    return NULL;
}

bool tls_client_offer(const struct tls_link *link, SSL *ssl)
{
    SSL_SESSION **row = row_of(link);
    SSL_SESSION *session = row[0];
    if (session == NULL) {
        return false;
    }
    memmove(&row[0], &row[1], kept_bytes);
    row[TLS_CLIENT_SESSIONS - 1] = NULL;
    bool set = SSL_set_session(ssl, session) == 1;
    SSL_SESSION_free(session);
    return set;
}

void tls_client_keep(struct tls_link *link, SSL *ssl)
{
    if (link->client->sessions != NULL && !link->got_session && SSL_session_reused(ssl) &&
        SSL_version(ssl) == TLS1_2_VERSION) {
        SSL_SESSION *session = SSL_get1_session(ssl);
        if (session != NULL) {
            put(link, session);
        }
    }
}

enum result_class tls_client_errno(int code)
{
    switch (code) {
    case ECONNREFUSED:
        return RESULT_REFUSED;
    case ECONNRESET:
    case EPIPE:
        return RESULT_RESET;
    case ETIMEDOUT:
        return RESULT_TIMEOUT;
    case EHOSTUNREACH:
    case ENETUNREACH:
        return RESULT_UNREACHABLE;
    case 0:
        return RESULT_TRUNCATED;
    default:
        return RESULT_LOCAL;
    }
}

enum result_class tls_client_failure(const SSL *ssl, int rc, unsigned *alert)
{
    int code = errno;
    enum result_class c = RESULT_TLS;
    unsigned long why = ERR_peek_last_error();
    int reason = ERR_GET_REASON(why);
    switch (SSL_get_error(ssl, rc)) {
    case SSL_ERROR_SYSCALL:
        c = tls_client_errno(code);
        break;
    case SSL_ERROR_ZERO_RETURN:
        c = RESULT_TRUNCATED;
        break;
    default:
        if (ERR_GET_LIB(why) != ERR_LIB_SSL) {
            break;
        }
        if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
            c = RESULT_TRUNCATED;
        } else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
            c = RESULT_VERIFY;
        } else if (reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255) {
            c = RESULT_ALERT;
            *alert = (unsigned)(reason - SSL_AD_REASON_OFFSET);
        }
        break;
    }
    ERR_clear_error();
    return c;
}

void tls_client_key_text(X509 *cert, char *out, size_t size)
{
    EVP_PKEY *key = cert != NULL ? X509_get0_pubkey(cert) : NULL;
    char group[32] = "";
    size_t n = 0;
    if (key == NULL) {
        out[0] = '\0';
        return;
    }
    bool named = EVP_PKEY_get_group_name(key, group, sizeof(group), &n) == 1;
    (void)snprintf(out, size, "%s %d%s%s", EVP_PKEY_get0_type_name(key), EVP_PKEY_get_bits(key),
                   named ? " " : "", named ? group : "");
    ERR_clear_error();
}

void tls_client_describe(SSL *ssl, struct result_environment *env)
{
    int nid = (int)SSL_get_negotiated_group(ssl);
    const char *group = nid > 0 ? OBJ_nid2sn(nid) : "";
    (void)snprintf(env->tls, sizeof(env->tls), "%s", SSL_get_version(ssl));
    (void)snprintf(env->cipher, sizeof(env->cipher), "%s", SSL_get_cipher_name(ssl));
    (void)snprintf(env->group, sizeof(env->group), "%s", group);
    tls_client_key_text(SSL_get0_peer_certificate(ssl), env->server_key, sizeof(env->server_key));
    ERR_clear_error();
}
