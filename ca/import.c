/* Owns: what a certificate must be to be taken in. */
#include "ca/import.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "auth/attribute.h"
#include "auth/pairing.h"
#include "auth/revoke/asn1time.h"
#include "auth/revoke/deny.h"
#include "base/clock.h"
#include "base/enc.h"
#include "ca/armour.h"
#include "ca/people.h"

struct found {
    X509 *certificate;
    struct str der;
    struct attribute user;
    struct attribute company;
    char name[PAIRING_NAME_MAX]; /* the user's, normalised */
    size_t name_n;
    char serial[DENY_SERIAL_MAX + 1];
    unsigned char fingerprint[32];
    unsigned char spki[32];
    int64_t from_s;
    int64_t to_s;
};

static int check(const struct life *l, struct found *f, struct err *e)
{
    const struct ca_key *ca = l->key;
    if (X509_NAME_cmp(X509_get_issuer_name(f->certificate),
                      X509_get_subject_name(ca->certificate)) != 0 ||
        X509_verify(f->certificate, X509_get0_pubkey(ca->certificate)) != 1) {
        return err_set(e, ERR_DENIED, "this CA has not signed the certificate");
    }
    if (X509_check_ca(f->certificate) != 0) {
        return err_set(e, ERR_DENIED, "the certificate is a CA's, not a client's");
    }
    const X509_NAME *subject = X509_get_subject_name(f->certificate);
    if (attribute_read(subject, NID_commonName, &f->user) != REASON_OK) {
        return err_set(e, ERR_DENIED, "the certificate has not one readable common name");
    }
    enum reason company = attribute_read(subject, NID_organizationName, &f->company);
    if (company != REASON_OK) {
        f->company.n = 0;
        f->company.text[0] = '\0';
    }
    struct str user = str_of(f->user.text);
    f->name_n = 0;
    if (!pairing_normalise(user, life_rule(l), f->name, &f->name_n)) {
        return err_set(e, ERR_DENIED, "the certificate's common name is none that a user can have");
    }
    return people_company(l->people, user, str_of(f->company.text), e);
}

static int measure(struct found *f, struct err *e)
{
    unsigned n = 0;
    unsigned char *spki = NULL;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(f->certificate), &spki);
    bool ok = length > 0 &&
              enc_sha256((struct str){(const char *)spki, (size_t)length}, f->spki) == 0 &&
              X509_digest(f->certificate, EVP_sha256(), f->fingerprint, &n) == 1 &&
              deny_serial_of(f->certificate, f->serial) == 0 &&
              asn1time_seconds(X509_get0_notBefore(f->certificate), &f->from_s) &&
              asn1time_seconds(X509_get0_notAfter(f->certificate), &f->to_s);
    OPENSSL_free(spki);
    return ok ? 0 : err_set(e, ERR_MALFORMED, "the certificate's parts cannot be read");
}

static int insert(const struct life *l, const struct actor *who, struct str profile,
                  const struct found *f, const struct life_id *id, struct err *e)
{
    int64_t now_ms = clock_wall_ms();
    enum life_state state = f->to_s * 1000 > now_ms ? LIFE_ACTIVE : LIFE_EXPIRED;
    int rc = db_query(
        l->db,
        "INSERT INTO request (id, state, kind, profile, user, company, requester, origin, spki, "
        "filed_ms, decided_ms, approvals_needed) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, 0)",
        DB_VALUES(DB_TEXT(str_of(id->text)), DB_NUMBER(state), DB_NUMBER(LIFE_KIND_IMPORTED),
                  DB_TEXT(profile), DB_TEXT(((struct str){f->name, f->name_n})),
                  DB_TEXT(str_of(f->company.text)), DB_TEXT(who->name), DB_TEXT(who->origin),
                  DB_BLOB(((struct str){(const char *)f->spki, sizeof(f->spki)})),
                  DB_NUMBER(now_ms)),
        NULL, NULL, e);
    rc = rc == 0 ? db_query(l->db,
                            "INSERT INTO certificate (serial, request, der, fingerprint, "
                            "not_before_ms, not_after_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                            DB_VALUES(DB_TEXT(str_of(f->serial)), DB_TEXT(str_of(id->text)),
                                      DB_BLOB(f->der),
                                      DB_BLOB(((struct str){(const char *)f->fingerprint,
                                                            sizeof(f->fingerprint)})),
                                      DB_NUMBER(f->from_s * 1000), DB_NUMBER(f->to_s * 1000)),
                            NULL, NULL, e)
                 : rc;
    return rc == 0 ? audit_append(l->db, who, "certificate.imported", str_of(id->text),
                                  str_of(f->serial), e)
                   : rc;
}

static int import_found(const struct life *l, const struct actor *who, struct str profile,
                        struct found *f, struct life_id *id, struct err *e)
{
    struct err mine = {0};
    int rc = check(l, f, e);
    rc = rc == 0 ? measure(f, e) : rc;
    rc = rc == 0 ? life_new_id(id, e) : rc;
    rc = rc == 0 ? db_begin(l->db, e) : rc;
    if (rc != 0) {
        return rc;
    }
    rc = db_end(l->db, insert(l, who, profile, f, id, &mine), &mine);
    if (rc == -ERR_EXISTS) {
        return err_set(e, ERR_EXISTS, "the certificate is here already");
    }
    return rc == 0 ? 0 : err_set(e, mine.code, "%s", mine.text);
}

int import(const struct life *l, const struct actor *who, struct str profile, struct str octets,
           struct life_id *id, struct err *e)
{
    static const struct armour_kind kind = {"certificate", {PEM_STRING_X509, PEM_STRING_X509_OLD}};
    struct found f = {.certificate = NULL};
    unsigned char *der = NULL;
    size_t n = 0;
    if (life_profile(l, profile) == NULL) {
        return err_set(e, ERR_MALFORMED, "there is no profile \"%.*s\"", STR_ARG(profile));
    }
    int rc = armour_open(octets, &kind, &der, &n, e);
    const unsigned char *p = der;
    if (rc == 0) {
        f.certificate = d2i_X509(NULL, &p, (long)n);
        f.der = (struct str){(const char *)der, n};
        rc = f.certificate != NULL && p == der + n
                 ? import_found(l, who, profile, &f, id, e)
                 : err_set(e, ERR_MALFORMED, "the certificate cannot be read");
    }
    ERR_clear_error();
    X509_free(f.certificate);
    OPENSSL_free(der);
    return rc;
}
