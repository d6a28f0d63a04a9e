/* Owns: lists as OpenSSL's objects, and its word on a chain. Not: what our own sets say
 * (revoke/crl.c), nor which certificates are asked about (trust.c). Loop thread. */
#include "auth/openssl_lists.h"

#include <openssl/err.h>

static bool add(X509_STORE *store, struct str der)
{
    const unsigned char *p = (const unsigned char *)der.p;
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.n);
    bool added = crl != NULL && p == (const unsigned char *)der.p + der.n &&
                 X509_STORE_add_crl(store, crl) == 1;
    X509_CRL_free(crl);
    ERR_clear_error();
    return added;
}

int openssl_lists_fill(X509_STORE *store, const struct crl_set *s, struct err *e)
{
    struct crl_info list;
    for (size_t i = 0; crl_set_at(s, i, &list); i++) {
        if (list.der.n == 0 || !add(store, list.der)) {
            return err_set(e, ERR_CRYPTO, "OpenSSL cannot read a CRL (tuning.own_lists: false)");
        }
    }
    return 0;
}

bool openssl_lists_begin(X509_STORE_CTX *ctx, bool leaf_only, struct openssl_lists *out)
{
    unsigned long flags = X509_V_FLAG_CRL_CHECK | (leaf_only ? 0 : X509_V_FLAG_CRL_CHECK_ALL);
    return X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx), flags) == 1 &&
           X509_STORE_CTX_set_app_data(ctx, out) == 1;
}

/* Errors that mean nothing but lists. One that can mean something else as well ends the
 * verification. */
static bool is_about_lists(int error)
{
    switch (error) {
    case X509_V_ERR_CERT_REVOKED:
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
        return true;
    default:
        return false;
    }
}

bool openssl_lists_note(X509_STORE_CTX *ctx)
{
    struct openssl_lists *said = X509_STORE_CTX_get_app_data(ctx);
    int error = X509_STORE_CTX_get_error(ctx);
    if (said == NULL || !is_about_lists(error)) {
        return false;
    }
    bool date = error == X509_V_ERR_CRL_NOT_YET_VALID || error == X509_V_ERR_CRL_HAS_EXPIRED;
    if (said->error == X509_V_OK && !date) {
        /* A list that it does not take is as good as none. */
        said->error = error == X509_V_ERR_CERT_REVOKED ? error : X509_V_ERR_UNABLE_TO_GET_CRL;
        said->depth = X509_STORE_CTX_get_error_depth(ctx);
    }
    return true;
}

int openssl_lists_said(const struct openssl_lists *l, int n)
{
    /* The leaf is looked at first: what was noted is of the certificate that is next to it. */
    return l->depth < n ? l->error : X509_V_OK;
}
