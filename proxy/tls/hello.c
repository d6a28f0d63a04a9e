/* Owns: reading of the server name, choosing of the site, and ALPN. Inside SSL_do_handshake(), on
 * the worker's thread. */
#include "proxy/tls/hello.h"

#include "base/mem.h"
#include "proxy/tls/resume.h"
#include "proxy/tls/session_inner.h"
#include "proxy/tls/site_inner.h"
#include "proxy/tls/wire.h"

/* One list, in it one name, of the type host_name. */
bool hello_name(struct str extension, struct str *name)
{
    struct str list;
    size_t type = 0;
    return wire_cut_vector(&extension, 2, &list) && extension.n == 0 &&
           wire_cut_number(&list, 1, &type) && type == TLSEXT_NAMETYPE_host_name &&
           wire_cut_vector(&list, 2, name) && list.n == 0 && tls_sites_is_name(*name);
}

static int refuse(struct tls_session *s, enum reason reason, int *alert, int value)
{
    s->refusal = reason;
    *alert = value;
    return SSL_CLIENT_HELLO_ERROR;
}

/* SSL_set_SSL_CTX() changes the certificate but leaves what is asked of the client. */
static bool enter_site(struct tls_session *s, const struct tls_site *site)
{
    if (SSL_set_SSL_CTX(s->ssl, site_of(site)->context) == NULL) {
        return false;
    }
    SSL_set_verify(s->ssl, site_verify_mode(&site->conf->client), NULL);
    s->site = site;
    return true;
}

static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
    (void)arg;
    struct tls_session *s = SSL_get_app_data(ssl);
    const unsigned char *octets;
    size_t n;
    struct str name = STR_NONE;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &octets, &n) == 1 &&
        !hello_name((struct str){(const char *)octets, n}, &name)) {
        return refuse(s, REASON_TLS_PROTOCOL_ERROR, alert, SSL_AD_DECODE_ERROR);
    }
    if (s->site != NULL) {
        /* The second ClientHello, after a HelloRetryRequest: nothing of this may change. */
        return str_eq(name, str_of(s->name))
                   ? SSL_CLIENT_HELLO_SUCCESS
                   : refuse(s, REASON_TLS_PROTOCOL_ERROR, alert, SSL_AD_ILLEGAL_PARAMETER);
    }
    if (name.n > 0 && (s->name = mem_dup(name.p, name.n)) == NULL) {
        return refuse(s, REASON_OUT_OF_MEMORY, alert, SSL_AD_INTERNAL_ERROR);
    }
    const struct tls_site *site = tls_sites_find(s->sites, name);
    if (site == NULL) {
        return refuse(s, REASON_TLS_UNKNOWN_NAME, alert, SSL_AD_UNRECOGNIZED_NAME);
    }
    if (!enter_site(s, site)) {
        return refuse(s, REASON_OUT_OF_MEMORY, alert, SSL_AD_INTERNAL_ERROR);
    }
    resume_begin(s);
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* Only so that OpenSSL acknowledges the name (RFC 6066 3). */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    (void)arg;
    const struct tls_session *s = SSL_get_app_data(ssl);
    return s->name != NULL ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static bool is_offered(struct str wanted, struct str offered, struct str *found)
{
    while (wire_cut_vector(&offered, 1, found)) {
        if (str_eq(*found, wanted)) {
            return true;
        }
    }
    return false;
}

bool hello_protocol(struct str offered, struct str *chosen)
{
    return is_offered(STR("http/1.1"), offered, chosen) ||
           is_offered(STR("http/1.0"), offered, chosen);
}

/* Comes only if the client sent the extension (RFC 7301 3.2). */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                   const unsigned char *offered, unsigned n, void *arg)
{
    (void)ssl;
    (void)arg;
    struct str chosen;
    if (!hello_protocol((struct str){(const char *)offered, n}, &chosen)) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = (const unsigned char *)chosen.p;
    *out_n = (unsigned char)chosen.n;
    return SSL_TLSEXT_ERR_OK;
}

void hello_install(SSL_CTX *c)
{
    SSL_CTX_set_client_hello_cb(c, on_client_hello, NULL);
    (void)SSL_CTX_set_tlsext_servername_callback(c, on_server_name);
    SSL_CTX_set_alpn_select_cb(c, on_alpn, NULL);
}
