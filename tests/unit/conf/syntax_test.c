/* Names, hosts, paths and fields: which are let in. */
#include "conf/syntax.h"
#include "tests/support/check.h"

typedef const char *(*form_fn)(struct str s);

static const struct {
    form_fn form;
    const char *text;
    bool ok;
} rows[] = {
    {syntax_server_name, "a", true},
    {syntax_server_name, "a-b.example_c.org", true},
    {syntax_server_name, "*.example.org", true},
    {syntax_server_name, "1.example", true},
    {syntax_server_name, "", false},
    {syntax_server_name, "*", false},
    {syntax_server_name, "*.org", false},
    {syntax_server_name, "*.*.org", false},
    {syntax_server_name, "a*.example.org", false},
    {syntax_server_name, "a..b", false},
    {syntax_server_name, "a.b.", false},
    {syntax_server_name, ".a", false},
    {syntax_server_name, "-a", false},
    {syntax_server_name, "a-", false},
    {syntax_server_name, "10.0.0.1", false},
    {syntax_server_name, "::1", false},
    {syntax_server_name, "a b", false},
    {syntax_server_name, "\xc3\xa4.example", false},
    {syntax_own_field, "", false},
    {syntax_own_field, "X-A", true},
    {syntax_own_field, "Via", false},
    {syntax_sf_key, "countersign", true},
    {syntax_sf_key, "*a.b_c-1", true},
    {syntax_sf_key, "", false},
    {syntax_sf_key, "A", false},
    {syntax_sf_key, "1a", false},
    {syntax_sf_key, "a=b", false},
    {syntax_component, "@method", true},
    {syntax_component, "@target-uri", true},
    {syntax_component, "content-type", true},
    {syntax_component, "", false},
    {syntax_component, "@status", false},
    {syntax_component, "@Method", false},
    {syntax_component, "Content-Type", false},
    {syntax_component, "a\"b", false},
    {syntax_component, "signature", false},
    {syntax_component, "signature-input", false},
    {syntax_host, "10.0.0.1", true},
    {syntax_host, "[::1]", true},
    {syntax_host, "[::x]", false},
    {syntax_host, "a:80", false},
    {syntax_host, "*.a.b", true},
    {syntax_route_path, "/", true},
    {syntax_route_path, "/a/b.c/", true},
    {syntax_route_path, "/a%20b", true},
    {syntax_route_path, "/caf%C3%a9", true},
    {syntax_route_path, "/a%2fb", false},
    {syntax_route_path, "/a%5Cb", false},
    {syntax_route_path, "/a%3bb", false},
    {syntax_route_path, "/a%3F", false},
    {syntax_route_path, "/a%23", false},
    {syntax_route_path, "/a%2541", false},
    {syntax_route_path, "/a%00", false},
    {syntax_route_path, "/a%7f", false},
    {syntax_route_path, "/a%4", false},
    {syntax_route_path, "/a%4g", false},
    {syntax_route_path, "/a%", false},
    {syntax_route_path, "", false},
    {syntax_route_path, "a", false},
    {syntax_route_path, "//", false},
    {syntax_route_path, "/a//b", false},
    {syntax_route_path, "/a/../b", false},
    {syntax_route_path, "/.", false},
    {syntax_route_path, "/a?b", false},
    {syntax_route_path, "/a#b", false},
    {syntax_route_path, "/a;b", false},
    {syntax_route_path, "/a\\b", false},
    {syntax_route_path, "/a b", false},
    {syntax_route_path, "/\xc3\xa4", false},
    {syntax_identity_field, "", true},
    {syntax_identity_field, "X-User", true},
    {syntax_identity_field, "X User", false},
    {syntax_identity_field, "X:", false},
    {syntax_identity_field, "HOST", false},
    {syntax_identity_field, "Transfer_Encoding", false},
    {syntax_identity_field, "authorization", false},
    {syntax_identity_field, "Connection", false},
    {syntax_identity_field, "X-Forwarded-For", false},
    {syntax_identity_field, "Via", false},
    {syntax_removed_field, "X-Forwarded-Port", true},
    {syntax_removed_field, "", false},
    {syntax_removed_field, "Content-Length", false},
    {syntax_token, "", false},
    {syntax_token, "a/b", false},
    {syntax_label, "a.b_c-9", true},
    {syntax_label, "", false},
    {syntax_label, "a/b", false},
    {syntax_label, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    {syntax_user, "a b", true},
    {syntax_user, "a:b", false},
    {syntax_printable, "a \"b\"", true},
    {syntax_printable, "\xc3\xa4", false},
    {syntax_pkcs11, "pkcs11:", false},
    {syntax_pkcs11, "pkcs11:web", false},
    {syntax_pkcs11, "pkcs11:=web", false},
    {syntax_pkcs11, "pkcs11:token=web;", false},
    {syntax_pkcs11, "pkcs11:token=web?", false},
    {syntax_pkcs11, "pkcs11:token=a b", false},
    {syntax_pkcs11, "pkcs11:token=\xc3\xa4", false},
    {syntax_pkcs11, "pkcs11:token=web;pin-value=1", false},
    {syntax_pkcs11, "pkcs11:token=web?pin-value=1", false},
    {syntax_pkcs11, "pkcs11:token=web?module-name=a&pin-source=file:/a", false},
    {syntax_pkcs11, "pkcs11:token=web?module-path=a.so", false},
    {syntax_pkcs11, "pkcs11:token=web?module-path=/a%20b.so", false},
    {syntax_pkcs11, "pkcs11:token=web", true},
    {syntax_pkcs11, "pkcs11:token=a%20b;object=c;type=private;id=%01", true},
    {syntax_pkcs11, "pkcs11:token=web?module-path=/usr/lib/a.so", true},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].text, (rows[i].form(str_of(rows[i].text)) == NULL) == rows[i].ok);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
