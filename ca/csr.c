/* Owns: what a request may look like to be read, and what a profile asks of it. Leaves building the
 * certificate to leaf. */
#include "ca/csr.h"

#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "auth/attribute.h"
#include "auth/pairing.h"
#include "base/mem.h"
#include "ca/armour.h"
#include "ca/library.h"
#include "ca/pubkey.h"

_Static_assert(CSR_OCTETS_MAX == ARMOUR_OCTETS_MAX, "requests come in armour");
_Static_assert(CSR_TEXT_MAX == ATTRIBUTE_MAX, "texts come from attributes");

#define SUBJECT_MAX  64
#define RSA_BITS_MAX 8192 /* what its signature costs to check grows with the square */

static int malformed(struct err *e, const char *what)
{
    return err_set(e, ERR_MALFORMED, "the request %s", what);
}

static int take_der(struct csr *c, struct str der, struct err *e)
{
    const unsigned char *p = (const unsigned char *)der.p;
    const unsigned char *end = p + der.n;
    c->req = d2i_X509_REQ(NULL, &p, (long)der.n);
    if (c->req == NULL || p != end) {
        return malformed(e, "is not a PKCS#10 certificate signing request, or is damaged");
    }
    return 0;
}

static int take_octets(struct csr *c, struct str octets, struct err *e)
{
    static const struct armour_kind kind = {"request",
                                            {PEM_STRING_X509_REQ, PEM_STRING_X509_REQ_OLD}};
    unsigned char *der = NULL;
    size_t n = 0;
    int rc = armour_open(octets, &kind, &der, &n, e);
    rc = rc == 0 ? take_der(c, (struct str){(const char *)der, n}, e) : rc;
    OPENSSL_free(der);
    return rc;
}

enum csr_key csr_key_of(EVP_PKEY *key)
{
    char group[32] = "";
    size_t n = 0;
    if (EVP_PKEY_is_a(key, "RSA")) {
        return CSR_KEY_RSA;
    }
    if (EVP_PKEY_is_a(key, "ED25519")) {
        return CSR_KEY_ED25519;
    }
    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, group, sizeof(group), &n) != 1) {
        return CSR_KEY_OTHER;
    }
    if (strcmp(group, "prime256v1") == 0) {
        return CSR_KEY_P256;
    }
    return strcmp(group, "secp384r1") == 0 ? CSR_KEY_P384 : CSR_KEY_OTHER;
}

static bool is_signed_weakly(const X509_REQ *req)
{
    int digest = NID_undef;
    return OBJ_find_sigid_algs(X509_REQ_get_signature_nid(req), &digest, NULL) != 1 ||
           digest == NID_md5 || digest == NID_md4 || digest == NID_sha1;
}

static int take_key(struct csr *c, struct err *e)
{
    X509_PUBKEY *spki = X509_REQ_get_X509_PUBKEY(c->req);
    EVP_PKEY *key = X509_REQ_get0_pubkey(c->req);
    if (key == NULL) {
        return malformed(e, "has a public key that cannot be read");
    }
    c->key = csr_key_of(key);
    c->key_bits = (unsigned)EVP_PKEY_get_bits(key);
    if (c->key == CSR_KEY_OTHER) {
        return err_set(e, ERR_UNSUPPORTED,
                       "the request has a kind of key that is not known here: use P-256, P-384, "
                       "Ed25519 or RSA");
    }
    if (c->key == CSR_KEY_RSA && c->key_bits > RSA_BITS_MAX) {
        return err_set(e, ERR_UNSUPPORTED, "the request has an RSA key of more than %d bits",
                       RSA_BITS_MAX);
    }
    const char *fault = pubkey_fault(spki, key);
    if (fault != NULL) {
        return err_set(e, ERR_MALFORMED, "the request has %s: make a new key", fault);
    }
    if (pubkey_digest(spki, c->spki) != 0) {
        return err_set(e, ERR_CRYPTO, "the library cannot hash");
    }
    if (is_signed_weakly(c->req)) {
        return malformed(e, "is signed with a hash that can be forged: use SHA-256");
    }
    return X509_REQ_verify(c->req, key) == 1
               ? 0
               : malformed(e,
                           "is not signed by its own key: it was changed, or put together of two");
}

/* An attribute that may be absent: then out stays empty. */
static int take_attribute(const X509_NAME *name, int nid, const char *what, char *out,
                          struct err *e)
{
    struct attribute a;
    enum reason r = attribute_read(name, nid, &a);
    if (r == REASON_CERT_IDENTITY_MISSING) {
        return 0;
    }
    if (r == REASON_CERT_IDENTITY_REPEATED) {
        return err_set(e, ERR_MALFORMED, "the request names the %s twice in its subject", what);
    }
    if (r != REASON_OK) {
        return err_set(e, ERR_MALFORMED,
                       "the request's %s cannot be: it must be 1 to %d octets of text (of a "
                       "TeletexString ASCII alone; best is UTF-8), without control characters, "
                       "and without a space at either end",
                       what, ATTRIBUTE_MAX);
    }
    memcpy(out, a.text, a.n + 1);
    return 0;
}

static int print_subject(struct csr *c, const X509_NAME *name, struct err *e)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    bool ok = false;
    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        long n = BIO_get_mem_data(bio, &p);
        ok = n >= 0 && (size_t)n < sizeof(c->subject) &&
             (n == 0 || memchr(p, '\0', (size_t)n) == NULL);
        if (ok && n > 0) {
            memcpy(c->subject, p, (size_t)n);
        }
    }
    BIO_free(bio);
    return ok ? 0 : malformed(e, "has a subject that is too long or cannot be printed");
}

static int take_subject(struct csr *c, struct err *e)
{
    const X509_NAME *name = X509_REQ_get_subject_name(c->req);
    int rc = take_attribute(name, NID_commonName, "common name (CN)", c->user, e);
    rc = rc == 0 ? take_attribute(name, NID_organizationName, "organization (O)", c->company, e)
                 : rc;
    rc = rc == 0 ? take_attribute(name, NID_pkcs9_emailAddress, "e-mail", c->email, e) : rc;
    return rc == 0 ? print_subject(c, name, e) : rc;
}

static int take_names(struct csr *c, X509_EXTENSION *extension, struct err *e)
{
    struct attribute a;
    GENERAL_NAMES *names = X509V3_EXT_d2i(extension);
    if (names == NULL) {
        return malformed(e, "asks for a subjectAltName that cannot be read");
    }
    enum reason r = attribute_read_san(names, &a);
    c->asks_unknown = c->asks_unknown || sk_GENERAL_NAME_num(names) > (r == REASON_OK ? 1 : 0);
    GENERAL_NAMES_free(names);
    if (r == REASON_CERT_IDENTITY_MISSING) {
        return 0;
    }
    if (r != REASON_OK) {
        return malformed(e,
                         "asks for a subjectAltName with two e-mails, or with one that cannot be");
    }
    if (c->email[0] != '\0' && strcmp(c->email, a.text) != 0) {
        return malformed(e, "has one e-mail in its subject and another as subjectAltName");
    }
    memcpy(c->email, a.text, a.n + 1);
    return 0;
}

static int take_usage(struct csr *c, X509_EXTENSION *extension, struct err *e)
{
    ASN1_BIT_STRING *bits = X509V3_EXT_d2i(extension);
    if (bits == NULL) {
        return malformed(e, "asks for a keyUsage that cannot be read");
    }
    /* The library's KU_ bits are the first two octets. */
    c->key_usage = bits->length > 0 ? bits->data[0] : 0U;
    c->key_usage |= bits->length > 1 ? (uint32_t)bits->data[1] << 8 : 0U;
    c->asks_ca = c->asks_ca || (c->key_usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0;
    ASN1_BIT_STRING_free(bits);
    return 0;
}

static int take_purpose(struct csr *c, X509_EXTENSION *extension, struct err *e)
{
    EXTENDED_KEY_USAGE *usages = X509V3_EXT_d2i(extension);
    if (usages == NULL) {
        return malformed(e, "asks for an extendedKeyUsage that cannot be read");
    }
    for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++) {
        bool is_client = OBJ_obj2nid(sk_ASN1_OBJECT_value(usages, i)) == NID_client_auth;
        c->asks_client_auth = c->asks_client_auth || is_client;
        c->asks_other_usage = c->asks_other_usage || !is_client;
    }
    EXTENDED_KEY_USAGE_free(usages);
    return 0;
}

static int take_basic(struct csr *c, X509_EXTENSION *extension, struct err *e)
{
    BASIC_CONSTRAINTS *basic = X509V3_EXT_d2i(extension);
    if (basic == NULL) {
        return malformed(e, "asks for a basicConstraints that cannot be read");
    }
    c->asks_ca = c->asks_ca || basic->ca != 0;
    BASIC_CONSTRAINTS_free(basic);
    return 0;
}

static int take_extension(struct csr *c, X509_EXTENSION *extension, struct err *e)
{
    switch (OBJ_obj2nid(X509_EXTENSION_get_object(extension))) {
    case NID_subject_alt_name:
        return take_names(c, extension, e);
    case NID_key_usage:
        return take_usage(c, extension, e);
    case NID_ext_key_usage:
        return take_purpose(c, extension, e);
    case NID_basic_constraints:
        return take_basic(c, extension, e);
    case NID_subject_key_identifier: /* made anew; keytool asks for it always */
        return 0;
    default:
        c->asks_unknown = true;
        return 0;
    }
}

/* Of an attribute with two values, both count. */
static int count_attributes(const X509_REQ *req, int nid)
{
    int n = 0;
    for (int at = X509_REQ_get_attr_by_NID(req, nid, -1); at >= 0;
         at = X509_REQ_get_attr_by_NID(req, nid, at)) {
        n += X509_ATTRIBUTE_count(X509_REQ_get_attr(req, at));
    }
    return n;
}

static int take_extensions(struct csr *c, struct err *e)
{
    STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(c->req);
    int rc = 0;
    int seen[8];
    int n = sk_X509_EXTENSION_num(list);
    int asked = count_attributes(c->req, NID_ext_req) + count_attributes(c->req, NID_ms_ext_req);
    if (asked > 0 && list == NULL) {
        return malformed(e, "asks for extensions that cannot be read");
    }
    if (asked > 1) {
        rc = malformed(e, "asks for extensions in two places");
    }
    if (n > (int)(sizeof(seen) / sizeof(seen[0]))) {
        rc = malformed(e, "asks for more extensions than there are to grant");
    }
    for (int i = 0; i < n && rc == 0; i++) {
        X509_EXTENSION *extension = sk_X509_EXTENSION_value(list, i);
        seen[i] = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        for (int k = 0; k < i && rc == 0; k++) {
            rc = seen[k] == seen[i] && seen[i] != NID_undef
                     ? malformed(e, "asks for the same extension twice")
                     : 0;
        }
        rc = rc == 0 ? take_extension(c, extension, e) : rc;
    }
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    return rc;
}

static int take_all(struct csr *c, struct str octets, struct err *e)
{
    int rc = take_octets(c, octets, e);
    if (rc == 0 && X509_REQ_get_version(c->req) != X509_REQ_VERSION_1) {
        rc = malformed(e, "is of a version that there is not");
    }
    rc = rc == 0 ? take_key(c, e) : rc;
    rc = rc == 0 ? take_subject(c, e) : rc;
    return rc == 0 ? take_extensions(c, e) : rc;
}

int csr_read(struct str octets, struct csr **out, struct err *e)
{
    struct csr *c = mem_calloc(1, sizeof(*c));
    *out = NULL;
    if (c == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    library_forget();
    struct err mine = {0};
    int rc = library_judge(take_all(c, octets, &mine), &mine, e);
    if (rc != 0) {
        csr_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

void csr_free(struct csr *c)
{
    if (c != NULL) {
        X509_REQ_free(c->req);
        mem_free(c);
    }
}

void csr_key_words(enum csr_key key, unsigned bits, char out[CSR_KEY_NAME_SIZE])
{
    static const char *const names[] = {
        [CSR_KEY_OTHER] = "unknown",   [CSR_KEY_P256] = "P-256", [CSR_KEY_P384] = "P-384",
        [CSR_KEY_ED25519] = "Ed25519", [CSR_KEY_RSA] = "RSA",
    };
    if (key == CSR_KEY_RSA) {
        (void)snprintf(out, CSR_KEY_NAME_SIZE, "RSA %u", bits);
    } else {
        (void)snprintf(out, CSR_KEY_NAME_SIZE, "%s", names[key]);
    }
}

void csr_key_name(const struct csr *c, char out[CSR_KEY_NAME_SIZE])
{
    csr_key_words(c->key, c->key_bits, out);
}

/* No list: all kinds. */
static bool key_allowed(const struct csr *c, const struct conf_ca_profile *p)
{
    static const char *const names[] = {
        [CSR_KEY_OTHER] = "",          [CSR_KEY_P256] = "p256", [CSR_KEY_P384] = "p384",
        [CSR_KEY_ED25519] = "ed25519", [CSR_KEY_RSA] = "rsa",
    };
    bool listed = p->keys.n == 0;
    for (size_t i = 0; i < p->keys.n; i++) {
        listed = listed || strcmp(p->keys.v[i].p, names[c->key]) == 0;
    }
    return listed && c->key != CSR_KEY_OTHER &&
           (c->key != CSR_KEY_RSA || c->key_bits >= p->rsa_bits_min);
}

static int denied(struct err *e, const char *what)
{
    return err_set(e, ERR_DENIED, "%s", what);
}

/* What it asks for must lie within what its certificate will say (leaf.h). */
static int check_wishes(const struct csr *c, struct err *e)
{
    const uint32_t granted =
        KU_DIGITAL_SIGNATURE | (c->key == CSR_KEY_RSA ? KU_KEY_ENCIPHERMENT : 0U);
    if (c->asks_ca) {
        return denied(e, "the request asks for a CA's certificate, which nobody gets here");
    }
    if ((c->key_usage & ~granted) != 0) {
        return denied(e, "the request asks for a keyUsage other than digitalSignature (and "
                         "keyEncipherment with RSA): leave it out");
    }
    if (c->asks_other_usage) {
        return denied(e, "the request asks for an extendedKeyUsage other than clientAuth: leave "
                         "it out");
    }
    if (c->asks_unknown) {
        return denied(e, "the request asks for an extension, or for a name in subjectAltName, "
                         "that is not given here: only one e-mail is");
    }
    return 0;
}

static size_t characters(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += ((unsigned char)*text & 0xc0U) != 0x80U ? 1 : 0;
    }
    return n;
}

/* What a certificate cannot say: RFC 5280 appendix A (ub-common-name, ub-organization-name), and
 * RFC 9598 3 (a mailbox's domain is in ASCII). */
static int check_lengths(const struct csr *c, struct err *e)
{
    const char *domain = strrchr(c->user, '@');
    if (characters(c->user) > SUBJECT_MAX) {
        return denied(e, "the common name (CN) has more than 64 characters, which is all that a "
                         "certificate can hold");
    }
    if (characters(c->company) > SUBJECT_MAX) {
        return denied(e, "the organization (O) has more than 64 characters, which is all that a "
                         "certificate can hold");
    }
    for (; domain != NULL && *domain != '\0'; domain++) {
        if ((unsigned char)*domain >= 0x80) {
            return denied(e,
                          "the e-mail's domain must be in ASCII (xn--...), in the account's name "
                          "too");
        }
    }
    return 0;
}

int csr_check(const struct csr *c, const struct conf_ca_profile *p, struct str user,
              const struct conf_identity *rule, struct err *e)
{
    char key[24];
    if (!key_allowed(c, p)) {
        csr_key_name(c, key);
        return err_set(e, ERR_DENIED,
                       "the request has a key (%s) that profile \"%s\" does not take", key,
                       p->name.p);
    }
    if (c->user[0] == '\0') {
        return denied(e, "the request has no common name (CN): put the user's e-mail there");
    }
    if (!pairing_same(str_of(c->user), user, rule)) {
        return err_set(e, ERR_DENIED,
                       "the request is for \"%.100s\", but the account is \"%.*s\": the common "
                       "name (CN) must be the account's",
                       c->user, (int)(user.n < 100 ? user.n : 100), user.p);
    }
    if (c->email[0] != '\0' && !pairing_same(str_of(c->email), user, rule)) {
        return denied(e, "the request names an e-mail that is not the account's");
    }
    if (c->company[0] == '\0') {
        return denied(e, "the request has no organization (O): put the company's name there");
    }
    int rc = check_lengths(c, e);
    if (rc != 0) {
        return rc;
    }
    if (p->company.p != NULL && strcmp(p->company.p, c->company) != 0) {
        return err_set(e, ERR_DENIED, "the request's organization (O) must be \"%s\"",
                       p->company.p);
    }
    return check_wishes(c, e);
}
