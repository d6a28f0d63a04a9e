/* Owns: what must be so of a certificate before it takes the place of another. */
#include "cli/renew_check.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "auth/revoke/asn1time.h"

static int denied(struct err *e, const char *what)
{
    return err_set(e, ERR_DENIED, "what came is not the certificate that was asked for: %s", what);
}

static int find_leaf(EVP_PKEY *key, STACK_OF(X509) * came, X509 **leaf, struct err *e)
{
    *leaf = NULL;
    for (int i = 0; i < sk_X509_num(came); i++) {
        X509 *x = sk_X509_value(came, i);
        if (EVP_PKEY_eq(X509_get0_pubkey(x), key) != 1) {
            continue;
        }
        if (*leaf != NULL) {
            return denied(e, "two are for the key");
        }
        *leaf = x;
    }
    return *leaf != NULL ? 0 : denied(e, "none is for the key");
}

/* The common names in their order, as octets of UTF-8. */
static bool same_names(const X509 *a, const X509 *b)
{
    const X509_NAME *names[] = {X509_get_subject_name(a), X509_get_subject_name(b)};
    int at[] = {-1, -1};
    for (;;) {
        unsigned char *text[] = {NULL, NULL};
        int n[] = {-1, -1};
        for (size_t i = 0; i < 2; i++) {
            at[i] = X509_NAME_get_index_by_NID(names[i], NID_commonName, at[i]);
            n[i] = at[i] >= 0
                       ? ASN1_STRING_to_UTF8(&text[i], X509_NAME_ENTRY_get_data(
                                                           X509_NAME_get_entry(names[i], at[i])))
                       : -1;
        }
        bool over = at[0] < 0 && at[1] < 0;
        bool same =
            over || (n[0] >= 0 && n[0] == n[1] && memcmp(text[0], text[1], (size_t)n[0]) == 0);
        OPENSSL_free(text[0]);
        OPENSSL_free(text[1]);
        if (over || !same) {
            return same;
        }
    }
}

static int verify(X509 *leaf, STACK_OF(X509) * came, STACK_OF(X509) * anchors, int64_t now_ms,
                  struct err *e)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    bool ok = store != NULL && context != NULL;
    for (int i = 0; ok && i < sk_X509_num(anchors); i++) {
        ok = X509_STORE_add_cert(store, sk_X509_value(anchors, i)) == 1;
    }
    ok = ok && X509_STORE_CTX_init(context, store, leaf, came) == 1;
    int rc = 0;
    if (ok) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
        X509_VERIFY_PARAM_set_time(param, (time_t)(now_ms / 1000));
        (void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
        (void)X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT);
        if (X509_verify_cert(context) != 1) {
            rc = denied(e, X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
        }
    } else {
        rc = err_set(e, ERR_NOMEM, "out of memory");
    }
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
    return rc;
}

static int take(const struct renew_pair *old, X509 *leaf, EVP_PKEY *key, STACK_OF(X509) * came,
                struct renew_pair *new, struct err *e)
{
    new->above = sk_X509_new_null();
    if (new->above == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    for (int i = 0; i < sk_X509_num(came); i++) {
        X509 *x = sk_X509_value(came, i);
        if (x != leaf && X509_up_ref(x) == 1 && sk_X509_push(new->above, x) <= 0) {
            X509_free(x);
            return err_set(e, ERR_NOMEM, "out of memory");
        }
    }
    (void)X509_up_ref(leaf);
    (void)EVP_PKEY_up_ref(key);
    new->certificate = leaf;
    new->key = key;
    new->encrypted = old->encrypted;
    memcpy(new->passphrase, old->passphrase, sizeof(new->passphrase));
    return 0;
}

int renew_check(const struct renew_pair *old, EVP_PKEY *key, STACK_OF(X509) * came,
                STACK_OF(X509) * anchors, int64_t now_ms, struct renew_pair *new, struct err *e)
{
    X509 *leaf = NULL;
    int64_t from_s = 0;
    int64_t to_s = 0;
    *new = (struct renew_pair){.certificate = NULL};
    int rc = find_leaf(key, came, &leaf, e);
    if (rc == 0 && !same_names(old->certificate, leaf)) {
        rc = denied(e, "it is for another user");
    }
    rc = rc == 0 ? verify(leaf, came, anchors, now_ms, e) : rc;
    if (rc == 0 &&
        (!asn1time_seconds(X509_get0_notBefore(leaf), &from_s) ||
         !asn1time_seconds(X509_get0_notAfter(leaf), &to_s) || to_s * 1000 <= old->not_after_ms)) {
        rc = denied(e, "it ends no later than the present one");
    }
    rc = rc == 0 ? take(old, leaf, key, came, new, e) : rc;
    new->not_before_ms = from_s * 1000;
    new->not_after_ms = to_s * 1000;
    return rc;
}
