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

bool verify_chain(struct tls_session *s, X509 *leaf, STACK_OF(X509) * sent, int *error)
{
    *error = X509_V_ERR_UNSPECIFIED;
    if (s->site == NULL || s->site->trust == NULL) {
        return false;
    }
    const struct trust_question q = {.leaf = leaf,
                                     .chain = sent,
                                     .wall_ms = clock_wall_ms(),
                                     .deny = s->deny != NULL ? *s->deny : NULL,
                                     .keys = &s->chain};
    int found = X509_V_ERR_UNSPECIFIED;
    s->peer_reason = trust_judge_all(s->site->trust, &q, &s->peer_term, &found);
    if (s->peer_reason == REASON_OK) {
        *error = X509_V_OK;
        return true;
    }
    if (found != X509_V_OK) {
        *error = found;
    }
    return s->site->conf->client.on_failure == CONF_ON_FAILURE_ANSWER;
}

/* Replaces OpenSSL's own X509_verify_cert(). Comes only if the client sent a certificate. The error
 * that is set picks the alert. */
static int on_chain(X509_STORE_CTX *chain, void *arg)
{
    (void)arg;
    SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_session *s = ssl != NULL ? SSL_get_app_data(ssl) : NULL;
    X509_STORE_CTX_set_error(chain, X509_V_ERR_UNSPECIFIED);
    if (s == NULL) {
        return 0;
    }
    int error = X509_V_ERR_UNSPECIFIED;
    X509 *leaf = X509_STORE_CTX_get0_cert(chain);
    bool goes_on = verify_chain(s, leaf, X509_STORE_CTX_get0_untrusted(chain), &error);
    X509_STORE_CTX_set_error(chain, error);
    if (goes_on) {
        allow_key_curve(ssl, leaf);
    }
    if (error == X509_V_OK) {
        resume_entitle(s);
    }
    return goes_on ? 1 : 0;
}

/* As OpenSSL's own table has it. */
int verify_alert(int error)
{
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CRL_HAS_EXPIRED:
        return SSL_AD_CERTIFICATE_EXPIRED;
    case X509_V_ERR_CERT_REVOKED:
        return SSL_AD_CERTIFICATE_REVOKED;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
        return SSL_AD_DECRYPT_ERROR;
    case X509_V_ERR_INVALID_PURPOSE:
        return SSL_AD_UNSUPPORTED_CERTIFICATE;
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return SSL_AD_UNKNOWN_CA;
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_REJECTED:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_EC_KEY_EXPLICIT_PARAMS:
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
    case X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY:
        return SSL_AD_BAD_CERTIFICATE;
    case X509_V_ERR_OUT_OF_MEM:
    case X509_V_ERR_UNSPECIFIED:
        return SSL_AD_INTERNAL_ERROR;
    default:
        return SSL_AD_CERTIFICATE_UNKNOWN;
    }
}

void verify_install(SSL_CTX *c)
{
    SSL_CTX_set_cert_verify_callback(c, on_chain, NULL);
}
