/* What the tests of this folder share: an OpenSSL client on memory BIOs, and the pump between it
 * and a session. */
#ifndef TESTS_UNIT_PROXY_TLS_LAB_CLIENT_H
#define TESTS_UNIT_PROXY_TLS_LAB_CLIENT_H

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "proxy/tls/session.h"
#include "tests/unit/proxy/tls/lab.h"

/* TLS alerts (RFC 8446 6). */
enum lab_alert {
    NO_ALERT = -1,
    HANDSHAKE_FAILURE = 40,
    BAD_CERTIFICATE = 42,
    UNSUPPORTED_CERTIFICATE = 43,
    CERTIFICATE_REVOKED = 44,
    CERTIFICATE_EXPIRED = 45,
    CERTIFICATE_UNKNOWN = 46,
    ILLEGAL_PARAMETER = 47,
    UNKNOWN_CA = 48,
    DECODE_ERROR = 50,
    PROTOCOL_VERSION = 70,
    UNRECOGNIZED_NAME = 112,
    CERTIFICATE_REQUIRED = 116,
    NO_APPLICATION_PROTOCOL = 120
};

/* An OpenSSL client that talks to a session through memory. */
struct lab_client {
    SSL_CTX *context;
    SSL *ssl;
    struct tls_session *session;
    size_t step;  /* octets given to the session at a time; 0: all */
    bool *inside; /* set while the session works, or NULL */
    int alert;    /* the last one that came in, or -1 */
};

static inline void lab_client_init(struct lab_client *c, int version, X509 *cert, EVP_PKEY *key)
{
    *c = (struct lab_client){.alert = -1};
    c->context = SSL_CTX_new(TLS_client_method());
    assert_non_null(c->context);
    SSL_CTX_set_security_level(c->context, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(c->context, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(c->context, version), 1);
    assert_int_equal(SSL_CTX_set_cipher_list(c->context, "ALL:@SECLEVEL=0"), 1);
    if (cert != NULL) {
        assert_int_equal(SSL_CTX_use_certificate(c->context, cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(c->context, key), 1);
    }
}

static inline void lab_inside(const struct lab_client *c, bool yes)
{
    if (c->inside != NULL) {
        *c->inside = yes;
    }
}

/* Joins the client to a new session of sites; name NULL: no server name is sent. */
static inline void lab_client_join(struct lab_client *c, struct tls_sites *sites, const char *name)
{
    c->ssl = SSL_new(c->context);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    assert_true(c->ssl != NULL && in != NULL && out != NULL);
    SSL_set_bio(c->ssl, in, out);
    if (name != NULL) {
        /* The macro for this drops const, which clang minds. */
        assert_int_equal(SSL_ctrl(c->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                                  (void *)(uintptr_t)name),
                         1);
    }
    SSL_set_connect_state(c->ssl);
    lab_inside(c, true);
    c->session = tls_session_new(sites);
    lab_inside(c, false);
}

static inline void lab_client_part(struct lab_client *c)
{
    SSL_free(c->ssl);
    tls_session_free(c->session);
    c->ssl = NULL;
    c->session = NULL;
}

static inline void lab_client_fini(struct lab_client *c)
{
    lab_client_part(c);
    SSL_CTX_free(c->context);
}

/* Takes an alert that came in from the client's error queue. */
static inline void lab_client_note_alert(struct lab_client *c)
{
    unsigned long code;
    while ((code = ERR_get_error()) != 0) {
        if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET) {
            c->alert = ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET;
        }
    }
}

static inline void lab_to_client(struct lab_client *c)
{
    struct buf *out = tls_session_out(c->session);
    struct str octets = buf_str(out);
    if (octets.n > 0) {
        assert_int_equal(BIO_write(SSL_get_rbio(c->ssl), octets.p, (int)octets.n), octets.n);
        buf_consume(out, octets.n);
    }
}

/* Gives octets to the session in steps, each followed by a try to go on with the handshake. */
static inline enum tls_result lab_feed(struct lab_client *c, struct str octets)
{
    enum tls_result r = TLS_WANT;
    while (octets.n > 0 && r == TLS_WANT) {
        size_t n = c->step > 0 && c->step < octets.n ? c->step : octets.n;
        lab_inside(c, true);
        tls_session_input(c->session, str_slice(octets, 0, n));
        r = tls_session_handshake(c->session);
        if (tls_session_settle(c->session) != 0) {
            r = TLS_FAILED;
        }
        lab_inside(c, false);
        octets = str_slice(octets, n, octets.n);
        if (r == TLS_OK && octets.n > 0) {
            tls_session_input(c->session, octets);
            assert_int_equal(tls_session_settle(c->session), 0);
        }
    }
    return r;
}

static inline struct str lab_from_client(const struct lab_client *c)
{
    char *p = NULL;
    long n = BIO_get_mem_data(SSL_get_wbio(c->ssl), &p);
    return (struct str){p, (size_t)n};
}

/* Runs the handshake until the session has finished, failed, or both sides wait. Then lets the
 * client read what the session had to say. */
static inline enum tls_result lab_handshake(struct lab_client *c)
{
    enum tls_result r = TLS_WANT;
    for (int i = 0; i < 20 && r == TLS_WANT; i++) {
        ERR_clear_error();
        (void)SSL_do_handshake(c->ssl);
        lab_client_note_alert(c);
        struct str octets = lab_from_client(c);
        if (octets.n == 0) {
            break;
        }
        r = lab_feed(c, octets);
        (void)BIO_reset(SSL_get_wbio(c->ssl));
        lab_to_client(c);
    }
    ERR_clear_error();
    char scratch[16];
    (void)(SSL_is_init_finished(c->ssl) ? SSL_read(c->ssl, scratch, sizeof(scratch))
                                        : SSL_do_handshake(c->ssl));
    lab_client_note_alert(c);
    return r;
}

/* A handshake with the good client, which must succeed. */
static inline void lab_join_good(const struct lab *lab, struct lab_client *c, struct tls_sites *t,
                                 int version)
{
    X509 *x = lab_good_client(lab);
    lab_client_init(c, version, x, lab->key);
    lab_client_join(c, t, "www.example");
    assert_int_equal(lab_handshake(c), TLS_OK);
    X509_free(x);
}

#endif
