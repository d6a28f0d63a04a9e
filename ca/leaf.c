/* Owns: what a client's certificate looks like. Leaves who may have one to life. */
#include "ca/leaf.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "ca/certificate.h"
#include "ca/lint.h"

#define DAY_S INT64_C(86400)

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

/* RFC 9598: a mailbox with letters beyond ASCII before the @. */
static GENERAL_NAME *mailbox_name(struct str text)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_TYPE *value = ASN1_TYPE_new();
    ASN1_UTF8STRING *utf8 = ASN1_UTF8STRING_new();
    bool ok = name != NULL && value != NULL && utf8 != NULL &&
              ASN1_STRING_set(utf8, text.p, (int)text.n) == 1;
    if (ok) {
        ASN1_TYPE_set(value, V_ASN1_UTF8STRING, utf8);
        utf8 = NULL;
        ok = GENERAL_NAME_set0_othername(name, OBJ_nid2obj(NID_id_on_SmtpUTF8Mailbox), value) == 1;
        value = ok ? NULL : value;
    }
    ASN1_UTF8STRING_free(utf8);
    ASN1_TYPE_free(value);
    if (!ok) {
        GENERAL_NAME_free(name);
        name = NULL;
    }
    return name;
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

/* A list of one name; the caller's. */
static GENERAL_NAMES *general_names(int type, struct str text)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name =
        type == GEN_EMAIL && !is_ascii(text) ? mailbox_name(text) : general_name(type, text);
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
    return certificate_add_extension(x, ca->certificate, NID_basic_constraints,
                                     "critical,CA:FALSE") &&
           certificate_add_extension(x, ca->certificate, NID_key_usage, usage) &&
           certificate_add_extension(x, ca->certificate, NID_ext_key_usage, "clientAuth") &&
           certificate_add_extension(x, ca->certificate, NID_subject_key_identifier, "hash") &&
           certificate_add_authority(x, NULL, ca->certificate) &&
           (str_chr(email, '@') == STR_NPOS || add_email(x, email)) &&
           (w->crl_url.n == 0 || add_crl_url(x, w->crl_url)) &&
           (w->ocsp_url.n == 0 || add_ocsp_url(x, w->ocsp_url));
}

static int build(X509 *x, const struct ca_key *ca, const struct leaf_wish *w, struct err *e)
{
    int64_t now_s = w->now_ms / 1000;
    struct certificate_time time = {now_s, now_s - LEAF_BACKDATE_S,
                                    now_s + (int64_t)w->life_days * DAY_S};
    if (X509_set_version(x, X509_VERSION_3) != 1 || !certificate_set_serial(x, w->serial) ||
        !certificate_set_subject(x, w->company, w->user) ||
        X509_set_issuer_name(x, X509_get_subject_name(ca->certificate)) != 1 ||
        X509_set_pubkey(x, w->key) != 1) {
        return certificate_failed(e, "a certificate of this name");
    }
    int rc = certificate_set_time(x, ca->certificate, &time, e);
    if (rc != 0) {
        return rc;
    }
    return set_extensions(x, ca, w) && certificate_sign(x, ca->key)
               ? 0
               : certificate_failed(e, "a certificate");
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
