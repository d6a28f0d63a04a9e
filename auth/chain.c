/* Owns: checks of a built chain beyond OpenSSL's. Leaves everything else to it. Any thread. */
#include "auth/chain.h"

#include <stdbool.h>

#include <openssl/x509v3.h>

#define SERIAL_MAX 20 /* octets; RFC 5280 4.1.2.2 */

static bool is_usual_key(X509 *x)
{
    const EVP_PKEY *key = X509_get0_pubkey(x);
    switch (key != NULL ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
    case EVP_PKEY_EC:
    case EVP_PKEY_ED25519:
    case EVP_PKEY_ED448:
        return true;
    default:
        return false;
    }
}

static bool is_good_serial(X509 *x)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
    const unsigned char *p = ASN1_STRING_get0_data(serial);
    int n = ASN1_STRING_length(serial);
    return n > 0 && n <= SERIAL_MAX && (n > 1 || p[0] != 0) &&
           (ASN1_STRING_type(serial) & V_ASN1_NEG) == 0;
}

static bool extensions_decode(X509 *x)
{
    for (int i = 0; i < X509_get_ext_count(x); i++) {
        X509_EXTENSION *extension = X509_get_ext(x, i);
        const X509V3_EXT_METHOD *method = X509V3_EXT_get(extension);
        if (method == NULL) {
            continue;
        }
        void *decoded = X509V3_EXT_d2i(extension);
        if (decoded == NULL) {
            return false;
        }
        if (method->it != NULL) {
            ASN1_item_free(decoded, ASN1_ITEM_ptr(method->it));
        } else {
            method->ext_free(decoded);
        }
    }
    return true;
}

/* RFC 5280 4.2.1.10: constraints that constrain nothing are not allowed. */
static bool has_good_name_constraints(X509 *x)
{
    NAME_CONSTRAINTS *constraints = X509_get_ext_d2i(x, NID_name_constraints, NULL, NULL);
    if (constraints == NULL) {
        return true;
    }
    bool good = sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees) > 0 ||
                sk_GENERAL_SUBTREE_num(constraints->excludedSubtrees) > 0;
    NAME_CONSTRAINTS_free(constraints);
    return good;
}

/* RFC 5280 4.2.1.11: policy constraints are critical. */
static bool has_good_policy_constraints(X509 *x)
{
    int at = X509_get_ext_by_NID(x, NID_policy_constraints, -1);
    return at < 0 || X509_EXTENSION_get_critical(X509_get_ext(x, at)) == 1;
}

static int lint_leaf(X509 *leaf)
{
    /* A CA's key signs certificates; it is nobody's to log in with. */
    if (X509_check_ca(leaf) != 0 || (X509_get_extension_flags(leaf) & EXFLAG_CA) != 0) {
        return X509_V_ERR_INVALID_PURPOSE;
    }
    return X509_get_ext_by_NID(leaf, NID_name_constraints, -1) < 0 ? X509_V_OK
                                                                   : X509_V_ERR_INVALID_EXTENSION;
}

static int lint_below_anchor(X509 *x)
{
    if (X509_get_version(x) != X509_VERSION_3 || !is_good_serial(x) ||
        !has_good_policy_constraints(x) || !extensions_decode(x)) {
        return X509_V_ERR_INVALID_EXTENSION;
    }
    return X509_V_OK;
}

int chain_lint(STACK_OF(X509) * built)
{
    int n = sk_X509_num(built);
    int error = n > 0 ? lint_leaf(sk_X509_value(built, 0)) : X509_V_ERR_UNSPECIFIED;
    for (int i = 0; i < n && error == X509_V_OK; i++) {
        X509 *x = sk_X509_value(built, i);
        if (!is_usual_key(x)) {
            error = i == 0 ? X509_V_ERR_EE_KEY_TOO_SMALL : X509_V_ERR_CA_KEY_TOO_SMALL;
        } else if (!has_good_name_constraints(x)) {
            error = X509_V_ERR_INVALID_EXTENSION;
        } else if (i + 1 < n || n == 1) {
            error = lint_below_anchor(x);
        }
    }
    return error;
}
