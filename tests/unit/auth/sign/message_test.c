/* Signatures over requests: the vectors of RFC 9421, appendix B, octet for octet, and what is
 * covered of a request of ours. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "auth/sign/message.h"
#include "base/enc.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/support/check.h"

#define KEY_FILE  TEST_SOURCE_DIR "/tests/vectors/rfc9421/test-key-ecc-p256.pem"
#define CERT_FILE TEST_SOURCE_DIR "/tests/vectors/rfc9440/Client-Cert"
#define CREATED   1618884473
#define DIGEST                                                                                     \
    "sha-512=:WZDPaVn/"                                                                            \
    "7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJw"                 \
    "ew==:"

static struct conf_text key_path = {.p = KEY_FILE};

struct lab {
    struct arena arena;
    struct fields fields;
    struct files *files;
    struct diags *diags;
    struct es256 *keys;
};

static void lab_open(struct lab *l)
{
    const struct conf_texts paths = {&key_path, 1};
    arena_init(&l->arena, 65536);
    fields_init(&l->fields, &l->arena);
    l->files = files_new();
    l->diags = diags_new();
    l->keys = es256_load(&paths, true, l->files, l->diags, "signature.keys");
    assert_non_null(l->keys);
}

static void lab_close(struct lab *l)
{
    es256_free(l->keys);
    diags_free(l->diags);
    files_free(l->files);
    arena_release(&l->arena);
}

static void add(struct lab *l, const char *name, struct str value)
{
    assert_int_equal(fields_add(&l->fields, str_of(name), value), 0);
}

/* Verify a raw signature of text by the public part of the RFC's key. */
static bool verifies(struct str text, const unsigned char *raw)
{
    FILE *f = fopen(KEY_FILE, "re");
    assert_non_null(f);
    EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    assert_int_equal(fclose(f), 0);
    ECDSA_SIG *sig = ECDSA_SIG_new();
    assert_int_equal(ECDSA_SIG_set0(sig, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL)),
                     1);
    unsigned char *der = NULL;
    int n = i2d_ECDSA_SIG(sig, &der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = n > 0 && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(ctx, der, (size_t)n, (const unsigned char *)text.p, text.n) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
    EVP_PKEY_free(key);
    return good;
}

/* The request of B.2. */
static struct message test_request(struct lab *l)
{
    add(l, "Date", STR("Tue, 20 Apr 2021 02:07:55 GMT"));
    add(l, "Content-Type", STR("application/json"));
    add(l, "Content-Digest", STR(DIGEST));
    add(l, "Content-Length", STR("18"));
    return (struct message){STR("POST"), STR("https"), STR("example.com"),
                            STR("/foo?param=Value&Pet=dog"), &l->fields};
}

#define MAX_COMPONENTS 8

static const struct {
    const char *says;
    const char *components[MAX_COMPONENTS];
    size_t n;
    const char *key;
    const char *base;
} rows[] = {
    {"2.5 covers some",
     {"@method", "@authority", "@path", "content-digest", "content-length", "content-type"},
     6,
     "test-key-rsa-pss",
     "\"@method\": POST\n\"@authority\": example.com\n\"@path\": /foo\n"
     "\"content-digest\": " DIGEST "\n\"content-length\": 18\n"
     "\"content-type\": application/json\n"
     "\"@signature-params\": (\"@method\" \"@authority\" \"@path\" \"content-digest\" "
     "\"content-length\" \"content-type\");created=1618884473;keyid=\"test-key-rsa-pss\""},
    {"B.2.3 covers all",
     {"date", "@method", "@path", "@query", "@authority", "content-type", "content-digest",
      "content-length"},
     8,
     "test-key-rsa-pss",
     "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n"
     "\"@query\": ?param=Value&Pet=dog\n\"@authority\": example.com\n"
     "\"content-type\": application/json\n\"content-digest\": " DIGEST "\n"
     "\"content-length\": 18\n"
     "\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@query\" \"@authority\" "
     "\"content-type\" \"content-digest\" \"content-length\");created=1618884473;"
     "keyid=\"test-key-rsa-pss\""},
    {"B.2.5",
     {"date", "@authority", "content-type"},
     3,
     "test-shared-secret",
     "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n"
     "\"content-type\": application/json\n"
     "\"@signature-params\": (\"date\" \"@authority\" \"content-type\");created=1618884473;"
     "keyid=\"test-shared-secret\""},
    {"B.2.6",
     {"date", "@method", "@path", "@authority", "content-type", "content-length"},
     6,
     "test-key-ed25519",
     "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n"
     "\"@authority\": example.com\n\"content-type\": application/json\n\"content-length\": 18\n"
     "\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" "
     "\"content-length\");created=1618884473;keyid=\"test-key-ed25519\""},
    {"nothing", {NULL}, 0, "k", "\"@signature-params\": ();created=1618884473;keyid=\"k\""},
};

static void check_base(const char *says, const struct message *m, const struct str *components,
                       size_t n, struct str key, struct str wanted)
{
    const struct message_params p = {.created_s = CREATED, .key_name = key};
    struct buf input;
    struct buf base;
    buf_init(&input, 65536);
    buf_init(&base, 65536);
    assert_int_equal(message_input(components, n, &p, &input), 0);
    assert_int_equal(message_base(m, components, n, buf_str(&input), &base), 0);
    CHECK_STR(says, buf_str(&base), wanted);
    buf_release(&input);
    buf_release(&base);
}

static void test_bases(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    const struct message m = test_request(&l);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct str components[MAX_COMPONENTS];
        for (size_t k = 0; k < rows[i].n; k++) {
            components[k] = str_of(rows[i].components[k]);
        }
        check_base(rows[i].says, &m, components, rows[i].n, str_of(rows[i].key),
                   str_of(rows[i].base));
    }
    lab_close(&l);
}

/* B.3: a proxy that tells the client's certificate. The RFC's signature verifies over our base. */
static void test_proxy_vector(void **state)
{
    (void)state;
    const struct str components[] = {STR("@path"), STR("@query"), STR("@method"), STR("@authority"),
                                     STR("client-cert")};
    const struct str theirs =
        STR("xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw"
            "==");
    unsigned char raw[72];
    size_t n = 0;
    struct lab l;
    struct str cert;
    struct buf base;
    struct buf input;
    lab_open(&l);
    assert_int_equal(files_read(l.files, CERT_FILE, &cert, NULL), 0);
    add(&l, "Client-Cert", str_slice(cert, 0, cert.n - 1));
    const struct message m = {STR("POST"), STR("https"), STR("service.internal.example"),
                              STR("/foo?param=Value&Pet=dog"), &l.fields};
    const struct message_params p = {.created_s = CREATED, .key_name = STR("test-key-ecc-p256")};
    buf_init(&input, 65536);
    buf_init(&base, 65536);
    assert_int_equal(message_input(components, 5, &p, &input), 0);
    CHECK_STR("Signature-Input", buf_str(&input),
              STR("(\"@path\" \"@query\" \"@method\" \"@authority\" \"client-cert\");created="
                  "1618884473;keyid=\"test-key-ecc-p256\""));
    assert_int_equal(message_base(&m, components, 5, buf_str(&input), &base), 0);
    assert_int_equal(enc_base64_decode(theirs, raw, &n), 0);
    assert_int_equal(n, ES256_SIGNATURE);
    assert_true(verifies(buf_str(&base), raw));
    assert_int_equal(es256_sign(l.keys, buf_str(&base), raw), 0);
    assert_true(verifies(buf_str(&base), raw));
    raw[5] ^= 1;
    assert_false(verifies(buf_str(&base), raw));
    buf_release(&input);
    buf_release(&base);
    lab_close(&l);
}

static const struct {
    const char *says;
    const char *component;
    const char *authority;
    const char *target;
    const char *value; /* NULL: there is none */
} derived[] = {
    {"in lower case", "@authority", "API.Example", "/", "api.example"},
    {"without its own port", "@authority", "a.example:443", "/", "a.example"},
    {"with another", "@authority", "a.example:80", "/", "a.example:80"},
    {"no query", "@query", "a", "/x", "?"},
    {"an empty one", "@query", "a", "/x?", "?"},
    {"all behind the first mark", "@query", "a", "/x?y?z", "?y?z"},
    {"a path without it", "@path", "a", "/x%2Fy?z", "/x%2Fy"},
    {"the target", "@request-target", "a", "/x?z", "/x?z"},
    {"the whole", "@target-uri", "A:443", "/x?z", "https://a/x?z"},
    {"the scheme", "@scheme", "a", "/", "https"},
    {"lines are joined", "accept", "a", "/", "x, y z"},
    {"an unknown one", "@status", "a", "/", NULL},
    {"a field that is not there", "x-none", "a", "/", NULL},
};

static void test_derived(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    add(&l, "Accept", STR(" x"));
    add(&l, "ACCEPT", STR("y z\t"));
    for (size_t i = 0; i < ROWS(derived); i++) {
        const struct str component = str_of(derived[i].component);
        const struct message m = {STR("GET"), STR("https"), str_of(derived[i].authority),
                                  str_of(derived[i].target), &l.fields};
        struct buf base;
        buf_init(&base, 4096);
        int rc = message_base(&m, &component, 1, STR("()"), &base);
        CHECK_ROW(derived[i].says, rc == (derived[i].value != NULL ? 0 : -ERR_NOT_FOUND));
        if (rc == 0) {
            struct str wanted = arena_printf(&l.arena, "\"%.*s\": %s\n\"@signature-params\": ()",
                                             STR_ARG(component), derived[i].value);
            CHECK_STR(derived[i].says, buf_str(&base), wanted);
        }
        buf_release(&base);
    }
    lab_close(&l);
}

static struct conf_text chosen[] = {
    {.p = "@method"}, {.p = "accept"}, {.p = "date"}, {.p = "x-user"}};
static const struct conf_signature conf = {
    .label = {.p = "sig"}, .life_ms = 60000, .components = {chosen, 4}};

/* Identity fields are covered whatever was chosen; each once; what is absent is left out. */
static void test_sign(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    add(&l, "Accept", STR("x"));
    add(&l, "X-User", STR("alice"));
    add(&l, "Client-Cert", STR(":AA==:"));
    add(&l, "Via", STR("1.1 p"));
    const struct message m = {STR("GET"), STR("https"), STR("a"), STR("/"), &l.fields};
    const size_t own[2] = {1, 3};
    assert_int_equal(message_sign(&conf, l.keys, &m, own, INT64_C(1618884473999), &l.fields), 0);
    struct str wanted =
        arena_printf(&l.arena,
                     "sig=(\"@method\" \"accept\" \"x-user\" \"client-cert\");created=1618884473;"
                     "expires=1618884533;keyid=\"%.*s\";alg=\"ecdsa-p256-sha256\"",
                     STR_ARG(es256_name(l.keys, 0)));
    CHECK_STR("input", fields_find(&l.fields, STR("Signature-Input"))->value, wanted);
    struct str signature = fields_find(&l.fields, STR("Signature"))->value;
    assert_true(str_starts(signature, STR("sig=:")) && str_ends(signature, STR("==:")));
    assert_int_equal(signature.n, 5 + 88 + 1);
    lab_close(&l);
}

static void test_memory(void **state)
{
    (void)state;
    int rc = -1;
    for (unsigned long nth = 1; rc != 0 && nth < 60; nth++) {
        struct lab l;
        lab_open(&l);
        add(&l, "X-User", STR("alice"));
        const struct message m = {STR("GET"), STR("https"), STR("a"), STR("/"), &l.fields};
        const size_t own[2] = {0, 1};
        mem_fail_after(nth, false);
        rc = message_sign(&conf, l.keys, &m, own, 1000, &l.fields);
        mem_fail_after(0, false);
        assert_true(rc == 0 || rc == -ERR_NOMEM);
        lab_close(&l);
    }
    assert_int_equal(rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bases),   cmocka_unit_test(test_proxy_vector),
        cmocka_unit_test(test_derived), cmocka_unit_test(test_sign),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
