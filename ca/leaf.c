/* Owns: what a client's certificate looks like. Leaves who may have one to life. */
#include "ca/leaf.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "auth/revoke/asn1time.h"
#include "ca/lint.h"

#define DAY_S INT64_C(86400)

static int library(struct err *e)
{
    ERR_clear_error();
    return err_set(e, ERR_CRYPTO, "the library cannot build the certificate");
}

int leaf_serial(unsigned char serial[LEAF_SERIAL_OCTETS])
{
    if (RAND_bytes(serial, LEAF_SERIAL_OCTETS) != 1) {
        return -ERR_CRYPTO;
    }
    /* Positive, and always of the full length, so that no two print alike. */
    serial[0] = (unsigned char)((serial[0] & 0x3fU) | 0x40U);
    return 0;
}

static bool set_serial(X509 *x, const unsigned char serial[LEAF_SERIAL_OCTETS])
{
    BIGNUM *number = BN_bin2bn(serial, LEAF_SERIAL_OCTETS, NULL);
    bool ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;
    BN_free(number);
    return ok;
}

static bool add_text(X509_NAME *name, int nid, struct str text)
{
    return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)text.p,
                                      (int)text.n, -1, 0) == 1;
}

static bool set_subject(X509 *x, const struct leaf_wish *w)
{
    X509_NAME *name = X509_get_subject_name(x);
    return (w->company.n == 0 || add_text(name, NID_organizationName, w->company)) &&
           add_text(name, NID_commonName, w->user);
}

/* From a little before now, but within the CA's own time. */
static int set_dates(X509 *x, const struct ca_key *ca, const struct leaf_wish *w, struct err *e)
{
    int64_t ca_from_s = 0;
    int64_t ca_to_s = 0;
    if (!asn1time_seconds(X509_get0_notBefore(ca->certificate), &ca_from_s) ||
        !asn1time_seconds(X509_get0_notAfter(ca->certificate), &ca_to_s)) {
        return library(e);
    }
    int64_t now_s = w->now_ms / 1000;
    int64_t from_s = now_s - LEAF_BACKDATE_MS / 1000;
    int64_t to_s = now_s + (int64_t)w->life_days * DAY_S;
    if (now_s < ca_from_s || now_s >= ca_to_s) {
        return err_set(e, ERR_DENIED, "the CA's own certificate is not in its time");
    }
    from_s = from_s < ca_from_s ? ca_from_s : from_s;
    to_s = to_s > ca_to_s ? ca_to_s : to_s;
    return ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from_s) != NULL &&
                   ASN1_TIME_set(X509_getm_notAfter(x), (time_t)to_s) != NULL
               ? 0
               : library(e);
}

/* value: in the syntax of x509v3_config(5), never a text from outside. */
static bool add_extension(X509 *x, const struct ca_key *ca, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, ca->certificate, x, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool ok = extension != NULL && X509_add_ext(x, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static GENERAL_NAME *general_name(int type, struct str text)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();
    if (name == NULL || value == NULL || ASN1_STRING_set(value, text.p, (int)text.n) != 1) {
        GENERAL_NAME_free(name);
        ASN1_IA5STRING_free(value);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, type, value);
    return name;
}

/* A list of one name; the caller's. */
static GENERAL_NAMES *general_names(int type, struct str text)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = general_name(type, text);
    if (names == NULL || name == NULL || sk_GENERAL_NAME_push(names, name) <= 0) {
        GENERAL_NAMES_free(names);
        GENERAL_NAME_free(name);
        return NULL;
    }
    return names;
}

static bool add_email(X509 *x, struct str email)
{
    GENERAL_NAMES *names = general_names(GEN_EMAIL, email);
    bool ok = names != NULL &&
              X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(names);
    return ok;
}

static bool add_crl_url(X509 *x, struct str url)
{
    CRL_DIST_POINTS *points = CRL_DIST_POINTS_new();
    DIST_POINT *point = DIST_POINT_new();
    DIST_POINT_NAME *name = DIST_POINT_NAME_new();
    GENERAL_NAMES *names = general_names(GEN_URI, url);
    bool ok = points != NULL && point != NULL && name != NULL && names != NULL;
    if (ok) {
        name->type = 0;
        name->name.fullname = names;
        point->distpoint = name;
        ok = sk_DIST_POINT_push(points, point) > 0;
        names = NULL;
        name = NULL;
        if (ok) {
            point = NULL;
            ok = X509_add1_ext_i2d(x, NID_crl_distribution_points, points, 0, X509V3_ADD_DEFAULT) ==
                 1;
        }
    }
    GENERAL_NAMES_free(names);
    DIST_POINT_NAME_free(name);
    DIST_POINT_free(point);
    CRL_DIST_POINTS_free(points);
    return ok;
}

static bool add_ocsp_url(X509 *x, struct str url)
{
    AUTHORITY_INFO_ACCESS *access = AUTHORITY_INFO_ACCESS_new();
    ACCESS_DESCRIPTION *description = ACCESS_DESCRIPTION_new();
    GENERAL_NAME *location = general_name(GEN_URI, url);
    bool ok = access != NULL && description != NULL && location != NULL;
    if (ok) {
        GENERAL_NAME_free(description->location);
        description->location = location;
        location = NULL;
        ASN1_OBJECT_free(description->method);
        description->method = OBJ_nid2obj(NID_ad_OCSP);
        ok = sk_ACCESS_DESCRIPTION_push(access, description) > 0;
        if (ok) {
            description = NULL;
            ok = X509_add1_ext_i2d(x, NID_info_access, access, 0, X509V3_ADD_DEFAULT) == 1;
        }
    }
    GENERAL_NAME_free(location);
    ACCESS_DESCRIPTION_free(description);
    AUTHORITY_INFO_ACCESS_free(access);
    return ok;
}

static bool set_extensions(X509 *x, const struct ca_key *ca, const struct leaf_wish *w)
{
    const char *usage = EVP_PKEY_is_a(w->key, "RSA") ? "critical,digitalSignature,keyEncipherment"
                                                     : "critical,digitalSignature";
    struct str email = w->email.n > 0 ? w->email : w->user;
    return add_extension(x, ca, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, ca, NID_key_usage, usage) &&
           add_extension(x, ca, NID_ext_key_usage, "clientAuth") &&
           add_extension(x, ca, NID_subject_key_identifier, "hash") &&
           add_extension(x, ca, NID_authority_key_identifier, "keyid:always") &&
           (str_chr(email, '@') == STR_NPOS || add_email(x, email)) &&
           (w->crl_url.n == 0 || add_crl_url(x, w->crl_url)) &&
           (w->ocsp_url.n == 0 || add_ocsp_url(x, w->ocsp_url));
}

/* Ed25519 hashes by itself; P-384 deserves its own strength. */
static const EVP_MD *digest_for(const EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "ED25519")) {
        return NULL;
    }
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
}

static int build(X509 *x, const struct ca_key *ca, const struct leaf_wish *w, struct err *e)
{
    if (X509_set_version(x, X509_VERSION_3) != 1 || !set_serial(x, w->serial) ||
        X509_set_issuer_name(x, X509_get_subject_name(ca->certificate)) != 1 ||
        !set_subject(x, w) || X509_set_pubkey(x, w->key) != 1) {
        return library(e);
    }
    int rc = set_dates(x, ca, w, e);
    if (rc != 0) {
        return rc;
    }
    return set_extensions(x, ca, w) && X509_sign(x, ca->key, digest_for(ca->key)) > 0 ? 0
                                                                                      : library(e);
}

int leaf_sign(const struct ca_key *ca, const struct leaf_wish *w, X509 **out, struct err *e)
{
    X509 *x = X509_new();
    int rc = x != NULL ? build(x, ca, w, e) : err_set(e, ERR_NOMEM, "out of memory");
    if (rc == 0) {
        rc = lint_leaf(ca, x, e);
    }
    if (rc != 0) {
        X509_free(x);
        x = NULL;
    }
    *out = x;
    return rc;
}
