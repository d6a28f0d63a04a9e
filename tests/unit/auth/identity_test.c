/* Who a certificate says it is: exactly one attribute, of a safe type, with safe content, or
 * nobody. The first table is that of the hostile subjects: what may pass for alice@example.com. */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/x509v3.h>

#include "auth/identity.h"
#include "auth/pairing.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

#define ALICE "alice@example.com"
#define EMAIL NID_pkcs9_emailAddress
#define IA5   V_ASN1_IA5STRING
#define UTF8  V_ASN1_UTF8STRING
#define PRINT V_ASN1_PRINTABLESTRING
#define BMP   V_ASN1_BMPSTRING
#define T61   V_ASN1_T61STRING

/* An attribute, one of so many octets, one in the RDN of that before. */
#define ONE(nid, type, text)                                                                       \
    {                                                                                              \
        (nid), (type), (text), 0, false                                                            \
    }
#define RAW(nid, type, text, n)                                                                    \
    {                                                                                              \
        (nid), (type), (text), (n), false                                                          \
    }
#define WITH(nid, type, text)                                                                      \
    {                                                                                              \
        (nid), (type), (text), 0, true                                                             \
    }

#define ENTRIES_MAX 3

static EVP_PKEY *key;
static X509 *ca;

struct row {
    const char *says;
    struct pki_entry subject[ENTRIES_MAX];
    const char *san;
    enum reason reason;
    const char *user; /* NULL: none */
};

static size_t count(const struct pki_entry *e)
{
    size_t n = 0;
    while (n < ENTRIES_MAX && e[n].value != NULL) {
        n++;
    }
    return n;
}

static struct identity *read_row(const struct row *row, enum conf_user_id from)
{
    struct pki_spec spec = {
        .subject = row->subject, .subject_count = count(row->subject), .san = row->san};
    X509 *leaf = pki_cert(&spec, key, ca, key);
    struct conf_identity rule = {.user_id = from};
    struct identity *id = identity_new(leaf, &rule);
    X509_free(leaf);
    assert_non_null(id);
    return id;
}

static bool is_safe_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < ' ' || s.p[i] > '~') {
            return false;
        }
    }
    return s.n == 0 || s.p[s.n] == '\0';
}

static void check_rows(const struct row *rows, size_t n, enum conf_user_id from)
{
    for (size_t i = 0; i < n; i++) {
        struct identity *id = read_row(&rows[i], from);
        CHECK_STR(rows[i].says, str_of(reason_token(id->reason)),
                  str_of(reason_token(rows[i].reason)));
        CHECK_STR(rows[i].says, id->user, str_of(rows[i].user));
        CHECK_ROW(rows[i].says, is_safe_text(id->subject) && is_safe_text(id->issuer));
        identity_free(id);
    }
}

/* Email addresses of the subject. Rows whose user is not alice must not pair with her either. */
static const struct row emails[] = {
    {"one, IA5String", {ONE(EMAIL, IA5, ALICE)}, NULL, REASON_OK, ALICE},
    {"one, UTF8String", {ONE(EMAIL, UTF8, ALICE)}, NULL, REASON_OK, ALICE},
    {"in one RDN with the CN",
     {ONE(NID_commonName, UTF8, "Alice"), WITH(EMAIL, IA5, ALICE)},
     NULL,
     REASON_OK,
     ALICE},
    {"a second one behind",
     {ONE(EMAIL, IA5, ALICE), ONE(EMAIL, IA5, "mallory@example.com")},
     NULL,
     REASON_CERT_IDENTITY_REPEATED,
     NULL},
    {"a second one in front",
     {ONE(EMAIL, IA5, "mallory@example.com"), ONE(EMAIL, IA5, ALICE)},
     NULL,
     REASON_CERT_IDENTITY_REPEATED,
     NULL},
    {"the same one twice",
     {ONE(EMAIL, IA5, ALICE), ONE(EMAIL, IA5, ALICE)},
     NULL,
     REASON_CERT_IDENTITY_REPEATED,
     NULL},
    {"two in one multi-valued RDN",
     {ONE(EMAIL, IA5, "mallory@example.com"), WITH(EMAIL, IA5, ALICE)},
     NULL,
     REASON_CERT_IDENTITY_REPEATED,
     NULL},
    {"inside a CN, with one of its own",
     {ONE(NID_commonName, UTF8, "x,emailAddress=" ALICE), ONE(EMAIL, IA5, "mallory@example.com")},
     NULL,
     REASON_OK,
     "mallory@example.com"},
    {"inside a CN, without one",
     {ONE(NID_commonName, UTF8, "x,emailAddress=" ALICE)},
     NULL,
     REASON_CERT_IDENTITY_MISSING,
     NULL},
    {"inside a CN behind a slash",
     {ONE(NID_commonName, UTF8, "x/emailAddress=" ALICE)},
     NULL,
     REASON_CERT_IDENTITY_MISSING,
     NULL},
    {"a NUL behind it",
     {RAW(EMAIL, IA5, ALICE "\0.evil.example", sizeof(ALICE ".evil.example"))},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"a NUL at the end",
     {RAW(EMAIL, IA5, ALICE "\0", sizeof(ALICE))},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"CR and LF",
     {ONE(EMAIL, IA5, ALICE "\r\nX-Client-User: root")},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"a list", {ONE(EMAIL, IA5, ALICE ",b@c")}, NULL, REASON_CERT_IDENTITY_MALFORMED, NULL},
    {"a list with a blank",
     {ONE(EMAIL, IA5, "b@c " ALICE)},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"with a name around it",
     {ONE(EMAIL, IA5, "M<" ALICE ">")},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"a space at the end",
     {ONE(EMAIL, IA5, ALICE " ")},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"a space in front", {ONE(EMAIL, IA5, " " ALICE)}, NULL, REASON_CERT_IDENTITY_MALFORMED, NULL},
    {"upper case is another user",
     {ONE(EMAIL, IA5, "ALICE@example.com")},
     NULL,
     REASON_OK,
     "ALICE@example.com"},
    {"a Cyrillic a",
     {ONE(EMAIL, UTF8, "\xd0\xb0lice@example.com")},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"a BMPString",
     {RAW(EMAIL, BMP, "\0a\0l\0i\0c\0e\0@\0e\0x\0a\0m\0p\0l\0e\0.\0c\0o\0m", 34)},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"a T61String", {ONE(EMAIL, T61, ALICE)}, NULL, REASON_CERT_IDENTITY_MALFORMED, NULL},
    {"a PrintableString", {ONE(EMAIL, PRINT, ALICE)}, NULL, REASON_CERT_IDENTITY_MALFORMED, NULL},
    {"only in the SAN",
     {ONE(NID_commonName, UTF8, "Alice")},
     "email:" ALICE,
     REASON_CERT_IDENTITY_MISSING,
     NULL},
    {"none at all", {ONE(NID_commonName, UTF8, "Alice")}, NULL, REASON_CERT_IDENTITY_MISSING, NULL},
    {"an empty subject", {{.nid = 0}}, NULL, REASON_CERT_IDENTITY_MISSING, NULL},
    {"a colon",
     {ONE(EMAIL, IA5, "alice:x@example.com")},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
};

static void test_emails(void **state)
{
    (void)state;
    check_rows(emails, ROWS(emails), CONF_USER_ID_SUBJECT_EMAIL);
    for (size_t i = 0; i < ROWS(emails); i++) {
        const struct conf_identity rule = {.fold_domain = true};
        bool is_alice = emails[i].user != NULL && strcmp(emails[i].user, ALICE) == 0;
        struct identity *id = read_row(&emails[i], CONF_USER_ID_SUBJECT_EMAIL);
        CHECK_ROW(emails[i].says, pairing_same(id->user, STR(ALICE), &rule) == is_alice);
        identity_free(id);
    }
}

#define X64  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X255 X64 X64 X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* Text that does not decode (a BMPString of odd length or with half a surrogate, broken UTF-8) has
 * no row: the library refuses such a name as a whole, so that there is no certificate to ask. */
static const struct row common_names[] = {
    {"UTF8String", {ONE(NID_commonName, UTF8, "alice")}, NULL, REASON_OK, "alice"},
    {"PrintableString", {ONE(NID_commonName, PRINT, "alice")}, NULL, REASON_OK, "alice"},
    {"inner spaces",
     {ONE(NID_commonName, UTF8, "Alice Liddell")},
     NULL,
     REASON_OK,
     "Alice Liddell"},
    {"UTF-8", {ONE(NID_commonName, UTF8, "b\xc3\xa4r")}, NULL, REASON_OK, "b\xc3\xa4r"},
    {"BMPString becomes UTF-8",
     {RAW(NID_commonName, BMP, "\0b\0\xe4\0r", 6)},
     NULL,
     REASON_OK,
     "b\xc3\xa4r"},
    {"a UniversalString too",
     {RAW(NID_commonName, V_ASN1_UNIVERSALSTRING, "\0\0\0b\0\0\0\xe4", 8)},
     NULL,
     REASON_OK,
     "b\xc3\xa4"},
    {"T61String of ASCII", {ONE(NID_commonName, T61, "alice")}, NULL, REASON_OK, "alice"},
    {"255 octets", {ONE(NID_commonName, UTF8, X255)}, NULL, REASON_OK, X255},
    {"256 octets",
     {ONE(NID_commonName, UTF8, X255 "x")},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"T61String beyond ASCII",
     {ONE(NID_commonName, T61, "b\xe4r")},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"IA5String beyond ASCII",
     {ONE(NID_commonName, IA5, "b\xe4r")},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"a BIT STRING",
     {ONE(NID_commonName, V_ASN1_BIT_STRING, "alice")},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"a NUL",
     {RAW(NID_commonName, UTF8, "alice\0", 6)},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"a NUL in a BMPString",
     {RAW(NID_commonName, BMP, "\0a\0\0\0b", 6)},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"a colon", {ONE(NID_commonName, UTF8, "alice:x")}, NULL, REASON_CERT_IDENTITY_MALFORMED, NULL},
    {"DEL", {ONE(NID_commonName, UTF8, "alice\x7f")}, NULL, REASON_CERT_IDENTITY_MALFORMED, NULL},
    {"a C1 control",
     {ONE(NID_commonName, UTF8, "alice\xc2\x85")},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"a space at the end",
     {ONE(NID_commonName, UTF8, "alice ")},
     NULL,
     REASON_CERT_IDENTITY_MALFORMED,
     NULL},
    {"two",
     {ONE(NID_commonName, UTF8, "mallory"), ONE(NID_commonName, UTF8, "alice")},
     NULL,
     REASON_CERT_IDENTITY_REPEATED,
     NULL},
    {"two in one RDN",
     {ONE(NID_commonName, UTF8, "mallory"), WITH(NID_commonName, UTF8, "alice")},
     NULL,
     REASON_CERT_IDENTITY_REPEATED,
     NULL},
    {"none", {ONE(NID_organizationName, UTF8, "alice")}, NULL, REASON_CERT_IDENTITY_MISSING, NULL},
};

static void test_common_names(void **state)
{
    (void)state;
    check_rows(common_names, ROWS(common_names), CONF_USER_ID_SUBJECT_CN);
}

static void test_uid(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"one", {ONE(NID_userId, UTF8, "alice")}, NULL, REASON_OK, "alice"},
        {"the CN does not count",
         {ONE(NID_commonName, UTF8, "mallory"), ONE(NID_userId, UTF8, "alice")},
         NULL,
         REASON_OK,
         "alice"},
        {"two",
         {ONE(NID_userId, UTF8, "mallory"), ONE(NID_userId, UTF8, "alice")},
         NULL,
         REASON_CERT_IDENTITY_REPEATED,
         NULL},
        {"inside a CN",
         {ONE(NID_commonName, UTF8, "x,UID=alice")},
         NULL,
         REASON_CERT_IDENTITY_MISSING,
         NULL},
    };
    check_rows(rows, ROWS(rows), CONF_USER_ID_SUBJECT_UID);
}

static void test_san(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"one", {{.nid = 0}}, "email:" ALICE, REASON_OK, ALICE},
        {"beside others", {{.nid = 0}}, "DNS:a.example,email:" ALICE ",URI:x:y", REASON_OK, ALICE},
        {"two", {{.nid = 0}}, "email:" ALICE ",email:b@c", REASON_CERT_IDENTITY_REPEATED, NULL},
        {"a DNS name is no e-mail", {{.nid = 0}}, "DNS:" ALICE, REASON_CERT_IDENTITY_MISSING, NULL},
        {"nor is a UPN",
         {{.nid = 0}},
         "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:" ALICE,
         REASON_CERT_IDENTITY_MISSING,
         NULL},
        {"no SAN", {ONE(EMAIL, IA5, ALICE)}, NULL, REASON_CERT_IDENTITY_MISSING, NULL},
    };
    check_rows(rows, ROWS(rows), CONF_USER_ID_SAN_EMAIL);
}

/* A SAN that the library cannot decode, and two of them. */
static void test_bad_san(void **state)
{
    (void)state;
    static const struct pki_extension bad[] = {{NID_subject_alt_name, "DER:30:03:81:05:61"}};
    static const struct pki_extension second[] = {{NID_subject_alt_name, "email:" ALICE}};
    const struct {
        const char *says;
        struct pki_spec spec;
        enum reason reason;
    } rows[] = {
        {"not decodable",
         {.common_name = "x", .extensions = bad, .extension_count = 1},
         REASON_CERT_IDENTITY_MALFORMED},
        {"the extension twice",
         {.common_name = "x", .san = "email:b@c", .extensions = second, .extension_count = 1},
         REASON_CERT_IDENTITY_REPEATED},
    };
    const struct conf_identity rule = {.user_id = CONF_USER_ID_SAN_EMAIL};
    for (size_t i = 0; i < ROWS(rows); i++) {
        X509 *leaf = pki_cert(&rows[i].spec, key, ca, key);
        struct identity *id = identity_new(leaf, &rule);
        assert_non_null(id);
        CHECK_STR(rows[i].says, str_of(reason_token(id->reason)),
                  str_of(reason_token(rows[i].reason)));
        CHECK_ROW(rows[i].says, id->user.n == 0);
        identity_free(id);
        X509_free(leaf);
    }
}

static void test_texts(void **state)
{
    (void)state;
    const struct {
        const char *says;
        struct pki_entry subject[ENTRIES_MAX];
        const char *text;
    } rows[] = {
        {"last RDN first",
         {ONE(NID_organizationName, UTF8, "Acme"), ONE(NID_commonName, UTF8, "alice")},
         "CN=alice,O=Acme"},
        {"specials are escaped",
         {ONE(NID_commonName, UTF8, "a,b+c\"d\\e<f>g;h")},
         "CN=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h"},
        {"UTF-8 is escaped", {ONE(NID_commonName, UTF8, "b\xc3\xa4r")}, "CN=b\\C3\\A4r"},
        {"controls are escaped",
         {ONE(NID_commonName, UTF8, "a\r\nX: y\x7f")},
         "CN=a\\0D\\0AX: y\\7F"},
        {"NUL is escaped", {RAW(NID_commonName, UTF8, "a\0b", 3)}, "CN=a\\00b"},
        {"multi-valued",
         {ONE(NID_commonName, UTF8, "a"), WITH(NID_organizationName, UTF8, "b")},
         NULL},
        {"empty", {{.nid = 0}}, ""},
        /* A field value would lose a space at its end, and with it which name it is. */
        {"a space at the end", {ONE(NID_commonName, UTF8, "alice ")}, "CN=alice\\20"},
        {"two of them", {ONE(NID_commonName, UTF8, "alice  ")}, "CN=alice \\20"},
        {"a backslash and a space", {ONE(NID_commonName, UTF8, "alice\\ ")}, "CN=alice\\\\\\20"},
        {"a space elsewhere",
         {ONE(NID_organizationName, UTF8, "Acme"), ONE(NID_commonName, UTF8, "alice ")},
         "CN=alice\\ ,O=Acme"},
        {"a space alone", {ONE(NID_commonName, UTF8, " ")}, "CN=\\20"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct pki_spec spec = {.subject = rows[i].subject,
                                .subject_count = count(rows[i].subject)};
        X509 *leaf = pki_cert(&spec, key, ca, key);
        struct identity *id = identity_new(leaf, &(struct conf_identity){0});
        assert_non_null(id);
        CHECK_ROW(rows[i].says, is_safe_text(id->subject));
        CHECK_STR(rows[i].says, id->issuer, STR("CN=Test CA"));
        if (rows[i].text != NULL) {
            CHECK_STR(rows[i].says, id->subject, str_of(rows[i].text));
        }
        identity_free(id);
        X509_free(leaf);
    }
}

/* A subject that is too long to be printed whole names nobody and is not cut. */
static void test_long_subject(void **state)
{
    (void)state;
    struct pki_entry entries[60];
    for (size_t n = 10; n <= ROWS(entries); n += 50) {
        entries[0] = (struct pki_entry)ONE(NID_commonName, UTF8, "alice");
        for (size_t i = 1; i < n; i++) {
            entries[i] = (struct pki_entry)ONE(NID_organizationalUnitName, UTF8, X64);
        }
        struct pki_spec spec = {.subject = entries, .subject_count = n};
        X509 *leaf = pki_cert(&spec, key, ca, key);
        struct identity *id = identity_new(leaf, &(struct conf_identity){0});
        assert_non_null(id);
        assert_int_equal(id->reason, n == 10 ? REASON_OK : REASON_CERT_IDENTITY_MALFORMED);
        assert_int_equal(id->user.n, n == 10 ? 5 : 0);
        assert_true((id->subject.n > 0) == (n == 10));
        identity_free(id);
        X509_free(leaf);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    const struct {
        uint64_t serial;
        const char *text;
    } rows[] = {
        {1, "01"},
        {0x0a, "0A"},
        {0xabc, "0ABC"},
        {0xff00, "FF00"},
        {UINT64_MAX, "FFFFFFFFFFFFFFFF"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct pki_spec spec = {.common_name = "alice",
                                .serial = rows[i].serial,
                                .not_before_s = 1000000000,
                                .not_after_s = INT64_C(4000000000)};
        X509 *leaf = pki_cert(&spec, key, ca, key);
        struct identity *id = identity_new(leaf, &(struct conf_identity){0});
        assert_non_null(id);
        CHECK_STR("serial", id->serial, str_of(rows[i].text));
        assert_int_equal(id->not_before_ms, INT64_C(1000000000000));
        assert_int_equal(id->not_after_ms, INT64_C(4000000000000));
        unsigned char digest[32];
        unsigned n = 0;
        assert_int_equal(X509_digest(leaf, EVP_sha256(), digest, &n), 1);
        assert_memory_equal(id->digest, digest, sizeof(digest));
        assert_int_equal(strlen(id->fingerprint), 64);
        char first[3];
        (void)snprintf(first, sizeof(first), "%02x", digest[0]);
        assert_memory_equal(id->fingerprint, first, 2);
        identity_free(id);
        X509_free(leaf);
    }
    identity_free(NULL);
}

static void test_zero_serial(void **state)
{
    (void)state;
    X509 *leaf = pki_leaf("alice", key, ca, key);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(leaf), 0), 1);
    struct identity *id = identity_new(leaf, &(struct conf_identity){0});
    assert_non_null(id);
    CHECK_STR("zero", id->serial, STR("00"));
    identity_free(id);
    X509_free(leaf);
}

static void test_memory(void **state)
{
    (void)state;
    X509 *leaf = pki_leaf("alice", key, ca, key);
    unsigned long total = 0;
    mem_fail_after(0, false);
    identity_free(identity_new(leaf, &(struct conf_identity){0}));
    total = mem_allocations();
    assert_true(total >= 5);
    for (unsigned long nth = 1; nth <= total; nth++) {
        mem_fail_after(nth, false);
        assert_null(identity_new(leaf, &(struct conf_identity){0}));
    }
    mem_fail_after(0, false);
    X509_free(leaf);
}

static int set_up(void **state)
{
    (void)state;
    key = pki_key();
    ca = pki_ca("Test CA", key);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    X509_free(ca);
    EVP_PKEY_free(key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_emails),       cmocka_unit_test(test_common_names),
        cmocka_unit_test(test_uid),          cmocka_unit_test(test_san),
        cmocka_unit_test(test_bad_san),      cmocka_unit_test(test_texts),
        cmocka_unit_test(test_long_subject), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_zero_serial),  cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
