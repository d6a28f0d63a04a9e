/* Owns: taking a certificate apart for headers. Not: who it names (auth/identity), whether it is
 * good (auth/trust), how values are written (render). Loop thread or command line. */
#include "auth/headers/facts.h"

#include <limits.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/enc.h"
#include "base/err.h"

#define NAME_MAX_N 4096 /* octets of a name's DER and of its text */
#define SERIAL_MAX 64   /* octets of a serial number */

static int take_der(X509 *x, struct arena *a, struct str *out)
{
    int n = i2d_X509(x, NULL);
    unsigned char *der = n > 0 ? arena_alloc(a, (size_t)n) : NULL;
    if (der == NULL) {
        return -ERR_NOMEM;
    }
    *out = (struct str){(const char *)der, (size_t)n};
    return i2d_X509(x, &der) == n ? 0 : -ERR_NOMEM;
}

static int take_chain(struct facts *f, X509 *leaf, STACK_OF(X509) * chain, struct arena *a)
{
    int n = chain != NULL ? sk_X509_num(chain) : 0;
    f->chain = arena_alloc(a, (size_t)(n > 0 ? n : 1) * sizeof(*f->chain));
    int rc = f->chain != NULL ? 0 : -ERR_NOMEM;
    for (int i = 0; i < n && rc == 0; i++) {
        X509 *x = sk_X509_value(chain, i);
        if (i > 0 || X509_cmp(x, leaf) != 0) {
            rc = take_der(x, a, &f->chain[f->chain_count]);
            f->chain_count += rc == 0 ? 1 : 0;
        }
    }
    return rc;
}

static struct str octets_of(const ASN1_STRING *s)
{
    int n = ASN1_STRING_length(s);
    return (struct str){(const char *)ASN1_STRING_get0_data(s), n > 0 ? (size_t)n : 0};
}

static bool is_text(int type)
{
    return type == V_ASN1_UTF8STRING || type == V_ASN1_PRINTABLESTRING ||
           type == V_ASN1_IA5STRING || type == V_ASN1_BMPSTRING || type == V_ASN1_UNIVERSALSTRING ||
           type == V_ASN1_T61STRING || type == V_ASN1_VISIBLESTRING || type == V_ASN1_NUMERICSTRING;
}

static int take_value(const ASN1_STRING *value, struct arena *a, struct str *out)
{
    unsigned char *utf8 = NULL;
    int n = is_text(ASN1_STRING_type(value)) ? ASN1_STRING_to_UTF8(&utf8, value) : -1;
    struct str text = {(const char *)utf8, n > 0 ? (size_t)n : 0};
    if (n < 0 || !str_is_utf8(text)) {
        OPENSSL_free(utf8);
        *out = STR_NONE; /* any text for it could be that of another value */
        return 0;
    }
    *out = arena_dup(a, text);
    OPENSSL_free(utf8);
    return out->p != NULL ? 0 : -ERR_NOMEM;
}

static int take_text(const X509_NAME *name, struct arena *a, struct str *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL) {
        return -ERR_NOMEM;
    }
    int rc = -ERR_MALFORMED;
    char *p = NULL;
    if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        long n = BIO_get_mem_data(bio, &p);
        struct str text = {p, n > 0 ? (size_t)n : 0};
        if (text.n <= NAME_MAX_N && !str_has_control(text)) {
            /* A space at the end of a field value gets lost on the way. */
            bool blank = str_ends(text, STR("\\ "));
            *out = blank ? arena_printf(a, "%.*s20", (int)text.n - 1, text.p) : arena_dup(a, text);
            rc = out->p != NULL ? 0 : -ERR_NOMEM;
        }
    }
    BIO_free(bio);
    return rc;
}

static int take_name(const X509_NAME *name, struct arena *a, struct facts_name *out)
{
    const unsigned char *der = NULL;
    size_t der_n = 0;
    if (X509_NAME_get0_der(name, &der, &der_n) != 1 || der_n > NAME_MAX_N) {
        return -ERR_MALFORMED;
    }
    int n = X509_NAME_entry_count(name);
    out->v = arena_alloc(a, (size_t)(n > 0 ? n : 1) * sizeof(*out->v));
    int rc = out->v != NULL ? take_text(name, a, &out->text) : -ERR_NOMEM;
    for (int i = 0; i < n && rc == 0; i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        struct facts_attribute *to = &out->v[out->n];
        to->type = X509_NAME_ENTRY_get_object(entry);
        rc = take_value(X509_NAME_ENTRY_get_data(entry), a, &to->value);
        out->n += rc == 0 ? 1 : 0;
    }
    return rc;
}

static int take_address(const ASN1_OCTET_STRING *octets, struct arena *a, struct str *out)
{
    struct str s = octets_of(octets);
    const unsigned char *p = (const unsigned char *)s.p;
    if (s.n == 4) {
        *out = arena_printf(a, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
        return out->p != NULL ? 0 : -ERR_NOMEM;
    }
    if (s.n != 16) {
        return -ERR_MALFORMED;
    }
    char text[8 * 5 + 1];
    size_t at = 0;
    for (size_t i = 0; i < 16; i += 2) {
        enc_hex(p + i, 2, text + at);
        at += 4;
        text[at++] = ':';
    }
    *out = arena_dup(a, (struct str){text, at - 1});
    return out->p != NULL ? 0 : -ERR_NOMEM;
}

/* Other kinds of names are left out. */
static int take_san(struct facts *f, const GENERAL_NAME *name, struct arena *a)
{
    struct facts_san *to = &f->sans[f->san_count];
    const ASN1_STRING *text = NULL;
    switch (name->type) {
    case GEN_DNS:
        to->kind = FACTS_SAN_DNS;
        text = name->d.dNSName;
        break;
    case GEN_EMAIL:
        to->kind = FACTS_SAN_EMAIL;
        text = name->d.rfc822Name;
        break;
    case GEN_URI:
        to->kind = FACTS_SAN_URI;
        text = name->d.uniformResourceIdentifier;
        break;
    case GEN_IPADD: {
        to->kind = FACTS_SAN_IP;
        int rc = take_address(name->d.iPAddress, a, &to->value);
        f->san_count += rc == 0 ? 1 : 0;
        return rc == -ERR_NOMEM ? rc : 0;
    }
    default:
        return 0;
    }
    to->value = arena_dup(a, octets_of(text));
    f->san_count++;
    return to->value.p != NULL ? 0 : -ERR_NOMEM;
}

static int take_sans(struct facts *f, X509 *leaf, struct arena *a)
{
    int critical = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, &critical, NULL);
    if (names == NULL) {
        return critical == -1 ? 0 : -ERR_MALFORMED;
    }
    int n = sk_GENERAL_NAME_num(names);
    f->sans = arena_alloc(a, (size_t)(n > 0 ? n : 1) * sizeof(*f->sans));
    int rc = f->sans != NULL ? 0 : -ERR_NOMEM;
    for (int i = 0; i < n && rc == 0; i++) {
        rc = take_san(f, sk_GENERAL_NAME_value(names, i), a);
    }
    GENERAL_NAMES_free(names);
    return rc;
}

static int take_number(char *text, struct arena *a, struct str *out)
{
    if (text != NULL) {
        *out = arena_dup(a, str_of(text));
    }
    OPENSSL_free(text);
    return out->p != NULL ? 0 : -ERR_NOMEM;
}

static int take_serial(struct facts *f, X509 *leaf, struct arena *a)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);
    if (ASN1_STRING_length(serial) > SERIAL_MAX) {
        return -ERR_MALFORMED;
    }
    BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    int rc = number != NULL ? take_number(BN_bn2hex(number), a, &f->serial) : -ERR_NOMEM;
    rc = rc == 0 ? take_number(BN_bn2dec(number), a, &f->serial_decimal) : rc;
    BN_free(number);
    if (rc == 0 && str_eq(f->serial, STR("0"))) {
        f->serial = STR("00");
    }
    return rc;
}

static int take_digest(X509 *leaf, const EVP_MD *kind, struct arena *a, struct str *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    char *p = arena_alloc(a, 2 * sizeof(digest));
    if (p == NULL || X509_digest(leaf, kind, digest, &n) != 1) {
        return -ERR_NOMEM;
    }
    enc_hex(digest, n, p);
    *out = (struct str){p, 2 * (size_t)n};
    return 0;
}

static int take_date(const ASN1_TIME *t, int64_t *out)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(t, &tm) != 1) {
        return -ERR_MALFORMED;
    }
    *out = (int64_t)timegm(&tm);
    return 0;
}

int facts_read(struct facts *f, X509 *leaf, STACK_OF(X509) * chain, struct arena *a)
{
    *f = (struct facts){.san_count = 0};
    int rc = take_der(leaf, a, &f->der);
    rc = rc == 0 ? take_chain(f, leaf, chain, a) : rc;
    rc = rc == 0 ? take_name(X509_get_subject_name(leaf), a, &f->subject) : rc;
    rc = rc == 0 ? take_name(X509_get_issuer_name(leaf), a, &f->issuer) : rc;
    rc = rc == 0 ? take_sans(f, leaf, a) : rc;
    rc = rc == 0 ? take_serial(f, leaf, a) : rc;
    rc = rc == 0 ? take_digest(leaf, EVP_sha1(), a, &f->sha1) : rc;
    rc = rc == 0 ? take_digest(leaf, EVP_sha256(), a, &f->sha256) : rc;
    rc = rc == 0 ? take_date(X509_get0_notBefore(leaf), &f->not_before_s) : rc;
    rc = rc == 0 ? take_date(X509_get0_notAfter(leaf), &f->not_after_s) : rc;
    ERR_clear_error();
    return rc;
}

size_t facts_count(const struct facts_name *name, const ASN1_OBJECT *type, struct str *first)
{
    size_t n = 0;
    *first = STR_NONE;
    for (size_t i = 0; i < name->n; i++) {
        if (OBJ_cmp(name->v[i].type, type) == 0) {
            *first = n == 0 ? name->v[i].value : *first;
            n++;
        }
    }
    return n;
}
