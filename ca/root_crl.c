/* Owns: what goes into a root's list. Leaves its form to crl_form. */
#include "ca/root_crl.h"

#include <stdbool.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "ca/certificate.h"
#include "ca/crl_form.h"

#define DAY_MS INT64_C(86400000)

/* The code of RFC 5280 5.3.1, or -1. */
static int reason_code(struct str name)
{
    static const struct {
        const char *name;
        int code;
    } rows[] = {
        {"unspecified", CRL_REASON_UNSPECIFIED},
        {"keyCompromise", CRL_REASON_KEY_COMPROMISE},
        {"cACompromise", CRL_REASON_CA_COMPROMISE},
        {"affiliationChanged", CRL_REASON_AFFILIATION_CHANGED},
        {"superseded", CRL_REASON_SUPERSEDED},
        {"cessationOfOperation", CRL_REASON_CESSATION_OF_OPERATION},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (str_ieq(str_of(rows[i].name), name)) {
            return rows[i].code;
        }
    }
    return name.n == 0 ? CRL_REASON_UNSPECIFIED : -1;
}

static int check(const struct root_crl_wish *w, struct err *e)
{
    X509_REVOKED *unused = NULL;
    EVP_PKEY *key = X509_get0_pubkey(w->root);
    if (w->last != NULL && X509_CRL_verify(w->last, key) != 1) {
        return err_set(e, ERR_DENIED, "the last list is not signed by this root");
    }
    if (w->withdraw == NULL) {
        return 0;
    }
    if (X509_check_issued(w->root, w->withdraw) != X509_V_OK ||
        X509_verify(w->withdraw, key) != 1 || X509_cmp(w->root, w->withdraw) == 0) {
        return err_set(e, ERR_DENIED, "this root has not certified that");
    }
    if (w->last != NULL && X509_CRL_get0_by_cert(w->last, &unused, w->withdraw) != 0) {
        return err_set(e, ERR_EXISTS, "that is withdrawn already");
    }
    return reason_code(w->reason) >= 0
               ? 0
               : err_set(e, ERR_MALFORMED,
                         "\"%.*s\" is no reason to withdraw a CA: keyCompromise, cACompromise, "
                         "affiliationChanged, superseded, cessationOfOperation, unspecified",
                         STR_ARG(w->reason));
}

/* -1 if it cannot be read. */
static int64_t last_number(X509_CRL *last)
{
    int64_t n = 0;
    ASN1_INTEGER *number =
        last != NULL ? X509_CRL_get_ext_d2i(last, NID_crl_number, NULL, NULL) : NULL;
    if (last != NULL && (number == NULL || ASN1_INTEGER_get_int64(&n, number) != 1)) {
        n = -1;
    }
    ASN1_INTEGER_free(number);
    return n;
}

/* Entries as they were, with time and reason. */
static bool copy_entries(X509_CRL *last, X509_CRL *to)
{
    STACK_OF(X509_REVOKED) *all = last != NULL ? X509_CRL_get_REVOKED(last) : NULL;
    bool ok = true;
    for (int i = 0; ok && i < sk_X509_REVOKED_num(all); i++) {
        X509_REVOKED *copy = X509_REVOKED_dup(sk_X509_REVOKED_value(all, i));
        ok = copy != NULL && X509_CRL_add0_revoked(to, copy) == 1;
        if (!ok) {
            X509_REVOKED_free(copy);
        }
    }
    return ok;
}

int root_crl_make(const struct root_crl_wish *w, X509_CRL **out, struct err *e)
{
    int rc = check(w, e);
    int64_t number = last_number(w->last);
    *out = NULL;
    ERR_clear_error();
    if (rc != 0) {
        return rc;
    }
    if (number < 0) {
        return err_set(e, ERR_MALFORMED, "the last list has no number that can be read");
    }
    X509_CRL *crl =
        crl_form_new(w->root, number + 1, w->now_ms, w->now_ms + (int64_t)w->life_days * DAY_MS);
    bool ok = crl != NULL && copy_entries(w->last, crl) &&
              (w->withdraw == NULL || crl_form_add(crl, X509_get0_serialNumber(w->withdraw),
                                                   w->now_ms, reason_code(w->reason))) &&
              crl_form_sign(crl, w->key);
    if (!ok) {
        X509_CRL_free(crl);
        return certificate_failed(e, "a revocation list");
    }
    *out = crl;
    return 0;
}
