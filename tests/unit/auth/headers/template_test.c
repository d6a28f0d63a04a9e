/* Templates: what cannot be read, with its place; and what values become. */
#include "auth/headers/template.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

static const struct {
    const char *text;
    size_t at;
    const char *error;
} mistakes[] = {
    {"", 0, "is empty"},
    {"{", 0, "a \"{\" without \"}\": write \"{{\" for the character"},
    {"a{user", 1, "a \"{\" without \"}\": write \"{{\" for the character"},
    {"a}b", 1, "a \"}\" without \"{\": write \"}}\" for the character"},
    {"{}", 0, "there is no \"{}\""},
    {"{User}", 0, "there is no \"{User}\""},
    {"{user }", 0, "there is no \"{user }\""},
    {"x {user}{password}", 8, "there is no \"{password}\""},
    {"{subject.}", 0, "names no attribute"},
    {"{subject.Dept}", 0,
     "there is no attribute \"Dept\": write it as in OU, emailAddress or 2.5.4.11"},
    {"{issuer.2.x}", 0,
     "there is no attribute \"2.x\": write it as in OU, emailAddress or 2.5.4.11"},
    {"a\tb", 1, "may hold only printable ASCII"},
    {"b\xc3\xa4r", 1, "may hold only printable ASCII"},
    {"{san.upn}", 0, "there is no \"{san.upn}\""},
};

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(mistakes); i++) {
        struct err e = {0};
        size_t at = 99;
        CHECK_ROW(mistakes[i].text, template_parse(str_of(mistakes[i].text), &at, &e) == NULL);
        CHECK_STR(mistakes[i].text, str_of(e.text), str_of(mistakes[i].error));
        assert_int_equal(at, mistakes[i].at);
    }
    char large[TEMPLATE_MAX + 1];
    struct err e = {0};
    size_t at = 0;
    memset(large, 'a', sizeof(large));
    assert_null(template_parse((struct str){large, sizeof(large)}, &at, &e));
    CHECK_STR("too long", str_of(e.text), STR("is longer than 1024 octets"));
}

static const struct pki_entry subject[] = {
    {NID_organizationName, MBSTRING_UTF8, "Example, Inc.", 0, false},
    {NID_organizationalUnitName, MBSTRING_UTF8, "dev", 0, false},
    {NID_organizationalUnitName, MBSTRING_UTF8, "o,ps 100%", 0, false},
    {NID_commonName, MBSTRING_UTF8, "b\xc3\xa4r\r\nX: 1", 0, false},
};

static const struct {
    const char *says;
    const char *text;
    const char *value; /* NULL: no field */
} rows[] = {
    {"text", "plain", "plain"},
    {"brackets", "{{user}}", "{user}"},
    {"the user", "{user}", "al%2Cice"},
    {"text around", "<{user}>", "<al%2Cice>"},
    {"groups are joined, their commas are not", "{groups}", "a%2Cb,c"},
    {"an attribute", "{subject.O}", "Example%2C Inc."},
    {"its long name", "{subject.organizationName}", "Example%2C Inc."},
    {"its number", "{subject.2.5.4.10}", "Example%2C Inc."},
    {"several values", "{subject.OU}", "dev,o%2Cps 100%25"},
    {"no header can be made of one", "{subject.CN}", "b%C3%A4r%0D%0AX: 1"},
    {"an attribute of the issuer", "{issuer.CN}", "ca"},
    {"one that is not there leaves the field out", "{subject.UID}", NULL},
    {"also beside one that is", "{subject.O}/{subject.UID}", NULL},
    {"names", "{subject}", "CN=b\\C3\\A4r\\0D\\0AX: 1,OU=o\\,ps 100%,OU=dev,O=Example\\, Inc."},
    {"the serial number", "{serial} {serial.decimal}", "A1B2 41394"},
    {"dates", "{not_before}", "2027-01-14T08:00:00.000Z"},
    {"alternative names", "{san.dns};{san.email};{san.uri};{san.ip}",
     "a.example,b.example;a@b.c;urn:x;192.0.2.1"},
};

static void check_row_of(size_t i, const struct facts *facts)
{
    struct err e = {0};
    size_t at = 0;
    struct arena a;
    struct fields out;
    struct render r;
    const struct str groups[] = {STR("a,b"), STR("c")};
    const struct template_request request = {STR("al,ice"), groups, 2};
    struct template *t = template_parse(str_of(rows[i].text), &at, &e);
    assert_non_null(t);
    arena_init(&a, 65536);
    fields_init(&out, &a);
    render_init(&r, &out, 4096);
    bool whole = template_render(t, facts, &request, &r);
    CHECK_ROW(rows[i].says, whole == (rows[i].value != NULL));
    if (whole) {
        render_field(&r, "X");
        CHECK_STR(rows[i].says, out.v[0].value, str_of(rows[i].value));
    }
    assert_int_equal(render_fini(&r), 0);
    CHECK_ROW(rows[i].says, template_is_dynamic(t) == (strstr(rows[i].text, "{user}") != NULL ||
                                                       strstr(rows[i].text, "{gr") != NULL) ||
                                strstr(rows[i].text, "{{") != NULL);
    template_free(t);
    arena_release(&a);
}

static X509 *make_leaf(EVP_PKEY *key)
{
    X509 *ca = pki_ca("ca", key);
    struct pki_spec spec = {.subject = subject,
                            .subject_count = ROWS(subject),
                            .serial = 0xa1b2,
                            .san =
                                "DNS:a.example,email:a@b.c,DNS:b.example,URI:urn:x,IP:192.0.2.1"};
    X509 *leaf = pki_cert(&spec, key, ca, key);
    X509_free(ca);
    return leaf;
}

static void test_values(void **state)
{
    (void)state;
    EVP_PKEY *key = pki_key();
    X509 *leaf = make_leaf(key);
    struct arena a;
    struct facts facts;
    arena_init(&a, (size_t)1 << 20);
    assert_int_equal(facts_read(&facts, leaf, NULL, &a), 0);
    for (size_t i = 0; i < ROWS(rows); i++) {
        check_row_of(i, &facts);
    }
    arena_release(&a);
    X509_free(leaf);
    EVP_PKEY_free(key);
}

/* Without a certificate, or a user, nothing is made up. */
static void test_nobody(void **state)
{
    (void)state;
    static const char *const texts[] = {"{subject}", "{subject.CN}",  "{san.dns}", "{user}",
                                        "{groups}",  "{certificate}", "{serial}",  "{not_after}"};
    for (size_t i = 0; i < ROWS(texts); i++) {
        struct err e = {0};
        size_t at = 0;
        struct render r;
        const struct template_request nobody = {.group_count = 0};
        struct template *t = template_parse(str_of(texts[i]), &at, &e);
        assert_non_null(t);
        render_init(&r, NULL, 4096);
        CHECK_ROW(texts[i], !template_render(t, NULL, &nobody, &r));
        assert_int_equal(render_fini(&r), 0);
        template_free(t);
    }
}

static void test_memory(void **state)
{
    (void)state;
    for (unsigned long nth = 1; nth <= 3; nth++) {
        struct err e = {0};
        size_t at = 0;
        mem_fail_after(nth, false);
        assert_null(template_parse(STR("{user}"), &at, &e));
        mem_fail_after(0, false);
        assert_int_equal(e.code, ERR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
