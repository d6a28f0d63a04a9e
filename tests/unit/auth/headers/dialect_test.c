/* Certificates in the words of other proxies: the vector of RFC 9440 octet for octet, and what a
 * hostile subject cannot do to any of them. */
#include <openssl/pem.h>

#include "auth/headers/dialect.h"
#include "base/err.h"
#include "base/mem.h"
#include "conf/syntax.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

#define VECTOR TEST_SOURCE_DIR "/tests/vectors/rfc9440/"
#define ROOM   ((size_t)1 << 20)

static EVP_PKEY *key;
static X509 *ca;

static struct str read_vector(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    size_t n = fread(out, 1, size, f);
    assert_int_equal(fclose(f), 0);
    return str_trim((struct str){out, n > 0 && out[n - 1] == '\n' ? n - 1 : n});
}

static struct str value_of(const struct fields *f, const char *name)
{
    const struct field *found = fields_find(f, str_of(name));
    assert_true(fields_count(f, str_of(name)) <= 1);
    return found != NULL ? found->value : STR_NONE;
}

/* The fields of leaf in dialect d; facts and fields in a. */
static int tell(const struct dialect *d, X509 *leaf, STACK_OF(X509) * chain, struct arena *a,
                struct fields *out)
{
    struct facts facts;
    struct render r;
    fields_init(out, a);
    int rc = leaf != NULL ? facts_read(&facts, leaf, chain, a) : 0;
    if (rc == 0) {
        render_init(&r, out, ROOM);
        d->render(leaf != NULL ? &facts : NULL, chain != NULL, &r);
        rc = render_fini(&r);
    }
    return rc;
}

static void test_rfc9440(void **state)
{
    (void)state;
    char one[4096];
    char two[8192];
    FILE *f = fopen(VECTOR "chain.pem", "re");
    STACK_OF(X509) *chain = sk_X509_new_null();
    assert_non_null(f);
    for (X509 *x; (x = PEM_read_X509(f, NULL, NULL, NULL)) != NULL;) {
        assert_true(sk_X509_push(chain, x) > 0);
    }
    assert_int_equal(fclose(f), 0);
    assert_int_equal(sk_X509_num(chain), 3);
    struct arena a;
    struct fields out;
    arena_init(&a, ROOM);
    assert_int_equal(tell(&dialect_rfc9440, sk_X509_value(chain, 0), chain, &a, &out), 0);
    assert_int_equal(out.n, 2);
    CHECK_STR("Client-Cert", value_of(&out, "Client-Cert"),
              read_vector(VECTOR "Client-Cert", one, sizeof(one)));
    CHECK_STR("Client-Cert-Chain", value_of(&out, "Client-Cert-Chain"),
              read_vector(VECTOR "Client-Cert-Chain", two, sizeof(two)));
    assert_int_equal(tell(&dialect_rfc9440, sk_X509_value(chain, 0), NULL, &a, &out), 0);
    assert_int_equal(out.n, 1);
    arena_release(&a);
    sk_X509_pop_free(chain, X509_free);
}

static void test_without_certificate(void **state)
{
    (void)state;
    static const struct {
        const struct dialect *dialect;
        size_t count;
        const char *name;
        const char *value;
    } nobody[] = {
        {&dialect_rfc9440, 0, "Client-Cert", NULL},
        {&dialect_xfcc, 0, "X-Forwarded-Client-Cert", NULL},
        {&dialect_nginx, 1, "X-SSL-Client-Verify", "NONE"},
        {&dialect_apache, 1, "SSL_CLIENT_VERIFY", "NONE"},
        {&dialect_traefik, 0, "X-Forwarded-Tls-Client-Cert", NULL},
        {&dialect_haproxy, 1, "X-SSL", "1"},
    };
    for (size_t i = 0; i < ROWS(nobody); i++) {
        struct arena a;
        struct fields out;
        arena_init(&a, ROOM);
        assert_int_equal(tell(nobody[i].dialect, NULL, NULL, &a, &out), 0);
        assert_int_equal(out.n, nobody[i].count);
        CHECK_STR(nobody[i].dialect->name, value_of(&out, nobody[i].name), str_of(nobody[i].value));
        arena_release(&a);
    }
}

#define UTF8 MBSTRING_UTF8

/* A subject of one common name, and what each dialect makes of it. */
static const struct {
    const char *says;
    const char *name;
    size_t length;
    const char *xfcc;    /* behind Subject= */
    const char *apache;  /* SSL_CLIENT_S_DN_CN */
    const char *haproxy; /* X-SSL-Client-DN */
    const char *traefik; /* in the -Info, once that is decoded */
} rows[] = {
    {"plain", "alice", 0, "\"CN=alice\"", "alice", "\"/CN=alice\"", "Subject=\"CN=alice\";"},
    {"a second element of XFCC", "a\",Subject=\"CN=admin", 0, "\"CN=a\\22\\,Subject=\\22CN=admin\"",
     "a\",Subject=\"CN=admin", "\"/CN=a\\x22,Subject=\\x22CN=admin\"",
     "Subject=\"CN=a\\\"\\,Subject=\\\"CN=admin\";"},
    {"a further pair of XFCC", "a;URI=x", 0, "\"CN=a\\;URI=x\"", "a;URI=x", "\"/CN=a;URI=x\"",
     "Subject=\"CN=a;URI=x\";"},
    {"a backslash", "\\", 0, "\"CN=\\5C\"", "\\5C", "\"/CN=\\x5C\"", "Subject=\"CN=\\\\\";"},
    {"one before a quotation mark", "\\\"", 0, "\"CN=\\5C\\22\"", "\\5C\"", "\"/CN=\\x5C\\x22\"",
     "Subject=\"CN=\\\\\\\"\";"},
    {"a second attribute of the one-line form", "x/emailAddress=bob@example.com", 0,
     "\"CN=x/emailAddress=bob@example.com\"", "x/emailAddress=bob@example.com",
     "\"/CN=x\\x2FemailAddress=bob@example.com\"",
     "Subject=\"CN=x/emailAddress=bob@example.com\";"},
    {"UTF-8", "b\xc3\xa4r", 0, "\"CN=b\\C3\\A4r\"", "b\\C3\\A4r", "\"/CN=b\\xC3\\xA4r\"",
     "Subject=\"CN=b\xc3\xa4r\";"},
    {"line ends", "a\r\nX-Evil: 1", 0, "\"CN=a\\0D\\0AX-Evil: 1\"", "a\\0D\\0AX-Evil: 1",
     "\"/CN=a\\x0D\\x0AX-Evil: 1\"", "Subject=\"CN=a\r\nX-Evil: 1\";"},
    {"a NUL", "a\0b", 3, "\"CN=a\\00b\"", "a\\00b", "\"/CN=a\\x00b\"", "Subject=\"CN=a\0b\";"},
    {"outer spaces", " a ", 0, "\"CN=\\ a\\20\"", "\\20a\\20", "\"/CN=\\x20a\\x20\"",
     "Subject=\"CN= a \";"},
};

static bool holds(struct str all, struct str part)
{
    return memmem(all.p, all.n, part.p, part.n) != NULL;
}

static bool is_field_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < ' ' || s.p[i] > '~') {
            return false;
        }
    }
    return s.n > 0 && s.p[0] != ' ' && s.p[s.n - 1] != ' ';
}

static int hex(char c)
{
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

static struct str decoded(struct str s, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        out[n++] = s.p[i] == '%' ? (char)(hex(s.p[i + 1]) * 16 + hex(s.p[i + 2])) : s.p[i];
        i += s.p[i] == '%' ? 2 : 0;
    }
    return (struct str){out, n};
}

static X509 *leaf_of(const struct pki_entry *subject, size_t n, const char *san)
{
    struct pki_spec spec = {.subject = subject, .subject_count = n, .san = san, .serial = 0xa1b2};
    return pki_cert(&spec, key, ca, key);
}

static void check_subject(size_t row, X509 *leaf)
{
    struct arena a;
    struct fields out[DIALECT_COUNT];
    char plain[16384];
    char part[512];
    arena_init(&a, ROOM);
    for (size_t i = 0; i < DIALECT_COUNT; i++) {
        assert_int_equal(tell(dialects[i], leaf, NULL, &a, &out[i]), 0);
        for (size_t k = 0; k < out[i].n; k++) {
            CHECK_ROW(rows[row].says, is_field_value(out[i].v[k].value));
            bool declared = false;
            for (size_t n = 0; dialects[i]->fields[n] != NULL; n++) {
                declared = declared || str_eq(out[i].v[k].name, str_of(dialects[i]->fields[n]));
            }
            CHECK_ROW(rows[row].says, declared);
        }
    }
    (void)snprintf(part, sizeof(part), ";Subject=%s", rows[row].xfcc);
    struct str xfcc = value_of(&out[1], "X-Forwarded-Client-Cert");
    CHECK_ROW(rows[row].says, str_ends(xfcc, str_of(part)));
    CHECK_STR(rows[row].says, value_of(&out[3], "SSL_CLIENT_S_DN_CN"), str_of(rows[row].apache));
    CHECK_STR(rows[row].says, value_of(&out[5], "X-SSL-Client-DN"), str_of(rows[row].haproxy));
    struct str info = decoded(value_of(&out[4], "X-Forwarded-Tls-Client-Cert-Info"), plain);
    struct str wanted = rows[row].length > 0
                            ? (struct str){rows[row].traefik, strlen("Subject=\"CN=a_b\";")}
                            : str_of(rows[row].traefik);
    CHECK_ROW(rows[row].says, str_starts(info, wanted));
    arena_release(&a);
}

static void test_subjects(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct pki_entry cn = {NID_commonName, UTF8, rows[i].name, rows[i].length, false};
        X509 *leaf = leaf_of(&cn, 1, NULL);
        check_subject(i, leaf);
        X509_free(leaf);
    }
}

static void test_empty_subject(void **state)
{
    (void)state;
    struct arena a;
    struct fields out;
    X509 *leaf = leaf_of((const struct pki_entry[]){{0}}, 0, "critical,URI:spiffe://a/b");
    arena_init(&a, ROOM);
    assert_int_equal(tell(&dialect_xfcc, leaf, NULL, &a, &out), 0);
    CHECK_ROW(
        "an empty subject is told as such",
        str_ends(value_of(&out, "X-Forwarded-Client-Cert"), STR(";Subject=\"\";URI=spiffe://a/b")));
    arena_release(&a);
    X509_free(leaf);
}

/* Several values are never told as one. */
static void test_repeated(void **state)
{
    (void)state;
    static const struct pki_entry subject[] = {
        {NID_commonName, UTF8, "mallory", 0, false},
        {NID_commonName, UTF8, "alice", 0, false},
        {NID_organizationalUnitName, UTF8, "dev", 0, false},
    };
    struct arena a;
    struct fields out;
    X509 *leaf = leaf_of(subject, 3, "email:a@b.c,email:d@e.f");
    arena_init(&a, ROOM);
    assert_int_equal(tell(&dialect_apache, leaf, NULL, &a, &out), 0);
    CHECK_STR("two common names", value_of(&out, "SSL_CLIENT_S_DN_CN"), STR_NONE);
    CHECK_STR("one unit", value_of(&out, "SSL_CLIENT_S_DN_OU"), STR("dev"));
    CHECK_STR("two addresses", value_of(&out, "SSL_CLIENT_SAN_Email_0"), STR_NONE);
    assert_int_equal(tell(&dialect_haproxy, leaf, NULL, &a, &out), 0);
    CHECK_STR("two common names", value_of(&out, "X-SSL-Client-CN"), STR_NONE);
    CHECK_STR("the whole name", value_of(&out, "X-SSL-Client-DN"),
              STR("\"/CN=mallory/CN=alice/OU=dev\""));
    arena_release(&a);
    X509_free(leaf);
}

static void test_sans(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *san;
        const char *end; /* of XFCC */
    } sans[] = {
        {"a key for each", "URI:spiffe://a/b,DNS:x.example,URI:urn:c",
         ";URI=spiffe://a/b;URI=urn:c;DNS=x.example"},
        {"a semicolon is quoted", "URI:a;b", ";URI=\"a;b\""},
        {"an equals sign is quoted", "URI:x://a?b=c", ";URI=\"x://a?b=c\""},
        {"a quotation mark is escaped", "URI:a\"b", ";URI=\"a\\\"b\""},
        {"a backslash has no place in a URI", "URI:a\\b", ";URI=\"a%5Cb\""},
    };
    struct pki_entry cn = {NID_commonName, UTF8, "a", 0, false};
    for (size_t i = 0; i < ROWS(sans); i++) {
        struct arena a;
        struct fields out;
        X509 *leaf = leaf_of(&cn, 1, sans[i].san);
        arena_init(&a, ROOM);
        assert_int_equal(tell(&dialect_xfcc, leaf, NULL, &a, &out), 0);
        struct str value = value_of(&out, "X-Forwarded-Client-Cert");
        bool ends = str_ends(value, str_of(sans[i].end));
        if (!ends) {
            print_message("%.*s\n", STR_ARG(value));
        }
        CHECK_ROW(sans[i].says, ends);
        arena_release(&a);
        X509_free(leaf);
    }
}

static void test_plain_values(void **state)
{
    (void)state;
    struct pki_entry cn = {NID_commonName, UTF8, "alice", 0, false};
    struct arena a;
    struct fields out;
    X509 *leaf = leaf_of(&cn, 1, "email:alice@example.com,IP:192.0.2.1,DNS:a.example");
    arena_init(&a, ROOM);
    assert_int_equal(tell(&dialect_nginx, leaf, NULL, &a, &out), 0);
    CHECK_STR("verify", value_of(&out, "X-SSL-Client-Verify"), STR("SUCCESS"));
    CHECK_STR("subject", value_of(&out, "X-SSL-Client-S-DN"), STR("CN=alice"));
    CHECK_STR("issuer", value_of(&out, "X-SSL-Client-I-DN"), STR("CN=ca"));
    CHECK_STR("serial", value_of(&out, "X-SSL-Client-Serial"), STR("A1B2"));
    CHECK_STR("begin", value_of(&out, "X-SSL-Client-V-Start"), STR("Jan 14 08:00:00 2027 GMT"));
    CHECK_ROW("PEM", str_starts(value_of(&out, "X-SSL-Client-Cert"),
                                STR("-----BEGIN%20CERTIFICATE-----%0AMII")) &&
                         str_ends(value_of(&out, "X-SSL-Client-Cert"),
                                  STR("%0A-----END%20CERTIFICATE-----%0A")));
    assert_int_equal(value_of(&out, "X-SSL-Client-Fingerprint").n, 40);
    assert_int_equal(tell(&dialect_apache, leaf, NULL, &a, &out), 0);
    CHECK_STR("address", value_of(&out, "SSL_CLIENT_SAN_Email_0"), STR("alice@example.com"));
    CHECK_ROW(
        "PEM",
        str_starts(value_of(&out, "SSL_CLIENT_CERT"), STR("-----BEGIN CERTIFICATE----- MII")) &&
            str_ends(value_of(&out, "SSL_CLIENT_CERT"), STR(" -----END CERTIFICATE-----")));
    assert_int_equal(tell(&dialect_haproxy, leaf, NULL, &a, &out), 0);
    CHECK_STR("verify", value_of(&out, "X-SSL-Client-Verify"), STR("0"));
    CHECK_STR("begin", value_of(&out, "X-SSL-Client-NotBefore"), STR("\"270114080000Z\""));
    char plain[16384];
    assert_int_equal(tell(&dialect_traefik, leaf, NULL, &a, &out), 0);
    struct str info = decoded(value_of(&out, "X-Forwarded-Tls-Client-Cert-Info"), plain);
    CHECK_ROW("info", holds(info, STR(";SerialNumber=\"41394\";NB=\"1799913600\";")));
    CHECK_ROW("names", str_ends(info, STR(";SAN=\"a.example,alice@example.com,192.0.2.1\"")));
    arena_release(&a);
    X509_free(leaf);
}

/* What the configuration takes for a name of a dialect, is one. */
static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALECT_COUNT; i++) {
        CHECK_ROW(dialects[i]->name, syntax_dialect(str_of(dialects[i]->name)) == NULL);
        assert_ptr_equal(dialect_find(str_of(dialects[i]->name)), dialects[i]);
    }
    assert_null(dialect_find(STR("own")));
    assert_null(syntax_dialect(STR("own")));
    assert_non_null(syntax_dialect(STR("envoy")));
}

static void test_memory(void **state)
{
    (void)state;
    struct pki_entry cn = {NID_commonName, UTF8, "alice", 0, false};
    X509 *leaf = leaf_of(&cn, 1, "DNS:a.example");
    for (size_t i = 0; i < DIALECT_COUNT; i++) {
        int rc = -1;
        for (unsigned long nth = 1; rc != 0 && nth < 200; nth++) {
            struct arena a;
            struct fields out;
            arena_init(&a, ROOM);
            mem_fail_after(nth, false);
            rc = tell(dialects[i], leaf, NULL, &a, &out);
            mem_fail_after(0, false);
            assert_true(rc == 0 || rc == -ERR_NOMEM || rc == -ERR_FULL);
            arena_release(&a);
        }
        assert_int_equal(rc, 0);
    }
    X509_free(leaf);
}

static int set_up(void **state)
{
    (void)state;
    key = pki_key();
    ca = pki_ca("ca", key);
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
        cmocka_unit_test(test_rfc9440),      cmocka_unit_test(test_without_certificate),
        cmocka_unit_test(test_subjects),     cmocka_unit_test(test_empty_subject),
        cmocka_unit_test(test_repeated),     cmocka_unit_test(test_sans),
        cmocka_unit_test(test_plain_values), cmocka_unit_test(test_names),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
