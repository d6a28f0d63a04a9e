/* Owns: the walk over the octets of a CRL. Leaves names, dates, extensions of the whole CRL and the
 * signature's algorithm to OpenSSL, and what the answers mean to crl.c. Any thread. */
#include "auth/revoke/crl_der.h"

#include <openssl/asn1t.h>

#include "auth/revoke/der.h"
#include "base/mem.h"

/* Content of the object identifiers 2.5.29.21 and .29. */
static const unsigned char oid_reason[] = {0x55, 0x1d, 0x15};
static const unsigned char oid_certificate_issuer[] = {0x55, 0x1d, 0x1d};

struct outer {
    struct der list;      /* CertificateList */
    struct der tbs;       /* TBSCertList */
    struct der algorithm; /* signatureAlgorithm */
    struct der signature;
    struct str before; /* of the TBS's content: up to revokedCertificates */
    struct der entries;
    struct str after; /* and behind it */
};

static bool take_time(struct str *rest)
{
    struct der time;
    return der_take(rest, DER_UTC_TIME, &time) || der_take(rest, DER_GENERALIZED_TIME, &time);
}

/* TBSCertList ::= SEQUENCE { version INTEGER OPTIONAL, signature AlgorithmIdentifier, issuer Name,
 * thisUpdate Time, nextUpdate Time OPTIONAL, revokedCertificates SEQUENCE OPTIONAL, crlExtensions
 * [0] OPTIONAL } */
static bool read_tbs(struct outer *o)
{
    struct str rest = o->tbs.body;
    struct der version;
    struct der algorithm;
    struct der issuer;
    struct der extensions;
    (void)der_take(&rest, DER_INTEGER, &version);
    if (!der_take(&rest, DER_SEQUENCE, &algorithm) || !der_take(&rest, DER_SEQUENCE, &issuer) ||
        !take_time(&rest)) {
        return false;
    }
    (void)take_time(&rest);
    o->before = (struct str){o->tbs.body.p, (size_t)(rest.p - o->tbs.body.p)};
    o->entries = (struct der){.body = {rest.p, 0}, .whole = {rest.p, 0}};
    (void)der_take(&rest, DER_SEQUENCE, &o->entries);
    o->after = rest;
    if (rest.n > 0 && (!der_take(&rest, DER_CONTEXT_0, &extensions) || rest.n > 0)) {
        return false;
    }
    return str_eq(algorithm.whole, o->algorithm.whole);
}

static bool read_outer(struct str der, struct outer *o)
{
    struct str in;
    if (!der_take(&der, DER_SEQUENCE, &o->list) || der.n > 0) {
        return false;
    }
    in = o->list.body;
    return der_take(&in, DER_SEQUENCE, &o->tbs) && der_take(&in, DER_SEQUENCE, &o->algorithm) &&
           der_take(&in, DER_BIT_STRING, &o->signature) && in.n == 0 && read_tbs(o);
}

static unsigned char *put(unsigned char *at, const void *p, size_t n)
{
    if (n > 0) {
        memcpy(at, p, n);
    }
    return at + n;
}

/* The same CRL without its entries, as OpenSSL's object. */
static int make_frame(const struct outer *o, X509_CRL **frame, struct err *e)
{
    unsigned char list[DER_HEADER_MAX];
    unsigned char tbs[DER_HEADER_MAX];
    size_t tbs_body = o->before.n + o->after.n;
    size_t tbs_head = der_header(DER_SEQUENCE, tbs_body, tbs);
    size_t list_body = tbs_head + tbs_body + o->algorithm.whole.n + o->signature.whole.n;
    size_t list_head = der_header(DER_SEQUENCE, list_body, list);
    unsigned char *octets = mem_alloc(list_head + list_body);
    if (octets == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    unsigned char *at = put(octets, list, list_head);
    at = put(at, tbs, tbs_head);
    at = put(at, o->before.p, o->before.n);
    at = put(at, o->after.p, o->after.n);
    at = put(at, o->algorithm.whole.p, o->algorithm.whole.n);
    at = put(at, o->signature.whole.p, o->signature.whole.n);
    const unsigned char *p = octets;
    *frame = d2i_X509_CRL(NULL, &p, (long)(at - octets));
    bool whole = *frame != NULL && p == at;
    mem_free(octets);
    return whole ? 0 : err_set(e, ERR_MALFORMED, "not a CRL, or a damaged one");
}

int crl_der_open(struct str der, struct crl_der *out, struct err *e)
{
    struct outer o;
    *out = (struct crl_der){0};
    if (der.n > INT32_MAX || !read_outer(der, &o)) {
        return err_set(e, ERR_MALFORMED, "not a CRL, or a damaged one");
    }
    int rc = make_frame(&o, &out->frame, e);
    if (rc != 0) {
        crl_der_close(out);
        return rc;
    }
    out->tbs = o.tbs.whole;
    out->entries = o.entries.body;
    return 0;
}

void crl_der_close(struct crl_der *c)
{
    X509_CRL_free(c->frame);
    *c = (struct crl_der){0};
}

bool crl_der_is_signed(const struct crl_der *c, EVP_PKEY *key)
{
    const ASN1_BIT_STRING *signature = NULL;
    const X509_ALGOR *algorithm = NULL;
    X509_CRL_get0_signature(c->frame, &signature, &algorithm);
    /* Octets that are encoded already: they go into the digest as they are, whatever the algorithm
     * and its parameters. */
    ASN1_STRING octets = {.length = (int)c->tbs.n,
                          .type = V_ASN1_SEQUENCE,
                          .data = (unsigned char *)(uintptr_t)c->tbs.p};
    ASN1_TYPE any = {.type = V_ASN1_SEQUENCE, .value.sequence = &octets};
    return ASN1_item_verify(ASN1_ITEM_rptr(ASN1_ANY), algorithm, signature, &any, key) == 1;
}

static bool is_oid(struct str oid, const unsigned char *content, size_t n)
{
    return oid.n == n && memcmp(oid.p, content, n) == 0;
}

static int malformed(struct err *e)
{
    return err_set(e, ERR_MALFORMED, "an entry of the CRL is malformed");
}

/* Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE, extnValue
 * OCTET STRING } */
static int check_extension(struct str *rest, struct err *e)
{
    struct der extension;
    struct der oid;
    struct der critical = {.body = STR_NONE};
    struct der value;
    if (!der_take(rest, DER_SEQUENCE, &extension) || !der_take(&extension.body, DER_OID, &oid)) {
        return malformed(e);
    }
    bool told = der_take(&extension.body, DER_BOOLEAN, &critical);
    if ((told && critical.body.n != 1) || !der_take(&extension.body, DER_OCTET_STRING, &value) ||
        extension.body.n > 0) {
        return malformed(e);
    }
    if (is_oid(oid.body, oid_certificate_issuer, sizeof(oid_certificate_issuer)) ||
        (told && critical.body.p[0] != 0 && !is_oid(oid.body, oid_reason, sizeof(oid_reason)))) {
        return err_set(e, ERR_UNSUPPORTED,
                       "an entry of the CRL has an unknown critical extension, or the CRL is an "
                       "indirect one");
    }
    return 0;
}

/* What d2i_ASN1_INTEGER() takes too: not empty, no octet in front that says nothing. */
static bool is_shortest(struct str serial)
{
    const unsigned char *p = (const unsigned char *)serial.p;
    return serial.n == 1 ||
           (serial.n > 1 && !(p[0] == 0 && p[1] < 0x80) && !(p[0] == 0xff && p[1] >= 0x80));
}

static int check_entry(struct str *rest, struct str *serial, struct err *e)
{
    struct der entry;
    struct der number;
    struct der extensions = {.body = STR_NONE};
    if (!der_take(rest, DER_SEQUENCE, &entry) || !der_take(&entry.body, DER_INTEGER, &number) ||
        !is_shortest(number.body) || !take_time(&entry.body)) {
        return malformed(e);
    }
    if (number.body.n > CRL_SERIAL_MAX) {
        return err_set(e, ERR_MALFORMED, "the CRL lists a serial number of more than %d octets",
                       CRL_SERIAL_MAX);
    }
    (void)der_take(&entry.body, DER_SEQUENCE, &extensions);
    int rc = entry.body.n == 0 ? 0 : malformed(e);
    while (rc == 0 && extensions.body.n > 0) {
        rc = check_extension(&extensions.body, e);
    }
    *serial = number.body;
    return rc;
}

int crl_der_measure(const struct crl_der *c, size_t *count, size_t *width, struct err *e)
{
    struct str rest = c->entries;
    *count = 0;
    *width = 1;
    while (rest.n > 0) {
        struct str serial = STR_NONE;
        int rc = check_entry(&rest, &serial, e);
        if (rc != 0) {
            return rc;
        }
        *width = serial.n > *width ? serial.n : *width;
        ++*count;
    }
    return 0;
}

bool crl_serial_record(struct str serial, unsigned char *record, size_t width)
{
    if (serial.n == 0 || serial.n > width) {
        return false;
    }
    bool negative = ((unsigned char)serial.p[0] & 0x80) != 0;
    memset(record, negative ? 0xff : 0, width - serial.n);
    memcpy(record + width - serial.n, serial.p, serial.n);
    return true;
}

void crl_der_serials(const struct crl_der *c, size_t width, unsigned char *out)
{
    struct str rest = c->entries;
    struct der entry;
    struct der number;
    while (der_take(&rest, DER_SEQUENCE, &entry) && der_take(&entry.body, DER_INTEGER, &number) &&
           crl_serial_record(number.body, out, width)) {
        out += width;
    }
}
