/* Owns: the step from OpenSSL's verification to auth/trust. Inside SSL_do_handshake(), on the
 * worker's thread. */
#include "proxy/tls/verify.h"

#include <string.h>

#include "auth/trust.h"
#include "base/clock.h"
#include "proxy/tls/resume.h"
#include "proxy/tls/session_inner.h"

/* Not const, as OpenSSL's macro casts that away. */
static char key_groups[] = "X25519:P-256:P-384:P-521";

/* True if P-256, which most keys are on, stands in our list and in the client's. */
static bool shares_p256(SSL *ssl)
{
    long n = SSL_get_shared_group(ssl, -1);
    bool found = false;
    for (long i = 0; i < n && !found; i++) {
        found = SSL_get_shared_group(ssl, i) == NID_X9_62_prime256v1;
    }
    return found;
}

/* With TLS 1.2, OpenSSL takes a client's key only on a curve that stands in our list of groups,
 * which is short so that no client can make the key exchange costly. The exchange is agreed on by
 * now: lengthening the list only lets in the keys. */
static void allow_key_curve(SSL *ssl, X509 *leaf)
{
    char curve[32] = "";
    size_t n = 0;
    if (SSL_version(ssl) == TLS1_2_VERSION &&
        EVP_PKEY_get_group_name(X509_get0_pubkey(leaf), curve, sizeof(curve), &n) == 1 &&
        (strcmp(curve, SN_X9_62_prime256v1) != 0 || !shares_p256(ssl))) {
        (void)SSL_set1_groups_list(ssl, key_groups);
    }
}

/* Replaces OpenSSL's own X509_verify_cert(). Comes only if the client sent a certificate. The error
 * that is set picks the alert. */
static int on_chain(X509_STORE_CTX *chain, void *arg)
{
    (void)arg;
    SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_session *s = ssl != NULL ? SSL_get_app_data(ssl) : NULL;
    X509_STORE_CTX_set_error(chain, X509_V_ERR_UNSPECIFIED);
    if (s == NULL || s->site == NULL || s->site->trust == NULL) {
        return 0;
    }
    X509 *leaf = X509_STORE_CTX_get0_cert(chain);
    int error = X509_V_ERR_UNSPECIFIED;
    const struct trust_question q = {.leaf = leaf,
                                     .chain = X509_STORE_CTX_get0_untrusted(chain),
                                     .wall_ms = clock_wall_ms(),
                                     .deny = s->deny != NULL ? *s->deny : NULL,
                                     .keys = &s->chain};
    s->peer_reason = trust_judge_all(s->site->trust, &q, &s->peer_term, &error);
    allow_key_curve(ssl, leaf);
    if (s->peer_reason == REASON_OK) {
        X509_STORE_CTX_set_error(chain, X509_V_OK);
        resume_entitle(s);
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
