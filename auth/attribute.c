/* Owns: what counts as a readable attribute. Leaves to identity which attribute is asked for, and
 * what more a user-id must be. */
#include "auth/attribute.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/str.h"

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

/* Only what can stand in an address without being taken for two: no blanks, lists or brackets. */
static bool is_address(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~' || strchr(",;<>", s.p[i]) != NULL) {
            return false;
        }
    }
    return s.n > 0;
}

static struct str octets_of(const ASN1_STRING *s)
{
    int n = ASN1_STRING_length(s);
    return (struct str){(const char *)ASN1_STRING_get0_data(s), n > 0 ? (size_t)n : 0};
}

static enum reason take(struct attribute *out, struct str text)
{
    if (text.n == 0 || text.n > ATTRIBUTE_MAX || !str_is_utf8(text) || str_has_control(text)) {
        return REASON_CERT_IDENTITY_MALFORMED;
    }
    /* A field value loses its outer blanks on the way: "alice " would become "alice". */
    if (text.p[0] == ' ' || text.p[text.n - 1] == ' ') {
        return REASON_CERT_IDENTITY_MALFORMED;
    }
    memcpy(out->text, text.p, text.n);
    out->text[text.n] = '\0';
    out->n = text.n;
    return REASON_OK;
}

static enum reason take_email(struct attribute *out, const ASN1_STRING *value)
{
    int type = ASN1_STRING_type(value);
    struct str text = octets_of(value);
    if ((type != V_ASN1_IA5STRING && type != V_ASN1_UTF8STRING) || !is_address(text)) {
        return REASON_CERT_IDENTITY_MALFORMED;
    }
    return take(out, text);
}

/* Types of one octet a character hold ASCII or they are malformed: the library would take the upper
 * half for Latin-1, which only T61String half means. */
static bool is_decodable(const ASN1_STRING *value)
{
    switch (ASN1_STRING_type(value)) {
    case V_ASN1_UTF8STRING:
    case V_ASN1_BMPSTRING:
    case V_ASN1_UNIVERSALSTRING:
        return true;
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_T61STRING:
    case V_ASN1_VISIBLESTRING:
    case V_ASN1_NUMERICSTRING:
        return is_ascii(octets_of(value));
    default:
        return false;
    }
}

static enum reason take_text(struct attribute *out, const ASN1_STRING *value)
{
    unsigned char *utf8 = NULL;
    int n = is_decodable(value) ? ASN1_STRING_to_UTF8(&utf8, value) : -1;
    if (n < 0) {
        return REASON_CERT_IDENTITY_MALFORMED;
    }
    enum reason r = take(out, (struct str){(const char *)utf8, (size_t)n});
    OPENSSL_free(utf8);
    return r;
}

enum reason attribute_read(const X509_NAME *name, int nid, struct attribute *out)
{
    const ASN1_STRING *value = NULL;
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        if (OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != nid) {
            continue;
        }
        if (value != NULL) {
            return REASON_CERT_IDENTITY_REPEATED;
        }
        value = X509_NAME_ENTRY_get_data(entry);
    }
    if (value == NULL) {
        return REASON_CERT_IDENTITY_MISSING;
    }
    return nid == NID_pkcs9_emailAddress ? take_email(out, value) : take_text(out, value);
}

enum reason attribute_read_san(const GENERAL_NAMES *names, struct attribute *out)
{
    const ASN1_STRING *value = NULL;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_EMAIL) {
            continue;
        }
        if (value != NULL) {
            return REASON_CERT_IDENTITY_REPEATED;
        }
        value = name->d.rfc822Name;
    }
    return value != NULL ? take_email(out, value) : REASON_CERT_IDENTITY_MISSING;
}
