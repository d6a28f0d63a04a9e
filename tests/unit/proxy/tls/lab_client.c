#include "tests/unit/proxy/tls/lab_client.h"

#include "tests/support/library_memory.h"

void lab_client_init(struct lab_client *c, int version, X509 *cert, EVP_PKEY *key)
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

/* Around what the session does. */
static void inside(const struct lab_client *c, bool yes)
{
    if (c->fails) {
        library_memory_fails = yes;
    }
}

void lab_client_join(struct lab_client *c, struct tls_sites *sites, const char *name)
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
    inside(c, true);
    c->session = tls_session_new(sites);
    inside(c, false);
}

void lab_client_part(struct lab_client *c)
{
    SSL_free(c->ssl);
    tls_session_free(c->session);
    c->ssl = NULL;
    c->session = NULL;
}

void lab_client_fini(struct lab_client *c)
{
    lab_client_part(c);
    SSL_CTX_free(c->context);
}

/* Takes an alert that came in from the client's error queue. */
static void note_alert(struct lab_client *c)
{
    unsigned long code;
    while ((code = ERR_get_error()) != 0) {
        if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET) {
            c->alert = ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET;
        }
    }
}

void lab_to_client(struct lab_client *c)
{
    struct buf *out = tls_session_out(c->session);
    struct str octets = buf_str(out);
    if (octets.n > 0) {
        assert_int_equal(BIO_write(SSL_get_rbio(c->ssl), octets.p, (int)octets.n), octets.n);
        buf_consume(out, octets.n);
    }
}

enum tls_result lab_feed(struct lab_client *c, struct str octets)
{
    enum tls_result r = TLS_WANT;
    while (octets.n > 0 && r == TLS_WANT) {
        size_t n = c->step > 0 && c->step < octets.n ? c->step : octets.n;
        inside(c, true);
        tls_session_input(c->session, str_slice(octets, 0, n));
        r = tls_session_handshake(c->session);
        if (tls_session_settle(c->session) != 0) {
            r = TLS_FAILED;
        }
        inside(c, false);
        octets = str_slice(octets, n, octets.n);
        if (r == TLS_OK && octets.n > 0) {
            tls_session_input(c->session, octets);
            assert_int_equal(tls_session_settle(c->session), 0);
        }
    }
    return r;
}

struct str lab_from_client(const struct lab_client *c)
{
    char *p = NULL;
    long n = BIO_get_mem_data(SSL_get_wbio(c->ssl), &p);
    return (struct str){p, (size_t)n};
}

enum tls_result lab_handshake(struct lab_client *c)
{
    enum tls_result r = TLS_WANT;
    for (int i = 0; i < 20 && r == TLS_WANT; i++) {
        ERR_clear_error();
        (void)SSL_do_handshake(c->ssl);
        note_alert(c);
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
    note_alert(c);
    return r;
}

void lab_join_good(const struct lab *l, struct lab_client *c, struct tls_sites *t, int version)
{
    X509 *x = lab_good_client(l);
    lab_client_init(c, version, x, l->key);
    lab_client_join(c, t, "www.example");
    assert_int_equal(lab_handshake(c), TLS_OK);
    X509_free(x);
}
