/* Owns: reading names, dates and digests out of one verified certificate. Leaves verifying to
 * trust, attributes to attribute, and comparing to pairing. Loop thread or command line. */
#include "auth/identity.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "auth/attribute.h"
#include "auth/revoke/asn1time.h"
#include "base/enc.h"
#include "base/mem.h"

#define NAME_MAX_N 4096 /* octets of a printed name, and of a name's DER */
#define SERIAL_MAX 64   /* octets of a serial number; RFC 5280 allows 20 */

/* Take what was read as the user-id if it may be one. */
static enum reason take_user(struct identity *id, enum reason read, const struct attribute *a)
{
    if (read != REASON_OK) {
        return read;
    }
    if (memchr(a->text, ':', a->n) != NULL) {
        return REASON_CERT_IDENTITY_MALFORMED;
    }
    char *copy = mem_dup(a->text, a->n);
    if (copy == NULL) {
        return REASON_OUT_OF_MEMORY;
    }
    id->user = (struct str){copy, a->n};
    return REASON_OK;
}

static enum reason user_of_subject(struct identity *id, X509 *leaf, int nid)
{
    struct attribute a;
    return take_user(id, attribute_read(X509_get_subject_name(leaf), nid, &a), &a);
}

static enum reason user_of_san(struct identity *id, X509 *leaf)
{
    int critical = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, &critical, NULL);
    if (names == NULL) {
        switch (critical) {
        case -1:
            return REASON_CERT_IDENTITY_MISSING;
        case -2:
            return REASON_CERT_IDENTITY_REPEATED;
        default:
            return REASON_CERT_IDENTITY_MALFORMED;
        }
    }
    struct attribute a;
    enum reason r = take_user(id, attribute_read_san(names, &a), &a);
    GENERAL_NAMES_free(names);
    return r;
}

static enum reason user_of(struct identity *id, X509 *leaf, enum conf_user_id from)
{
    switch (from) {
    case CONF_USER_ID_SUBJECT_CN:
        return user_of_subject(id, leaf, NID_commonName);
    case CONF_USER_ID_SUBJECT_EMAIL:
        return user_of_subject(id, leaf, NID_pkcs9_emailAddress);
    case CONF_USER_ID_SUBJECT_UID:
        return user_of_subject(id, leaf, NID_userId);
    case CONF_USER_ID_SAN_EMAIL:
        return user_of_san(id, leaf);
    }
    return REASON_CERT_IDENTITY_MISSING;
}

static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < ' ' || s.p[i] > '~') {
            return false;
        }
    }
    return true;
}

/* A space at the end of a field value gets lost on the way: an escaped one there is told by its
 * number (RFC 2253 2.4), as auth/headers/facts does. */
static enum reason copy_name(struct str text, struct str *out)
{
    bool blank = str_ends(text, STR("\\ "));
    size_t n = blank ? text.n + 1 : text.n;
    char *copy = mem_alloc(n + 1);
    if (copy == NULL) {
        return REASON_OUT_OF_MEMORY;
    }
    memcpy(copy, text.p, text.n);
    if (blank) {
        memcpy(copy + text.n - 1, "20", 2);
    }
    copy[n] = '\0';
    *out = (struct str){copy, n};
    return REASON_OK;
}

/* A name as RFC 2253 text, which escapes controls and all above ASCII. One that is too long is not
 * cut, because a cut name is another one. */
static enum reason take_name(const X509_NAME *name, struct str *out)
{
    const unsigned char *der = NULL;
    size_t der_n = 0;
    if (X509_NAME_get0_der(name, &der, &der_n) != 1 || der_n > NAME_MAX_N) {
        return REASON_CERT_IDENTITY_MALFORMED;
    }
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL) {
        return REASON_OUT_OF_MEMORY;
    }
    enum reason r = REASON_CERT_IDENTITY_MALFORMED;
    char *p = NULL;
    if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        long n = BIO_get_mem_data(bio, &p);
        /* An empty name has no memory. */
        struct str text = {n > 0 ? p : "", n > 0 ? (size_t)n : 0};
        if (text.n <= NAME_MAX_N && is_printable(text)) {
            r = copy_name(text, out);
        }
    }
    BIO_free(bio);
    return r;
}

static enum reason take_serial(struct identity *id, X509 *leaf)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);
    if (ASN1_STRING_length(serial) > SERIAL_MAX) {
        return REASON_CERT_IDENTITY_MALFORMED;
    }
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    BN_free(number);
    if (hex == NULL) {
        return REASON_OUT_OF_MEMORY;
    }
    /* BN_bn2hex() writes whole octets, but a lone "0" for nothing. */
    struct str text = strcmp(hex, "0") == 0 ? STR("00") : str_of(hex);
    char *copy = mem_dup(text.p, text.n);
    OPENSSL_free(hex);
    id->serial = (struct str){copy, copy != NULL ? text.n : 0};
    return copy != NULL ? REASON_OK : REASON_OUT_OF_MEMORY;
}

static enum reason take_dates(struct identity *id, X509 *leaf)
{
    int64_t from = 0;
    int64_t to = 0;
    if (!asn1time_seconds(X509_get0_notBefore(leaf), &from) ||
        !asn1time_seconds(X509_get0_notAfter(leaf), &to)) {
        return REASON_CERT_IDENTITY_MALFORMED;
    }
    id->not_before_ms = from * 1000;
    id->not_after_ms = to * 1000;
    return REASON_OK;
}

static enum reason take_digest(struct identity *id, X509 *leaf)
{
    unsigned n = 0;
    if (X509_digest(leaf, EVP_sha256(), id->digest, &n) != 1 || n != sizeof(id->digest)) {
        return REASON_OUT_OF_MEMORY;
    }
    enc_hex(id->digest, sizeof(id->digest), id->fingerprint);
    id->fingerprint[sizeof(id->fingerprint) - 1] = '\0';
    return REASON_OK;
}

static void drop_user(struct identity *id)
{
    mem_free((void *)(uintptr_t)id->user.p);
    id->user = STR_NONE;
}

struct identity *identity_new(X509 *leaf, const struct conf_identity *rule)
{
    struct identity *id = mem_calloc(1, sizeof(*id));
    if (id == NULL) {
        return NULL;
    }
    const enum reason found[] = {
        take_digest(id, leaf),
        take_dates(id, leaf),
        take_serial(id, leaf),
        take_name(X509_get_subject_name(leaf), &id->subject),
        take_name(X509_get_issuer_name(leaf), &id->issuer),
        user_of(id, leaf, rule->user_id),
    };
    ERR_clear_error();
    id->reason = REASON_OK;
    for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
        if (found[i] == REASON_OUT_OF_MEMORY) {
            identity_free(id);
            return NULL;
        }
        id->reason = id->reason == REASON_OK ? found[i] : id->reason;
    }
    if (id->reason != REASON_OK) {
        drop_user(id);
    }
    return id;
}

void identity_free(struct identity *id)
{
    if (id == NULL) {
        return;
    }
    drop_user(id);
    mem_free((void *)(uintptr_t)id->subject.p);
    mem_free((void *)(uintptr_t)id->issuer.p);
    mem_free((void *)(uintptr_t)id->serial.p);
    mem_free(id);
}
