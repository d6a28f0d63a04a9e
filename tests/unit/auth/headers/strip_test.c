/* Fields that no client may set, in every spelling; and those that stay. */
#include "auth/headers/strip.h"
#include "tests/support/check.h"

static struct conf_text removed[] = {{.p = "X-Tenant_Id"}};

static const struct conf_headers names = {
    .user = {.p = "Whoami"},
    .subject = {.p = "Whoami-Subject"},
    .issuer = {.p = ""},
    .verify = {.p = "X_Odd_Name"},
    .remove = {.v = removed, .n = 1},
};

static const struct {
    const char *name;
    bool reserved;
} rows[] = {
    {"Whoami", true},
    {"wHOAMI", true},
    {"Whoami-Subject", true},
    {"whoami_subject", true},
    {"x-odd-name", true},
    {"X-ODD_NAME", true},
    {"X-Tenant-Id", true},
    {"x_tenant_id", true},
    {"X-Client-User", true},
    {"x-client-user", true},
    {"X_Client_User", true},
    {"x_client-USER", true},
    {"X-Client-Anything", true},
    {"Client-Cert", true},
    {"Client-Cert-Chain", true},
    {"CLIENT_CERT", true},
    {"X-SSL-Client-S-DN", true},
    {"X-SSL-CERT", true},
    {"x_ssl_client_verify", true},
    {"SSL-Client-Cert", true},
    {"SSL_CLIENT_S_DN", true},
    {"X-Forwarded-Client-Cert", true},
    {"X-Forwarded-Tls-Client-Cert-Info", true},
    {"X-Forwarded-User", true},
    {"X_FORWARDED_EMAIL", true},
    {"X-Forwarded-Groups", true},
    {"X-Forwarded-Preferred-Username", true},
    {"X-Auth-Request-User", true},
    {"X-Remote-User", true},
    {"Remote-User", true},
    {"REMOTE_USER", true},
    {"X-Forwarded-For", true},
    {"X-Forwarded-Proto", true},
    {"X_Forwarded_Host", true},
    {"X-Forwarded-Port", true},
    {"Forwarded", true},
    {"FORWARDED", true},
    {"X-Real-IP", true},
    {"X_Real_Ip", true},
    {"X-User", true},
    {"X-WebAuth-User", true},
    {"X-Amzn-Mtls-Clientcert-Subject", true},
    {"X.Client.User", true},
    {"x!client~user", true},
    {"Remote.User", true},
    {"SSL*CLIENT+CERT", true},
    {"X.Forwarded.For", true},
    {"x`real'ip", true},
    {"X|Tenant#Id", true},
    {"whoami.subject", true},
    {"x%odd&name", true},
    {"Proxy", true},
    {"", false},
    {"Host", false},
    {"Cookie", false},
    {"Content-Length", false},
    {"User-Agent", false},
    {"X-Request-Id", false},
    {"Traceparent", false},
    {"Authorization", false},
    {"X-Forwarded", false},
    {"X-Client", false},
    {"Whoam", false},
    {"Whoamix", false},
    {"X-Users", false},
    {"XClientUser", false},
    {"X.User.s", false},
    {"Proxied", false},
    {"Forwarded-By", false},
    {"X-Tenant-Id2", false},
    {"Accept", false},
    {"X", false},
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_ROW(rows[i].name,
                  strip_is_reserved(str_of(rows[i].name), &names) == rows[i].reserved);
    }
    const struct conf_headers none = {0};
    assert_false(strip_is_reserved(STR("Whoami"), &none));
    assert_false(strip_is_reserved(STR(""), &none));
}

static void test_inbound(void **state)
{
    (void)state;
    struct arena a;
    struct fields f;
    arena_init(&a, 65536);
    fields_init(&f, &a);
    const char *const in[] = {"Host",          "whoami", "Accept",   "X_Client_User",
                              "X-Client-User", "Cookie", "Forwarded"};
    for (size_t i = 0; i < ROWS(in); i++) {
        assert_int_equal(fields_add(&f, str_of(in[i]), STR("v")), 0);
    }
    assert_int_equal(strip_inbound(&f, &names), 4);
    assert_int_equal(f.n, 3);
    CHECK_STR("first", f.v[0].name, STR("Host"));
    CHECK_STR("second", f.v[1].name, STR("Accept"));
    CHECK_STR("third", f.v[2].name, STR("Cookie"));
    assert_int_equal(strip_inbound(&f, &names), 0);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_inbound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
