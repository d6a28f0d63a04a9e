/* Requests: what is not read, what is read and refused, and what passes. */
#include <openssl/core_names.h>
#include <openssl/x509v3.h>

#include "ca/csr.h"
#include "tests/unit/ca/ca_lab.h"

#define CN    NID_commonName
#define ORG   NID_organizationName
#define EMAIL NID_pkcs9_emailAddress
#define UTF8  MBSTRING_UTF8

#define TEN          "aaaaaaaaaa"
#define LONG_USER    TEN TEN TEN TEN TEN "aaa@example.com"
#define LONG_COMPANY TEN TEN TEN TEN TEN TEN "aaaaa"

#define ENTRIES_MAX 4

struct row {
    const char *says;
    struct pki_entry subject[ENTRIES_MAX];
    struct pki_extension extensions[2];
    int read;  /* what csr_read() gives */
    int check; /* and csr_check() for alice */
};

#define GOOD_SUBJECT                                                                               \
    {                                                                                              \
        {ORG, UTF8, ACME, 0, false},                                                               \
        {                                                                                          \
            CN, UTF8, ALICE, 0, false                                                              \
        }                                                                                          \
    }

static const struct row rows[] = {
    {"two common names",
     {{ORG, UTF8, ACME, 0, false}, {CN, UTF8, ALICE, 0, false}, {CN, UTF8, "mallory", 0, false}},
     {{0, NULL}},
     -ERR_MALFORMED,
     0},
    {"two common names in one RDN",
     {{ORG, UTF8, ACME, 0, false}, {CN, UTF8, ALICE, 0, false}, {CN, UTF8, "mallory", 0, true}},
     {{0, NULL}},
     -ERR_MALFORMED,
     0},
    {"two e-mails",
     {{ORG, UTF8, ACME, 0, false},
      {CN, UTF8, ALICE, 0, false},
      {EMAIL, V_ASN1_IA5STRING, ALICE, 0, false},
      {EMAIL, V_ASN1_IA5STRING, "m@example.com", 0, false}},
     {{0, NULL}},
     -ERR_MALFORMED,
     0},
    {"two organizations",
     {{ORG, UTF8, ACME, 0, false}, {ORG, UTF8, "Other", 0, false}, {CN, UTF8, ALICE, 0, false}},
     {{0, NULL}},
     -ERR_MALFORMED,
     0},
    {"a NUL in the common name",
     {{ORG, UTF8, ACME, 0, false}, {CN, V_ASN1_UTF8STRING, ALICE "\0.evil", 23, false}},
     {{0, NULL}},
     -ERR_MALFORMED,
     0},
    {"a line end in the common name",
     {{ORG, UTF8, ACME, 0, false}, {CN, V_ASN1_UTF8STRING, "alice\r\nX: y", 0, false}},
     {{0, NULL}},
     -ERR_MALFORMED,
     0},
    {"a trailing space",
     {{ORG, UTF8, ACME, 0, false}, {CN, UTF8, ALICE " ", 0, false}},
     {{0, NULL}},
     -ERR_MALFORMED,
     0},
    {"an e-mail that is a list",
     {{ORG, UTF8, ACME, 0, false},
      {CN, UTF8, ALICE, 0, false},
      {EMAIL, V_ASN1_IA5STRING, ALICE ",m@x", 0, false}},
     {{0, NULL}},
     -ERR_MALFORMED,
     0},
    {"two e-mails as names",
     GOOD_SUBJECT,
     {{NID_subject_alt_name, "email:" ALICE ",email:m@example.com"}},
     -ERR_MALFORMED,
     0},
    {"one e-mail in the subject, another as a name",
     {{ORG, UTF8, ACME, 0, false},
      {CN, UTF8, ALICE, 0, false},
      {EMAIL, V_ASN1_IA5STRING, ALICE, 0, false}},
     {{NID_subject_alt_name, "email:m@example.com"}},
     -ERR_MALFORMED,
     0},
    {"the same extension twice",
     GOOD_SUBJECT,
     {{NID_key_usage, "digitalSignature"}, {NID_key_usage, "keyCertSign"}},
     -ERR_MALFORMED,
     0},
    {"no common name", {{ORG, UTF8, ACME, 0, false}}, {{0, NULL}}, 0, -ERR_DENIED},
    {"another's name",
     {{ORG, UTF8, ACME, 0, false}, {CN, UTF8, "bob@example.com", 0, false}},
     {{0, NULL}},
     0,
     -ERR_DENIED},
    {"alice in capitals",
     {{ORG, UTF8, ACME, 0, false}, {CN, UTF8, "Alice@example.com", 0, false}},
     {{0, NULL}},
     0,
     -ERR_DENIED},
    {"a Cyrillic a",
     {{ORG, UTF8, ACME, 0, false}, {CN, UTF8, "\xd0\xb0lice@example.com", 0, false}},
     {{0, NULL}},
     0,
     -ERR_DENIED},
    {"another's e-mail",
     {{ORG, UTF8, ACME, 0, false},
      {CN, UTF8, ALICE, 0, false},
      {EMAIL, V_ASN1_IA5STRING, "bob@example.com", 0, false}},
     {{0, NULL}},
     0,
     -ERR_DENIED},
    {"no organization", {{CN, UTF8, ALICE, 0, false}}, {{0, NULL}}, 0, -ERR_DENIED},
    {"CA:TRUE", GOOD_SUBJECT, {{NID_basic_constraints, "critical,CA:TRUE"}}, 0, -ERR_DENIED},
    {"keyCertSign",
     GOOD_SUBJECT,
     {{NID_key_usage, "digitalSignature,keyCertSign"}},
     0,
     -ERR_DENIED},
    {"cRLSign", GOOD_SUBJECT, {{NID_key_usage, "cRLSign"}}, 0, -ERR_DENIED},
    {"keyAgreement",
     GOOD_SUBJECT,
     {{NID_key_usage, "digitalSignature,keyAgreement"}},
     0,
     -ERR_DENIED},
    {"keyEncipherment without RSA",
     GOOD_SUBJECT,
     {{NID_key_usage, "digitalSignature,keyEncipherment"}},
     0,
     -ERR_DENIED},
    {"serverAuth", GOOD_SUBJECT, {{NID_ext_key_usage, "clientAuth,serverAuth"}}, 0, -ERR_DENIED},
    {"anyExtendedKeyUsage",
     GOOD_SUBJECT,
     {{NID_ext_key_usage, "anyExtendedKeyUsage"}},
     0,
     -ERR_DENIED},
    {"a host name", GOOD_SUBJECT, {{NID_subject_alt_name, "DNS:api.example.com"}}, 0, -ERR_DENIED},
    {"a host name beside the e-mail",
     GOOD_SUBJECT,
     {{NID_subject_alt_name, "email:" ALICE ",DNS:api.example.com"}},
     0,
     -ERR_DENIED},
    {"another's e-mail as a name",
     GOOD_SUBJECT,
     {{NID_subject_alt_name, "email:bob@example.com"}},
     0,
     -ERR_DENIED},
    {"an extension that nobody gives",
     GOOD_SUBJECT,
     {{NID_netscape_comment, "hello"}},
     0,
     -ERR_DENIED},
    {"a common name of 65 characters",
     {{ORG, UTF8, ACME, 0, false}, {CN, V_ASN1_UTF8STRING, LONG_USER, 0, false}},
     {{0, NULL}},
     0,
     -ERR_DENIED},
    {"an organization of 65 characters",
     {{ORG, V_ASN1_UTF8STRING, LONG_COMPANY, 0, false}, {CN, UTF8, ALICE, 0, false}},
     {{0, NULL}},
     0,
     -ERR_DENIED},
    {"an e-mail in decomposed letters is another one",
     {{ORG, UTF8, ACME, 0, false}, {CN, UTF8, "a\xcc\x88@example.com", 0, false}},
     {{0, NULL}},
     0,
     -ERR_DENIED},
    {"name and company alone", GOOD_SUBJECT, {{0, NULL}}, 0, 0},
    {"the domain in capitals",
     {{ORG, UTF8, ACME, 0, false}, {CN, UTF8, "alice@EXAMPLE.com", 0, false}},
     {{0, NULL}},
     0,
     0},
    {"a company that is not ASCII",
     {{ORG, UTF8, "M\xc3\xbcller & S\xc3\xb6hne", 0, false}, {CN, UTF8, ALICE, 0, false}},
     {{0, NULL}},
     0,
     0},
    {"a BMPString company",
     {{ORG, V_ASN1_BMPSTRING, "\0A\0B", 4, false}, {CN, UTF8, ALICE, 0, false}},
     {{0, NULL}},
     0,
     0},
    {"the e-mail in the subject too",
     {{ORG, UTF8, ACME, 0, false},
      {CN, UTF8, ALICE, 0, false},
      {EMAIL, V_ASN1_IA5STRING, ALICE, 0, false}},
     {{NID_subject_alt_name, "email:" ALICE}},
     0,
     0},
    {"clientAuth and digitalSignature",
     GOOD_SUBJECT,
     {{NID_ext_key_usage, "clientAuth"}, {NID_key_usage, "critical,digitalSignature"}},
     0,
     0},
    {"CA:FALSE", GOOD_SUBJECT, {{NID_basic_constraints, "CA:FALSE"}}, 0, 0},
};

static const struct conf_identity rule = {.fold_domain = true};
static struct conf_ca_profile profile = {
    .name = {.p = "client"}, .rsa_bits_min = 2048, .life_days = 730};

static size_t entries(const struct row *r)
{
    size_t n = 0;
    while (n < ENTRIES_MAX && r->subject[n].value != NULL) {
        n++;
    }
    return n;
}

static size_t wishes(const struct row *r)
{
    return r->extensions[0].value == NULL ? 0 : r->extensions[1].value == NULL ? 1 : 2;
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct row *r = &rows[i];
        struct lab_request wish = {.subject = r->subject,
                                   .subject_count = entries(r),
                                   .extensions = r->extensions,
                                   .extension_count = wishes(r)};
        struct csr *c = NULL;
        struct err e = {0};
        X509_REQ *req = lab_req(&wish);
        char *pem = lab_pem(req, false);
        int rc = csr_read(str_of(pem), &c, &e);
        CHECK_ROW(r->says, rc == r->read);
        CHECK_ROW(r->says, (rc == 0) == (e.text[0] == '\0'));
        if (rc == 0) {
            rc = csr_check(c, &profile, STR(ALICE), &rule, &e);
            CHECK_ROW(r->says, rc == r->check);
            CHECK_ROW(r->says, (rc == 0) == (e.text[0] == '\0'));
        }
        csr_free(c);
        free(pem);
        X509_REQ_free(req);
    }
}

/* Words of a refusal for who is long, and for a domain beyond ASCII, where the account agrees. */
static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *user;
        const char *word; /* NULL: fine */
    } names[] = {
        {LONG_USER, "64 characters"},
        {"a@m\xc3\xbcller.example", "xn--"},
        {"m\xc3\xbcller@example.com", NULL},
        {TEN TEN TEN TEN TEN "aa@example.com", NULL},
        {"service-7", NULL},
    };
    for (size_t i = 0; i < ROWS(names); i++) {
        const struct pki_entry subject[] = {{ORG, UTF8, ACME, 0, false},
                                            {CN, V_ASN1_UTF8STRING, names[i].user, 0, false}};
        struct lab_request wish = {.subject = subject, .subject_count = 2};
        struct csr *c = NULL;
        struct err e = {0};
        X509_REQ *req = lab_req(&wish);
        char *pem = lab_pem(req, false);
        assert_int_equal(csr_read(str_of(pem), &c, &e), 0);
        int rc = csr_check(c, &profile, str_of(names[i].user), &rule, &e);
        CHECK_ROW(names[i].user, rc == (names[i].word != NULL ? -ERR_DENIED : 0));
        CHECK_ROW(names[i].user, names[i].word == NULL || strstr(e.text, names[i].word) != NULL);
        csr_free(c);
        free(pem);
        X509_REQ_free(req);
    }
}

/* Extensions asked for twice over, signatures by a weak hash, and a key as a ready-made list. */
static void test_put_together(void **state)
{
    (void)state;
    enum { TWO_LISTS, TWO_KINDS, NO_LIST, OLD_HASH, EXPLICIT, KINDS };
    static const char *const says[KINDS] = {"two places", "two places", "cannot be read", "forged",
                                            "spelled out"};
    for (int kind = 0; kind < KINDS; kind++) {
        static const struct pki_extension usage = {NID_key_usage, "digitalSignature"};
        EVP_PKEY *key = pki_key();
        struct lab_request wish = {.subject = lab_subject,
                                   .subject_count = 2,
                                   .key = key,
                                   .extensions = &usage,
                                   .extension_count = kind == NO_LIST ? 0 : 1};
        X509_REQ *req = lab_req(&wish);
        struct csr *c = NULL;
        struct err e = {0};
        if (kind == TWO_LISTS) {
            X509_ATTRIBUTE *a = X509_REQ_get_attr(req, 0);
            const ASN1_STRING *list = X509_ATTRIBUTE_get0_type(a, 0)->value.sequence;
            assert_int_equal(X509_ATTRIBUTE_set1_data(a, V_ASN1_SEQUENCE,
                                                      ASN1_STRING_get0_data(list),
                                                      ASN1_STRING_length(list)),
                             1);
        } else if (kind == TWO_KINDS) {
            X509_ATTRIBUTE *a = X509_ATTRIBUTE_dup(X509_REQ_get_attr(req, 0));
            assert_int_equal(X509_ATTRIBUTE_set1_object(a, OBJ_nid2obj(NID_ms_ext_req)), 1);
            assert_int_equal(X509_REQ_add1_attr(req, a), 1);
            X509_ATTRIBUTE_free(a);
        } else if (kind == NO_LIST) {
            assert_int_equal(X509_REQ_add1_attr_by_NID(req, NID_ms_ext_req, V_ASN1_OCTET_STRING,
                                                       (const unsigned char *)"x", 1),
                             1);
        } else if (kind == EXPLICIT) {
            assert_int_equal(
                EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, "explicit"), 1);
            assert_int_equal(X509_REQ_set_pubkey(req, key), 1);
        }
        assert_true(X509_REQ_sign(req, key, kind == OLD_HASH ? EVP_sha1() : EVP_sha256()) > 0);
        char *pem = lab_pem(req, false);
        int rc = csr_read(str_of(pem), &c, &e);
        CHECK_ROW(says[kind], rc == -ERR_MALFORMED);
        CHECK_ROW(says[kind], strstr(e.text, says[kind]) != NULL);
        free(pem);
        X509_REQ_free(req);
        EVP_PKEY_free(key);
    }
}

struct key_row {
    const char *says;
    const char *type;
    const char *group;
    unsigned bits;
    int read;
    int check;
    const char *name;
};

static const struct key_row key_rows[] = {
    {"RSA of 1024 bits", "RSA", NULL, 1024, 0, -ERR_DENIED, "RSA 1024"},
    {"a curve that is not for TLS", "EC", "secp256k1", 0, -ERR_UNSUPPORTED, 0, NULL},
    {"a curve that is too short", "EC", "P-224", 0, -ERR_UNSUPPORTED, 0, NULL},
    {"Ed448", "ED448", NULL, 0, -ERR_UNSUPPORTED, 0, NULL},
    {"P-521", "EC", "P-521", 0, -ERR_UNSUPPORTED, 0, NULL},
    {"P-256", "EC", "P-256", 0, 0, 0, "P-256"},
    {"P-384", "EC", "P-384", 0, 0, 0, "P-384"},
    {"Ed25519", "ED25519", NULL, 0, 0, 0, "Ed25519"},
    {"RSA of 2048 bits", "RSA", NULL, 2048, 0, 0, "RSA 2048"},
};

static EVP_PKEY *make_key(const struct key_row *r)
{
    if (r->bits > 0) {
        return pki_rsa_key(r->bits);
    }
    return r->group != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, r->type, r->group)
                            : EVP_PKEY_Q_keygen(NULL, NULL, r->type);
}

static void test_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(key_rows); i++) {
        const struct key_row *r = &key_rows[i];
        struct lab_request wish = {.subject = lab_subject, .subject_count = 2, .key = make_key(r)};
        struct csr *c = NULL;
        struct err e = {0};
        char name[24] = "";
        X509_REQ *req = lab_req(&wish);
        char *pem = lab_pem(req, false);
        CHECK_ROW(r->says, csr_read(str_of(pem), &c, &e) == r->read);
        if (c != NULL) {
            csr_key_name(c, name);
            CHECK_ROW(r->says, strcmp(name, r->name) == 0);
            CHECK_ROW(r->says, csr_check(c, &profile, STR(ALICE), &rule, &e) == r->check);
        }
        csr_free(c);
        free(pem);
        X509_REQ_free(req);
        EVP_PKEY_free(wish.key);
    }
}

/* The same request in every clothing, and clothings that are none. */
static void test_forms(void **state)
{
    (void)state;
    struct lab_request wish = {.subject = lab_subject, .subject_count = 2};
    X509_REQ *req = lab_req(&wish);
    char *pem = lab_pem(req, false);
    char *old = lab_pem(req, true);
    unsigned char *der = NULL;
    int n = i2d_X509_REQ(req, &der);
    EVP_PKEY *key = pki_key();
    char *private = pki_key_pem(key);
    char twice[8192];
    char text[8192];
    char bare[8192];
    char cut[8192];
    (void)snprintf(twice, sizeof(twice), "%s%s", pem, pem);
    (void)snprintf(text, sizeof(text), "Certificate Request:\n  Data:\n%s\nbye\n", old);
    (void)snprintf(cut, sizeof(cut), "%.*s", (int)strlen(pem) - 40, pem);
    char with_key[8192];
    (void)snprintf(with_key, sizeof(with_key), "%s%s", private, pem);
    const char *body = strchr(pem, '\n') + 1;
    (void)snprintf(bare, sizeof(bare), "%.*s", (int)(strstr(body, "-----END") - body), body);
    const struct {
        const char *says;
        struct str octets;
        int rc;
    } forms[] = {
        {"nothing", STR(""), -ERR_MALFORMED},
        {"words", STR("please sign me"), -ERR_MALFORMED},
        {"PEM that is cut", str_of(cut), -ERR_MALFORMED},
        {"two of them", str_of(twice), -ERR_MALFORMED},
        {"a private key beside it", str_of(with_key), -ERR_MALFORMED},
        {"DER that is cut", {(const char *)der, (size_t)n - 1}, -ERR_MALFORMED},
        {"PEM", str_of(pem), 0},
        {"what keytool writes", str_of(old), 0},
        {"text around it", str_of(text), 0},
        {"DER", {(const char *)der, (size_t)n}, 0},
        {"base64 without armour", str_of(bare), 0},
    };
    for (size_t i = 0; i < ROWS(forms); i++) {
        struct csr *c = NULL;
        struct err e = {0};
        CHECK_ROW(forms[i].says, csr_read(forms[i].octets, &c, &e) == forms[i].rc);
        CHECK_ROW(forms[i].says, (c != NULL) == (forms[i].rc == 0));
        if (c != NULL) {
            assert_string_equal(c->user, ALICE);
            assert_string_equal(c->company, ACME);
            assert_string_equal(c->subject, "CN=" ALICE ",O=" ACME);
        }
        csr_free(c);
    }
    free(pem);
    free(old);
    free(private);
    EVP_PKEY_free(key);
    OPENSSL_free(der);
    X509_REQ_free(req);
}

/* Each octet of a request changed in turn: never read, as the signature is over all of it, or read
 * as the very same. */
static void test_changed_octets(void **state)
{
    (void)state;
    struct lab_request wish = {.subject = lab_subject, .subject_count = 2};
    X509_REQ *req = lab_req(&wish);
    unsigned char *der = NULL;
    int n = i2d_X509_REQ(req, &der);
    for (int i = 0; i < n; i++) {
        struct csr *c = NULL;
        der[i] ^= 0x01;
        int rc = csr_read((struct str){(const char *)der, (size_t)n}, &c, NULL);
        der[i] ^= 0x01;
        if (rc == 0) {
            assert_string_equal(c->user, ALICE);
            assert_string_equal(c->company, ACME);
        }
        csr_free(c);
    }
    OPENSSL_free(der);
    X509_REQ_free(req);
}

static void test_too_large(void **state)
{
    (void)state;
    static char big[CSR_OCTETS_MAX + 1];
    struct csr *c = NULL;
    struct err e = {0};
    memset(big, 'A', sizeof(big));
    assert_int_equal(csr_read((struct str){big, sizeof(big)}, &c, &e), -ERR_TOO_LARGE);
    assert_null(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),         cmocka_unit_test(test_keys),
        cmocka_unit_test(test_forms),        cmocka_unit_test(test_changed_octets),
        cmocka_unit_test(test_too_large),    cmocka_unit_test(test_names),
        cmocka_unit_test(test_put_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
