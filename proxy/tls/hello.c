/* Owns: reading of the server name, choosing of the site, and ALPN. Inside SSL_do_handshake(), on
 * the worker's thread. */
#include "proxy/tls/hello.h"

#include "base/mem.h"
#include "proxy/tls/resume.h"
#include "proxy/tls/session_inner.h"
#include "proxy/tls/site_inner.h"

/* Cuts a two-octet length and that many octets off the front of *rest. */
static bool cut_vector(struct str *rest, struct str *out)
{
    if (rest->n < 2) {
        return false;
    }
    size_t n = (size_t)(unsigned char)rest->p[0] << 8 | (unsigned char)rest->p[1];
    if (rest->n - 2 < n) {
        return false;
    }
    *out = str_slice(*rest, 2, 2 + n);
    *rest = str_slice(*rest, 2 + n, rest->n);
    return true;
}

/* The server_name extension (RFC 6066 3): one list, in it one name, of the type host_name. */
static bool parse_server_name(struct str extension, struct str *name)
{
    struct str list;
    if (!cut_vector(&extension, &list) || extension.n != 0 || list.n < 1 || list.p[0] != 0) {
        return false;
    }
    list = str_slice(list, 1, list.n);
    return cut_vector(&list, name) && list.n == 0 && tls_sites_is_name(*name);
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
        !parse_server_name((struct str){(const char *)octets, n}, &name)) {
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

/* True if wanted is among the names that were offered; *at is its length octet. */
static bool is_offered(struct str wanted, const unsigned char *offered, unsigned n, unsigned *at)
{
    for (unsigned i = 0; i < n && offered[i] < n - i; i += 1u + offered[i]) {
        if (str_eq((struct str){(const char *)offered + i + 1, offered[i]}, wanted)) {
            *at = i;
            return true;
        }
    }
    return false;
}

/* Comes only if the client sent the extension (RFC 7301 3.2). A client that wants HTTP/1.0 may say
 * so and nothing else. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                   const unsigned char *offered, unsigned n, void *arg)
{
    (void)ssl;
    (void)arg;
    unsigned at = 0;
    if (!is_offered(STR("http/1.1"), offered, n, &at) &&
        !is_offered(STR("http/1.0"), offered, n, &at)) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = offered + at + 1;
    *out_n = offered[at];
    return SSL_TLSEXT_ERR_OK;
}

void hello_install(SSL_CTX *c)
{
    SSL_CTX_set_client_hello_cb(c, on_client_hello, NULL);
    (void)SSL_CTX_set_tlsext_servername_callback(c, on_server_name);
    SSL_CTX_set_alpn_select_cb(c, on_alpn, NULL);
}
