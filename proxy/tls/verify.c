/* Owns: the step from OpenSSL's verification to auth/trust. Inside SSL_do_handshake(), on the
 * worker's thread. */
#include "proxy/tls/verify.h"

#include "auth/trust.h"
#include "base/clock.h"
#include "proxy/tls/session_inner.h"

/* Replaces OpenSSL's own X509_verify_cert(). Comes only if the client sent a certificate. The error
 * that is set picks the alert. */
static int on_chain(X509_STORE_CTX *chain, void *arg)
{
    (void)arg;
    const SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_session *s = ssl != NULL ? SSL_get_app_data(ssl) : NULL;
    X509_STORE_CTX_set_error(chain, X509_V_ERR_UNSPECIFIED);
    if (s == NULL || s->site == NULL || s->site->trust == NULL) {
        return 0;
    }
    int error = X509_V_ERR_UNSPECIFIED;
    s->peer_reason = trust_judge(s->site->trust, X509_STORE_CTX_get0_cert(chain),
                                 X509_STORE_CTX_get0_untrusted(chain), clock_wall_ms(), &error);
    if (s->peer_reason == REASON_OK) {
        X509_STORE_CTX_set_error(chain, X509_V_OK);
        return 1;
    }
    if (error != X509_V_OK) {
        X509_STORE_CTX_set_error(chain, error);
    }
    return s->site->conf->client.on_failure == CONF_ON_FAILURE_ANSWER;
}

void verify_install(SSL_CTX *c)
{
    SSL_CTX_set_cert_verify_callback(c, on_chain, NULL);
}
