/* Owns: reading of OpenSSL's error queue. Any thread: the queue is the thread's own. */
#include "proxy/tls/tls_err.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/str.h"

static enum reason reason_of_ssl(int code)
{
    switch (code) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
        return REASON_PLAIN_HTTP_ON_TLS_PORT;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return REASON_CLIENT_CERT_MISSING;
    case SSL_R_EE_KEY_TOO_SMALL:
    case SSL_R_CA_KEY_TOO_SMALL:
    case SSL_R_CA_MD_TOO_WEAK:
        return REASON_CLIENT_CERT_WEAK_KEY;
    case SSL_R_UNKNOWN_CERTIFICATE_TYPE:
    case SSL_R_WRONG_CERTIFICATE_TYPE:
    case SSL_R_CERT_LENGTH_MISMATCH:
    case ERR_R_ASN1_LIB:
    case ERR_R_X509_LIB:
        return REASON_CLIENT_CERT_INVALID;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_INAPPROPRIATE_FALLBACK:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNSUPPORTED_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_WRONG_CURVE:
        return REASON_TLS_VERSION_OR_CIPHER;
    default:
        return code > SSL_AD_REASON_OFFSET ? REASON_TLS_CLIENT_ALERT : REASON_TLS_PROTOCOL_ERROR;
    }
}

/* Alerts have texts such as "tlsv1 alert unknown ca" and "tlsv1 unrecognized name". */
void tls_err_alert(int number, char *out, size_t n)
{
    const char *words =
        ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, SSL_AD_REASON_OFFSET + number));
    const char *name = words != NULL ? strstr(words, "alert ") : NULL;
    if (name != NULL) {
        (void)snprintf(out, n, "%s", name);
        return;
    }
    name = words != NULL ? strchr(words, ' ') : NULL;
    if (name != NULL) {
        (void)snprintf(out, n, "alert%s", name);
    } else {
        (void)snprintf(out, n, "alert %d", number);
    }
}

static void put_ssl(struct tls_err *out, unsigned long code)
{
    int reason = ERR_GET_REASON(code);
    const char *words = ERR_reason_error_string(code);
    out->reason = reason_of_ssl(reason);
    out->bad_certificate = reason == SSL_R_CERTIFICATE_VERIFY_FAILED;
    if (out->reason == REASON_TLS_CLIENT_ALERT) {
        tls_err_alert(reason - SSL_AD_REASON_OFFSET, out->text, sizeof(out->text));
    } else {
        (void)snprintf(out->text, sizeof(out->text), "%s", words != NULL ? words : "unknown error");
    }
}

void tls_err_take(struct tls_err *out)
{
    *out = (struct tls_err){.reason = REASON_TLS_PROTOCOL_ERROR};
    bool have_ssl = false;
    bool no_memory = false;
    unsigned long code;
    while ((code = ERR_get_error()) != 0) {
        no_memory = no_memory || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
        if (ERR_GET_LIB(code) == ERR_LIB_SSL && !have_ssl) {
            have_ssl = true;
            put_ssl(out, code);
        } else if (out->text[0] == '\0') {
            const char *words = ERR_reason_error_string(code);
            (void)snprintf(out->text, sizeof(out->text), "%s",
                           words != NULL ? words : "unknown error");
        }
    }
    if (no_memory) {
        out->reason = REASON_OUT_OF_MEMORY;
    }
}
