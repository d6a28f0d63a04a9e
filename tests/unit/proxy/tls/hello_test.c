/* proxy/tls/hello.c: server names and application protocols. */
#include "tests/unit/proxy/tls/lab_client.h"

static const struct name_row {
    const char *what;
    const char *sent;
    bool has_default;
    int site; /* -1: refused */
} name_rows[] = {
    {"exact", "www.example", false, 1},
    {"folded", "WWW.Example", false, 1},
    {"wildcard", "a.wild.example", false, 2},
    {"exact before wildcard", "b.wild.example", false, 1},
    {"two labels for a wildcard", "a.b.wild.example", false, -1},
    {"the suffix alone", "wild.example", false, -1},
    {"unknown", "nobody.example", false, -1},
    {"unknown with a default", "nobody.example", true, 0},
    {"none", NULL, false, -1},
    {"none with a default", NULL, true, 0},
};

static void server_names(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_OFF, CONF_ON_FAILURE_REFUSE);
    struct conf_text exact[2] = {{.p = "www.example"}, {.p = "b.wild.example"}};
    struct conf_text wild = {.p = "*.wild.example"};
    struct conf_site sites[3] = {s.site, s.site, s.site};
    sites[1].names = (struct conf_texts){exact, 2};
    sites[2].names = (struct conf_texts){&wild, 1};
    s.listener.sites = sites;
    s.listener.site_count = 3;
    for (size_t i = 0; i < sizeof(name_rows) / sizeof(name_rows[0]) * 2; i++) {
        const struct name_row *row = &name_rows[i / 2];
        s.listener.has_default = row->has_default;
        struct tls_sites *t = lab_sites(&s.listener);
        struct lab_client c;
        lab_client_init(&c, i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, NULL, NULL);
        lab_client_join(&c, t, row->sent);
        enum tls_result r = lab_handshake(&c);
        if ((r == TLS_OK) != (row->site >= 0)) {
            fail_msg("%s: result %d", row->what, r);
        }
        if (row->site < 0) {
            assert_int_equal(tls_session_reason(c.session), REASON_TLS_UNKNOWN_NAME);
            assert_int_equal(c.alert, UNRECOGNIZED_NAME);
        } else {
            assert_ptr_equal(tls_session_site(c.session), tls_sites_at(t, (size_t)row->site));
            assert_true(str_eq(tls_session_name(c.session),
                               row->sent != NULL ? str_of(row->sent) : STR("")));
        }
        lab_client_fini(&c);
        tls_sites_unref(t);
    }
}

/* The policy of the chosen site holds, not that of the context the session began with. */
static void site_policy_applies(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_OFF, CONF_ON_FAILURE_REFUSE);
    struct conf_text name = {.p = "www.example"};
    struct conf_site sites[2] = {s.site, s.site};
    sites[1].names = (struct conf_texts){&name, 1};
    s.listener.sites = sites;
    s.listener.site_count = 2;
    for (int strict = 0; strict < 2; strict++) {
        sites[strict].client.mode = CONF_CLIENT_REQUIRE;
        sites[!strict].client.mode = CONF_CLIENT_OFF;
        struct tls_sites *t = lab_sites(&s.listener);
        for (int named = 0; named < 2; named++) {
            struct lab_client c;
            lab_client_init(&c, named == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, NULL, NULL);
            lab_client_join(&c, t, named != 0 ? "www.example" : NULL);
            assert_int_equal(lab_handshake(&c), named == strict ? TLS_FAILED : TLS_OK);
            lab_client_fini(&c);
        }
        assert_memory_not_equal(tls_sites_at(t, 0)->policy, tls_sites_at(t, 1)->policy, 32);
        tls_sites_unref(t);
    }
}

/* Changes to the ClientHello, counted from the first octet of the name in its server_name. */
static const struct malformed_row {
    const char *what;
    int at;
    char with;
} malformed_rows[] = {
    {"a NUL in the name", 3, '\0'},
    {"a space in the name", 3, ' '},
    {"another type of name", -3, 1},
    {"a shorter name: octets left over", -1, 10},
    {"a longer name than its list", -1, 12},
    {"a longer list than the extension", -4, 15},
    {"a shorter list: octets left over", -4, 13},
    {"an empty list", -4, 0},
    {"an octet of UTF-8", 0, (char)0xc3},
    {"an empty name", -1, 0},
};

static void malformed_names(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_OFF, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    for (size_t i = 0; i < sizeof(malformed_rows) / sizeof(malformed_rows[0]); i++) {
        const struct malformed_row *row = &malformed_rows[i];
        struct lab_client c;
        lab_client_init(&c, TLS1_3_VERSION, NULL, NULL);
        lab_client_join(&c, t, "www.example");
        (void)SSL_do_handshake(c.ssl);
        struct str hello = lab_from_client(&c);
        char *copy = mem_dup(hello.p, hello.n);
        char *name = memmem(copy, hello.n, "www.example", 11);
        assert_non_null(name);
        name[row->at] = row->with;
        enum tls_result r = lab_feed(&c, (struct str){copy, hello.n});
        if (r != TLS_FAILED || tls_session_reason(c.session) != REASON_TLS_PROTOCOL_ERROR) {
            fail_msg("%s: result %d", row->what, r);
        }
        struct str out = buf_str(tls_session_out(c.session));
        assert_int_equal(out.n, 7);
        assert_int_equal(out.p[0], 21);
        assert_int_equal(out.p[6], DECODE_ERROR);
        mem_free(copy);
        lab_client_fini(&c);
    }
    tls_sites_unref(t);
}

static const struct alpn_row {
    const char *what;
    const char *offer;  /* in its wire form */
    const char *chosen; /* NULL: refused */
} alpn_rows[] = {
    {"ours alone", "\x08http/1.1", "http/1.1"},
    {"ours after another", "\x02h2\x08http/1.1", "http/1.1"},
    {"only another", "\x02h2", NULL},
    {"only an older one", "\x08http/1.0", "http/1.0"},
    {"an older one before ours", "\x08http/1.0\x08http/1.1", "http/1.1"},
    {"no offer", "", ""},
};

static void application_protocols(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_OFF, CONF_ON_FAILURE_REFUSE);
    struct tls_sites *t = lab_sites(&s.listener);
    for (size_t i = 0; i < sizeof(alpn_rows) / sizeof(alpn_rows[0]) * 2; i++) {
        const struct alpn_row *row = &alpn_rows[i / 2];
        struct lab_client c;
        lab_client_init(&c, i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, NULL, NULL);
        assert_int_equal(SSL_CTX_set_alpn_protos(c.context, (const unsigned char *)row->offer,
                                                 (unsigned)strlen(row->offer)),
                         0);
        lab_client_join(&c, t, NULL);
        enum tls_result r = lab_handshake(&c);
        if ((r == TLS_OK) != (row->chosen != NULL)) {
            fail_msg("%s: result %d", row->what, r);
        }
        if (row->chosen == NULL) {
            assert_int_equal(c.alert, NO_APPLICATION_PROTOCOL);
            assert_int_equal(tls_session_reason(c.session), REASON_TLS_VERSION_OR_CIPHER);
        } else {
            const unsigned char *got;
            unsigned n;
            SSL_get0_alpn_selected(c.ssl, &got, &n);
            assert_true(str_eq((struct str){(const char *)got, n}, str_of(row->chosen)));
        }
        lab_client_fini(&c);
    }
    tls_sites_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_names),
        cmocka_unit_test(site_policy_applies),
        cmocka_unit_test(malformed_names),
        cmocka_unit_test(application_protocols),
    };
    int failed = 0;
    const char *way;
    for (size_t i = 0; (way = lab_use_way(i)) != NULL; i++) {
        failed += cmocka_run_group_tests_name(way, tests, lab_set_up, lab_tear_down);
    }
    return failed;
}
