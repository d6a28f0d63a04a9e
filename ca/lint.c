/* Owns: what is looked at in a certificate before it goes out. It trusts nothing that the builder
 * says: it reads the finished certificate. */
#include "ca/lint.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "auth/attribute.h"
#include "auth/revoke/asn1time.h"
#include "ca/library.h"

#define SERIAL_OCTETS_MIN 8
#define SERIAL_OCTETS_MAX 20

static const char *serial_fault(const X509 *x)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
    const unsigned char *p = ASN1_STRING_get0_data(serial);
    int n = ASN1_STRING_length(serial);
    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER) {
        return "its serial number is negative";
    }
    if (n < SERIAL_OCTETS_MIN || n > SERIAL_OCTETS_MAX ||
        (n == SERIAL_OCTETS_MAX && (p[0] & 0x80) != 0)) {
        return "its serial number has not 64 to 159 bits";
    }
    for (int i = 1; i < n; i++) {
        if (p[i] != p[0]) {
            return NULL;
        }
    }
    return "its serial number is not random";
}

static const char *date_fault(const struct ca_key *ca, const X509 *x)
{
    int64_t from = 0;
    int64_t to = 0;
    int64_t ca_from = 0;
    int64_t ca_to = 0;
    if (!asn1time_seconds(X509_get0_notBefore(x), &from) ||
        !asn1time_seconds(X509_get0_notAfter(x), &to) ||
        !asn1time_seconds(X509_get0_notBefore(ca->certificate), &ca_from) ||
        !asn1time_seconds(X509_get0_notAfter(ca->certificate), &ca_to)) {
        return "its dates cannot be read";
    }
    if (from >= to) {
        return "it ends before it begins";
    }
    return from < ca_from || to > ca_to ? "it is good outside the CA's time" : NULL;
}

static const char *repeated_fault(const X509 *x)
{
    int n = X509_get_ext_count(x);
    for (int i = 0; i < n; i++) {
        const ASN1_OBJECT *object = X509_EXTENSION_get_object(X509_get_ext(x, i));
        if (X509_get_ext_by_OBJ(x, object, i) >= 0) {
            return "it has an extension twice";
        }
    }
    return NULL;
}

static const char *usage_fault(X509 *x)
{
    uint32_t flags = X509_get_extension_flags(x);
    uint32_t allowed = KU_DIGITAL_SIGNATURE |
                       (EVP_PKEY_is_a(X509_get0_pubkey(x), "RSA") ? KU_KEY_ENCIPHERMENT : 0U);
    if ((flags & EXFLAG_INVALID) != 0) {
        return "it has an extension that cannot be read";
    }
    if ((flags & EXFLAG_BCONS) == 0 || (flags & EXFLAG_CA) != 0) {
        return "it does not say CA:FALSE";
    }
    if ((flags & EXFLAG_KUSAGE) == 0 || (X509_get_key_usage(x) & ~allowed) != 0 ||
        (X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE) == 0) {
        return "its keyUsage is not digitalSignature";
    }
    return (flags & EXFLAG_XKUSAGE) == 0 || X509_get_extended_key_usage(x) != XKU_SSL_CLIENT
               ? "its extendedKeyUsage is not clientAuth alone"
               : NULL;
}

/* The text of the one name of names if it is a mailbox beyond ASCII (RFC 9598). */
static struct str mailbox_of(const GENERAL_NAMES *names)
{
    ASN1_OBJECT *kind = NULL;
    ASN1_TYPE *value = NULL;
    const GENERAL_NAME *name =
        sk_GENERAL_NAME_num(names) == 1 ? sk_GENERAL_NAME_value(names, 0) : NULL;
    if (name == NULL || name->type != GEN_OTHERNAME ||
        GENERAL_NAME_get0_otherName(name, &kind, &value) != 1 ||
        OBJ_obj2nid(kind) != NID_id_on_SmtpUTF8Mailbox || value->type != V_ASN1_UTF8STRING) {
        return STR_NONE;
    }
    const ASN1_STRING *text = value->value.utf8string;
    return (struct str){(const char *)ASN1_STRING_get0_data(text),
                        (size_t)ASN1_STRING_length(text)};
}

static const char *san_fault(const GENERAL_NAMES *names, const struct attribute *user)
{
    struct attribute email;
    struct str name = {user->text, user->n};
    bool is_email = attribute_read_san(names, &email) == REASON_OK;
    if (sk_GENERAL_NAME_num(names) > 1) {
        return "its subjectAltName has more than one name";
    }
    if (memchr(name.p, '@', name.n) == NULL) {
        return names == NULL || is_email ? NULL : "its subjectAltName is no e-mail";
    }
    if (!is_email && !str_eq(mailbox_of(names), name)) {
        return "its subjectAltName lacks the e-mail";
    }
    return is_email && !str_eq((struct str){email.text, email.n}, name)
               ? "its subjectAltName has another e-mail than its subject"
               : NULL;
}

/* The e-mail that the common name is must stand in the SAN too (RFC 5280 4.1.2.6). */
static const char *name_fault(X509 *x)
{
    struct attribute user;
    if (attribute_read(X509_get_subject_name(x), NID_commonName, &user) != REASON_OK) {
        return "its subject has not one readable common name";
    }
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    const char *fault = san_fault(names, &user);
    GENERAL_NAMES_free(names);
    return fault;
}

/* A client with the CA's own key would be the CA. */
static const char *key_fault(const struct ca_key *ca, X509 *x)
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    bool own = key == NULL || EVP_PKEY_eq(key, X509_get0_pubkey(ca->certificate)) == 1;
    for (int i = 0; !own && i < sk_X509_num(ca->chain); i++) {
        own = EVP_PKEY_eq(key, X509_get0_pubkey(sk_X509_value(ca->chain, i))) == 1;
    }
    return own ? "its key is a CA's" : NULL;
}

/* Name constraints of the CA and of those above it (RFC 5280 4.2.1.10). */
static const char *constraint_fault(const struct ca_key *ca, X509 *x)
{
    const char *fault = NULL;
    int n = ca->chain != NULL ? sk_X509_num(ca->chain) : 0;
    for (int i = -1; i < n && fault == NULL; i++) {
        X509 *issuer = i < 0 ? ca->certificate : sk_X509_value(ca->chain, i);
        int critical = 0;
        NAME_CONSTRAINTS *c = X509_get_ext_d2i(issuer, NID_name_constraints, &critical, NULL);
        if (c != NULL ? NAME_CONSTRAINTS_check(x, c) != X509_V_OK : critical != -1) {
            fault = "its name is outside the name constraints of the CA";
        }
        NAME_CONSTRAINTS_free(c);
    }
    return fault;
}

static const char *signature_fault(const struct ca_key *ca, X509 *x)
{
    if (X509_get_version(x) != X509_VERSION_3) {
        return "it is not of version 3";
    }
    if (X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(ca->certificate)) != 0) {
        return "its issuer is not this CA";
    }
    return X509_verify(x, X509_get0_pubkey(ca->certificate)) == 1 ? NULL
                                                                  : "it is not signed by this CA";
}

int lint_leaf(const struct ca_key *ca, X509 *leaf, struct err *e)
{
    const char *const faults[] = {
        signature_fault(ca, leaf), key_fault(ca, leaf),        serial_fault(leaf),
        date_fault(ca, leaf),      repeated_fault(leaf),       usage_fault(leaf),
        name_fault(leaf),          constraint_fault(ca, leaf),
    };
    struct err mine = {0};
    int rc = 0;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]) && rc == 0; i++) {
        if (faults[i] != NULL) {
            rc = err_set(&mine, ERR_DENIED, "the certificate must not go out: %s", faults[i]);
        }
    }
    return library_judge(rc, &mine, e);
}
