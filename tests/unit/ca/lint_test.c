/* Our own word on certificates: each rule is seen to fail on one made wrong on purpose. */
#include <openssl/bn.h>

#include "ca/leaf.h"
#include "ca/lint.h"
#include "tests/unit/ca/ca_lab.h"

enum wrong {
    RIGHT = 0,
    OTHERS_NAME, /* the issuer's name */
    OTHERS_KEY,  /* signed by another */
    VERSION_1,
    CAS_KEY,
    NEGATIVE_SERIAL,
    SHORT_SERIAL,
    LONG_SERIAL,
    EVEN_SERIAL, /* all octets alike */
    TWICE
};

struct row {
    const char *says;
    const char *word; /* in the fault; NULL: passes */
    enum wrong wrong;
    struct pki_spec spec;
};

#define SAN(text)     .san = (text)
#define USAGE(text)   .usage = (text)
#define PURPOSE(text) .purpose = (text)
#define EMAIL         .common_name = ALICE, SAN("email:" ALICE)

static const struct pki_entry company_alone[] = {
    {NID_organizationName, MBSTRING_UTF8, ACME, 0, false}};

static const struct row rows[] = {
    {"another issuer's name", "issuer", OTHERS_NAME, {EMAIL}},
    {"another's signature", "not signed", OTHERS_KEY, {EMAIL}},
    {"version 1", "version 3", VERSION_1, {EMAIL}},
    {"the CA's own key", "a CA's", CAS_KEY, {EMAIL}},
    {"a negative serial number", "negative", NEGATIVE_SERIAL, {EMAIL}},
    {"a serial number of 56 bits", "64 to 159", SHORT_SERIAL, {EMAIL}},
    {"a serial number of 21 octets", "64 to 159", LONG_SERIAL, {EMAIL}},
    {"a serial number of one octet again and again", "random", EVEN_SERIAL, {EMAIL}},
    {"it ends before it begins",
     "before it begins",
     RIGHT,
     {EMAIL, .not_before_s = PKI_NOW_S, .not_after_s = PKI_NOW_S - 60}},
    {"it begins before the CA",
     "outside",
     RIGHT,
     {EMAIL, .not_before_s = PKI_NOW_S - 2 * PKI_DAY_S}},
    {"it ends after the CA", "outside", RIGHT, {EMAIL, .not_after_s = PKI_NOW_S + 31 * PKI_DAY_S}},
    {"an extension twice", "twice", TWICE, {EMAIL}},
    {"no basicConstraints", "CA:FALSE", RIGHT, {EMAIL, .basic = ""}},
    {"CA:TRUE", "CA:FALSE", RIGHT, {EMAIL, .basic = "critical,CA:TRUE"}},
    {"no keyUsage", "keyUsage", RIGHT, {EMAIL, USAGE("")}},
    {"keyCertSign", "keyUsage", RIGHT, {EMAIL, USAGE("critical,digitalSignature,keyCertSign")}},
    {"cRLSign", "keyUsage", RIGHT, {EMAIL, USAGE("critical,digitalSignature,cRLSign")}},
    {"keyEncipherment without RSA",
     "keyUsage",
     RIGHT,
     {EMAIL, USAGE("critical,digitalSignature,keyEncipherment")}},
    {"no digitalSignature", "keyUsage", RIGHT, {EMAIL, USAGE("critical,keyAgreement")}},
    {"no extendedKeyUsage", "extendedKeyUsage", RIGHT, {EMAIL, PURPOSE("")}},
    {"serverAuth", "extendedKeyUsage", RIGHT, {EMAIL, PURPOSE("serverAuth")}},
    {"serverAuth too", "extendedKeyUsage", RIGHT, {EMAIL, PURPOSE("clientAuth,serverAuth")}},
    {"any purpose", "extendedKeyUsage", RIGHT, {EMAIL, PURPOSE("anyExtendedKeyUsage")}},
    {"no common name",
     "common name",
     RIGHT,
     {.subject = company_alone, .subject_count = 1, SAN("email:" ALICE)}},
    {"no e-mail", "lacks the e-mail", RIGHT, {.common_name = ALICE}},
    {"a host for an e-mail",
     "lacks the e-mail",
     RIGHT,
     {.common_name = ALICE, SAN("DNS:example.com")}},
    {"another's e-mail",
     "another e-mail",
     RIGHT,
     {.common_name = ALICE, SAN("email:bob@example.com")}},
    {"a host beside the e-mail",
     "more than one name",
     RIGHT,
     {.common_name = ALICE, SAN("email:" ALICE ",DNS:example.com")}},
    {"a host for who is no e-mail",
     "no e-mail",
     RIGHT,
     {.common_name = "s7", SAN("DNS:s7.example")}},
    {"as it should be", NULL, RIGHT, {EMAIL}},
    {"a user who is no e-mail", NULL, RIGHT, {.common_name = "service-7"}},
};

static void set_serial(X509 *x, enum wrong wrong)
{
    unsigned char octets[21];
    size_t n = 20;
    memset(octets, 0x5a, sizeof(octets));
    for (size_t i = 0; i < sizeof(octets) && wrong != EVEN_SERIAL; i++) {
        octets[i] = (unsigned char)(0x41 + i);
    }
    n = wrong == SHORT_SERIAL ? 7 : wrong == LONG_SERIAL ? 21 : n;
    BIGNUM *number = BN_bin2bn(octets, (int)n, NULL);
    BN_set_negative(number, wrong == NEGATIVE_SERIAL);
    assert_non_null(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)));
    BN_free(number);
}

/* What pki_cert() does not make wrong is made so here, and signed anew. */
static X509 *make(const struct ca_lab *lab, const struct row *r)
{
    EVP_PKEY *key = pki_key();
    EVP_PKEY *signer = r->wrong == OTHERS_KEY ? key : lab->key.key;
    struct pki_spec spec = r->spec;
    spec.basic = spec.basic != NULL ? spec.basic : "critical,CA:FALSE";
    X509 *x = pki_cert(&spec, r->wrong == CAS_KEY ? lab->key.key : key, lab->key.certificate,
                       lab->key.key);
    set_serial(x, r->wrong);
    if (r->wrong == OTHERS_NAME) {
        assert_int_equal(X509_set_issuer_name(x, X509_get_subject_name(x)), 1);
    }
    if (r->wrong == TWICE) {
        assert_int_equal(X509_add_ext(x, X509_get_ext(x, 0), -1), 1);
    }
    assert_true(X509_sign(x, signer, EVP_sha256()) > 0);
    if (r->wrong == VERSION_1) { /* behind it: signing makes it version 3 again (OpenSSL 3.4) */
        assert_int_equal(X509_set_version(x, X509_VERSION_1), 1);
    }
    EVP_PKEY_free(key);
    return x;
}

static void test_rows(void **state)
{
    (void)state;
    struct ca_lab lab;
    lab_open(&lab);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct err e = {0};
        X509 *made = make(&lab, &rows[i]);
        unsigned char *der = NULL;
        int n = i2d_X509(made, &der);
        const unsigned char *p = der;
        X509 *x = d2i_X509(NULL, &p, n); /* as it goes out, without what the library remembers */
        assert_non_null(x);
        int rc = lint_leaf(&lab.key, x, &e);
        CHECK_ROW(rows[i].says, rc == (rows[i].word != NULL ? -ERR_DENIED : 0));
        CHECK_ROW(rows[i].says, rows[i].word == NULL || strstr(e.text, rows[i].word) != NULL);
        X509_free(x);
        X509_free(made);
        OPENSSL_free(der);
    }
    lab_close(&lab);
}

static const struct wish {
    const char *says;
    const char *user;
    const char *company;
    const char *type;
    const char *group;
    unsigned bits;
    int rc;
    int64_t at_s; /* from PKI_NOW_S */
    uint32_t days;
} wishes[] = {
    {"P-256", ALICE, ACME, "EC", "P-256", 0, 0, 0, 20},
    {"P-384", ALICE, ACME, "EC", "P-384", 0, 0, 0, 20},
    {"Ed25519", ALICE, ACME, "ED25519", NULL, 0, 0, 0, 20},
    {"RSA", ALICE, ACME, NULL, NULL, 2048, 0, 0, 20},
    {"no e-mail", "service-7", ACME, "EC", "P-256", 0, 0, 0, 20},
    {"letters beyond ASCII", "m\xc3\xbcller@example.com", "M\xc3\xbcller & S\xc3\xb6hne", "EC",
     "P-256", 0, 0, 0, 20},
    {"no company", ALICE, "", "EC", "P-256", 0, 0, 0, 20},
    {"longer than the CA", ALICE, ACME, "EC", "P-256", 0, 0, 0, 3650},
    {"a moment before the CA's end", ALICE, ACME, "EC", "P-256", 0, 0, 30 * PKI_DAY_S - 1, 20},
    {"at the CA's end", ALICE, ACME, "EC", "P-256", 0, -ERR_DENIED, 30 * PKI_DAY_S, 20},
    {"before the CA", ALICE, ACME, "EC", "P-256", 0, -ERR_DENIED, -2 * PKI_DAY_S, 20},
    {"a name too long for a certificate",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaa",
     ACME, "EC", "P-256", 0, -ERR_CRYPTO, 0, 20},
    {"no name", "", ACME, "EC", "P-256", 0, -ERR_CRYPTO, 0, 20},
};

/* What leaf makes passes, whatever is asked of it; and what cannot be made is not. */
static void test_leaf(void **state)
{
    (void)state;
    struct ca_lab lab;
    lab_open(&lab);
    for (size_t i = 0; i < ROWS(wishes); i++) {
        EVP_PKEY *key = wishes[i].bits > 0 ? pki_rsa_key(wishes[i].bits)
                        : wishes[i].group != NULL
                            ? EVP_PKEY_Q_keygen(NULL, NULL, wishes[i].type, wishes[i].group)
                            : EVP_PKEY_Q_keygen(NULL, NULL, wishes[i].type);
        struct leaf_wish w = {.key = key,
                              .user = str_of(wishes[i].user),
                              .company = str_of(wishes[i].company),
                              .now_ms = (PKI_NOW_S + wishes[i].at_s) * 1000,
                              .life_days = wishes[i].days,
                              .crl_url = STR("http://pki.example.com/ca.crl"),
                              .ocsp_url = STR("http://pki.example.com/ocsp")};
        X509 *x = NULL;
        struct err e = {0};
        assert_int_equal(certificate_serial(w.serial), 0);
        CHECK_ROW(wishes[i].says, leaf_sign(&lab.key, &w, &x, &e) == wishes[i].rc);
        CHECK_ROW(wishes[i].says, (x != NULL) == (wishes[i].rc == 0));
        if (x != NULL) {
            CHECK_ROW(wishes[i].says, X509_get_ext_by_NID(x, NID_crl_distribution_points, -1) >= 0);
            CHECK_ROW(wishes[i].says, X509_get_ext_by_NID(x, NID_info_access, -1) >= 0);
            CHECK_ROW(wishes[i].says,
                      X509_cmp_time(X509_get0_notAfter(x),
                                    &(time_t){(time_t)(PKI_NOW_S + 30 * PKI_DAY_S)}) <= 0);
        }
        X509_free(x);
        EVP_PKEY_free(key);
    }
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_leaf)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
