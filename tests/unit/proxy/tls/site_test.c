/* proxy/tls/site.c, site_load.c, credentials.c: what loads, and what is said when it does not. */
#include <sys/stat.h>

#include <openssl/pem.h>

#include "tests/unit/proxy/tls/lab_client.h"

/* --- loading --- */

struct loaded {
    struct tls_sites *sites;
    struct diags *diags;
    struct buf text;
};

static void load(struct loaded *r, const struct conf_listener *c, bool insecure)
{
    struct files *files = files_new();
    r->diags = diags_new();
    const struct tls_options options = {
        .insecure_key_permissions = insecure, .keys = TLS_KEYS_ALL, .tuning = &lab_tuning};
    r->sites = tls_sites_load(c, &options, files, r->diags, "listeners[0]");
    buf_init(&r->text, (size_t)1 << 16);
    assert_int_equal(diags_render(r->diags, &r->text), 0);
    assert_int_equal(buf_append(&r->text, (struct str){"", 1}), 0);
    files_free(files);
}

static void unload(struct loaded *r)
{
    tls_sites_unref(r->sites);
    diags_free(r->diags);
    buf_release(&r->text);
}

/* Expects the only finding, or none (words NULL), to be an error or a warning with those words. */
static void expect(const char *what, const struct conf_listener *c, bool insecure, size_t errors,
                   const char *words)
{
    struct loaded r;
    load(&r, c, insecure);
    const char *text = buf_str(&r.text).p;
    if ((r.sites != NULL) != (errors == 0) || diags_errors(r.diags) != errors ||
        diags_warnings(r.diags) != (errors == 0 && words != NULL ? 1 : 0) ||
        (words != NULL && strstr(text, words) == NULL)) {
        fail_msg("%s: \"%s\" is not in:\n%s", what, words, text);
    }
    unload(&r);
}

/* The master, which forks, looks at everything about a key in a token but the key. */
static void key_in_a_token(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *passphrase;
        enum tls_keys keys;
        bool loads;
    } rows[] = {
        {"a PIN is needed", NULL, TLS_KEYS_OF_FILES, false},
        {"and its file", "none.pass", TLS_KEYS_OF_FILES, false},
        {"not opened", "right.pass", TLS_KEYS_OF_FILES, true},
        {"opened", "right.pass", TLS_KEYS_ALL, false},
        {"opened without a PIN", NULL, TLS_KEYS_ALL, false},
    };
    pki_write(lab_path(&lab, "right.pass"), "right\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lab_setting s;
        struct files *files = files_new();
        struct diags *diags = diags_new();
        lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        s.site.key.p = "pkcs11:token=nowhere;object=none?module-path=/nowhere.so";
        s.site.key_passphrase_file.p =
            rows[i].passphrase != NULL ? lab_path(&lab, rows[i].passphrase) : NULL;
        struct tls_sites *t = tls_sites_load(
            &s.listener, &(struct tls_options){.keys = rows[i].keys}, files, diags, "listeners[0]");
        if ((t != NULL) != rows[i].loads || (diags_errors(diags) == 0) != rows[i].loads) {
            fail_msg("%s", rows[i].says);
        }
        tls_sites_unref(t);
        diags_free(diags);
        files_free(files);
    }
}

static void put_server(const char *stem, const struct pki_spec *spec)
{
    lab_server(&lab, stem, spec);
}

static void put_encrypted_key(const char *file, const char *passphrase)
{
    BIO *b = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(b, lab.key, EVP_aes_256_cbc(), passphrase,
                                                   (int)strlen(passphrase), NULL, NULL),
                     1);
    char *p = NULL;
    long n = BIO_get_mem_data(b, &p);
    char *text = strndup(p, (size_t)n);
    lab_write(&lab, file, text);
    BIO_free(b);
}

static void put_files(void)
{
    put_server("expired", &(struct pki_spec){.common_name = "www.example",
                                             .purpose = "serverAuth",
                                             .not_before_s = PKI_NOW_S - 9 * PKI_DAY_S,
                                             .not_after_s = PKI_NOW_S - 2 * PKI_DAY_S});
    put_server("future", &(struct pki_spec){.common_name = "www.example",
                                            .purpose = "serverAuth",
                                            .not_before_s = PKI_NOW_S + 2 * PKI_DAY_S});
    put_server("soon", &(struct pki_spec){.common_name = "www.example",
                                          .purpose = "serverAuth",
                                          .not_after_s = PKI_NOW_S + 13 * PKI_DAY_S});
    put_server("client", &(struct pki_spec){.common_name = "www.example"});
    EVP_PKEY *other = pki_key();
    lab_write(&lab, "other.key", pki_key_pem(other));
    EVP_PKEY_free(other);
    EVP_PKEY *weak = pki_rsa_key(1024);
    X509 *x = pki_cert(&(struct pki_spec){.common_name = "www.example", .purpose = "serverAuth"},
                       weak, lab.ca, lab.ca_key);
    lab_write(&lab, "weak.crt", pki_cert_pem(x));
    lab_write(&lab, "weak.key", pki_key_pem(weak));
    X509_free(x);
    EVP_PKEY_free(weak);
    pki_write(lab_path(&lab, "empty.crt"), "");
    pki_write(lab_path(&lab, "garbage.crt"),
              "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    put_encrypted_key("locked.key", "open sesame");
    pki_write(lab_path(&lab, "right.pass"), "open sesame\n");
    pki_write(lab_path(&lab, "bare.pass"), "open sesame");
    pki_write(lab_path(&lab, "wrong.pass"), "open sesame\n\n");
    lab_write(&lab, "open.key", pki_key_pem(lab.key));
    assert_int_equal(chmod(lab_path(&lab, "open.key"), 0644), 0);
    lab_write(&lab, "group.key", pki_key_pem(lab.key));
    assert_int_equal(chmod(lab_path(&lab, "group.key"), 0640), 0);
}

static const struct file_row {
    const char *what;
    const char *certificate;
    const char *key;
    const char *passphrase;
    size_t errors;
    const char *words; /* of the finding; NULL: none */
} file_rows[] = {
    {"all is well", "server.crt", "server.key", NULL, 0, NULL},
    {"no such certificate", "none.crt", "server.key", NULL, 1, "none.crt"},
    {"no such key", "server.crt", "none.key", NULL, 1, "none.key"},
    {"no certificate in it", "empty.crt", "server.key", NULL, 1, "holds no PEM certificate"},
    {"a key instead", "server.key", "server.key", NULL, 1, "holds no PEM certificate"},
    {"a broken certificate", "garbage.crt", "server.key", NULL, 1, "cannot be read"},
    {"a certificate instead", "server.crt", "server.crt", NULL, 1, "holds no PEM private key"},
    {"another key", "server.crt", "other.key", NULL, 1, "is not the key of the certificate"},
    {"expired", "expired.crt", "expired.key", NULL, 1, "expired on 2027-01-13"},
    {"not yet valid", "future.crt", "future.key", NULL, 1, "not valid before 2027-01-17"},
    {"soon to expire", "soon.crt", "soon.key", NULL, 0, "expires on 2027-01-28"},
    {"for clients", "client.crt", "client.key", NULL, 0, "no certificate for a server"},
    {"RSA of 1024 bits", "weak.crt", "weak.key", NULL, 1, "too weak"},
    {"encrypted, with its passphrase", "server.crt", "locked.key", "right.pass", 0, NULL},
    {"no line end behind it", "server.crt", "locked.key", "bare.pass", 0, NULL},
    {"only one line end counts", "server.crt", "locked.key", "wrong.pass", 1,
     "cannot be opened with the passphrase"},
    {"encrypted, without one", "server.crt", "locked.key", NULL, 1, "no key_passphrase_file"},
    {"no such passphrase file", "server.crt", "locked.key", "none.pass", 1, "none.pass"},
    {"a passphrase nobody asks for", "server.crt", "server.key", "right.pass", 0, NULL},
    {"a key open to others", "server.crt", "open.key", NULL, 1, "mode 0644"},
    {"a key open to a group", "server.crt", "group.key", NULL, 0, NULL},
};

static void certificate_files(void **state)
{
    (void)state;
    put_files();
    for (size_t i = 0; i < sizeof(file_rows) / sizeof(file_rows[0]); i++) {
        const struct file_row *row = &file_rows[i];
        struct lab_setting s;
        lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        s.site.certificate.p = lab_path(&lab, row->certificate);
        s.site.key.p = lab_path(&lab, row->key);
        s.site.key_passphrase_file.p =
            row->passphrase != NULL ? lab_path(&lab, row->passphrase) : NULL;
        expect(row->what, &s.listener, false, row->errors, row->words);
    }
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    s.site.key.p = lab_path(&lab, "open.key");
    expect("open to others, and so wanted", &s.listener, true, 0, NULL);
    s.site.certificate.p = NULL;
    expect("no certificate at all", &s.listener, false, 1, "there is no certificate");
    s.listener.site_count = 0;
    expect("no site at all", &s.listener, false, 1, "has no certificate");
}

static void put_pair(const char *stem, EVP_PKEY *key, int64_t days)
{
    char file[32];
    X509 *x = pki_cert(&(struct pki_spec){.common_name = "www.example",
                                          .purpose = "serverAuth",
                                          .not_after_s = PKI_NOW_S + days * PKI_DAY_S},
                       key, lab.ca, lab.ca_key);
    (void)snprintf(file, sizeof(file), "%s.crt", stem);
    lab_write(&lab, file, pki_cert_pem(x));
    (void)snprintf(file, sizeof(file), "%s.key", stem);
    lab_write(&lab, file, pki_key_pem(key));
    X509_free(x);
    EVP_PKEY_free(key);
}

/* Several certificates of one site: each is judged as if it stood alone, and all differ in kind. */
static void several(void **state)
{
    (void)state;
    put_pair("rsa", pki_rsa_key(2048), 20);
    put_pair("rsa2", pki_rsa_key(2048), 20);
    put_pair("ed", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), 25);
    put_pair("p384", EVP_EC_gen("P-384"), 20);
    static const struct {
        const char *what;
        const char *also[2]; /* names of certificate and key without their ends */
        size_t errors;
        const char *words;
    } rows[] = {
        {"the same once more", {"server"}, 1, "listeners[0].tls.also[0].certificate"},
        {"another curve", {"p384"}, 1, "a key of the same kind"},
        {"two of RSA", {"rsa", "rsa2"}, 1, "listeners[0].tls.also[1].certificate"},
        {"one that is not there", {"rsa", "none"}, 1, "none.crt"},
        {"one that is over", {"expired"}, 1, "expired on 2027-01-13"},
        {"one that is too weak", {"weak"}, 1, "too weak"},
        {"two kinds", {"rsa"}, 0, NULL},
        {"three kinds", {"rsa", "ed"}, 0, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lab_setting s;
        struct conf_also also[2] = {{.at = {.line = 0}}};
        lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        s.site.also = also;
        for (; s.site.also_count < 2 && rows[i].also[s.site.also_count] != NULL;
             s.site.also_count++) {
            char file[32];
            (void)snprintf(file, sizeof(file), "%s.crt", rows[i].also[s.site.also_count]);
            also[s.site.also_count].certificate.p = strdup(lab_path(&lab, file));
            (void)snprintf(file, sizeof(file), "%s.key", rows[i].also[s.site.also_count]);
            also[s.site.also_count].key.p = strdup(lab_path(&lab, file));
        }
        expect(rows[i].what, &s.listener, false, rows[i].errors, rows[i].words);
        if (rows[i].errors == 0) {
            struct tls_sites *t = lab_sites(&s.listener);
            assert_int_equal(tls_sites_at(t, 0)->not_after_s, PKI_NOW_S + 20 * PKI_DAY_S);
            tls_sites_unref(t);
        }
        for (size_t k = 0; k < 2; k++) {
            free((void *)(uintptr_t)also[k].certificate.p);
            free((void *)(uintptr_t)also[k].key.p);
        }
    }
}

/* Certificate and key in one file: the key is the certificate's file unless given. */
static void one_file(void **state)
{
    (void)state;
    char *key = pki_key_pem(lab.key);
    X509 *x = lab_issue(&lab, &(struct pki_spec){.common_name = "a", .purpose = "serverAuth"});
    char *cert = pki_cert_pem(x);
    char *ca = pki_cert_pem(lab.ca);
    char both[16384];
    (void)snprintf(both, sizeof(both), "%s%s%s", key, cert, ca);
    pki_write(lab_path(&lab, "both.pem"), both);
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_OFF, CONF_ON_FAILURE_REFUSE);
    s.site.certificate.p = lab_path(&lab, "both.pem");
    s.site.key.p = NULL;
    struct tls_sites *t = lab_sites(&s.listener);
    assert_int_equal(tls_sites_at(t, 0)->not_after_s, PKI_NOW_S + 30 * PKI_DAY_S);
    struct lab_client c;
    lab_client_init(&c, TLS1_3_VERSION, NULL, NULL);
    lab_client_join(&c, t, NULL);
    assert_int_equal(lab_handshake(&c), TLS_OK);
    assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(c.ssl)), 2); /* the chain is sent */
    lab_client_fini(&c);
    tls_sites_unref(t);
    X509_free(x);
    free(key);
    free(cert);
    free(ca);
}

static void names_of_certificates(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *words;
    } rows[] = {
        {"www.example", NULL},
        {"any.wild.example", NULL},
        {"*.wild.example", NULL},
        {"*.www.example", "*.www.example is no name of"},
        {"other.example", "other.example is no name of"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lab_setting s;
        lab_setting_init(&s, &lab, CONF_CLIENT_OFF, CONF_ON_FAILURE_REFUSE);
        s.name.p = rows[i].name;
        s.site.names = (struct conf_texts){&s.name, 1};
        s.listener.has_default = false;
        expect(rows[i].name, &s.listener, false, 0, rows[i].words);
    }
}

/* Findings stand where the key stands, with its path; all of them are told at once. */
static void places(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    struct conf_text name = {.p = "www.example"};
    struct conf_site sites[2] = {s.site, s.site};
    struct conf_text no_ca = {.p = lab_path(&lab, "none-ca.crt"), .at = {0, 5, 9}};
    sites[0].certificate.p = lab_path(&lab, "none.crt");
    sites[0].certificate.at = (struct conf_pos){0, 2, 3};
    sites[1].names = (struct conf_texts){&name, 1};
    sites[1].key.p = lab_path(&lab, "none.key");
    sites[1].key.at = (struct conf_pos){0, 4, 7};
    sites[1].client.ca = (struct conf_texts){&no_ca, 1};
    sites[1].client.at = (struct conf_pos){0, 5, 1};
    s.listener.sites = sites;
    s.listener.site_count = 2;

    struct files *files = files_new();
    struct diags *diags = diags_new();
    (void)diags_source(diags, "test.yaml", STR("1\n2\n3\n4\n5\n"));
    assert_null(tls_sites_load(&s.listener, &lab_options, files, diags, "listeners[0]"));
    struct buf text;
    buf_init(&text, (size_t)1 << 16);
    assert_int_equal(diags_render(diags, &text), 0);
    assert_int_equal(buf_append(&text, (struct str){"", 1}), 0);
    assert_int_equal(diags_errors(diags), 3);
    static const char *const words[] = {
        "test.yaml:2:3: error: listeners[0].tls.certificate: ",
        "test.yaml:4:7: error: listeners[0].names[0].key: ",
        "listeners[0].names[0].client",
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(buf_str(&text).p, words[i]) == NULL) {
            fail_msg("\"%s\" is not in:\n%s", words[i], buf_str(&text).p);
        }
    }
    buf_release(&text);
    diags_free(diags);
    files_free(files);
}

/* Sites ask the same of clients if CA, mode and answer are the same, whatever their names. */
static void policies(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    EVP_PKEY *key = pki_key();
    X509 *ca = pki_ca("Other CA", key);
    lab_write(&lab, "other-ca.crt", pki_cert_pem(ca));
    X509_free(ca);
    EVP_PKEY_free(key);
    struct conf_text other = {.p = lab_path(&lab, "other-ca.crt")};
    struct conf_site sites[6];
    for (size_t i = 0; i < 6; i++) {
        sites[i] = s.site;
    }
    sites[2].client.mode = CONF_CLIENT_OPTIONAL;
    sites[3].client.on_failure = CONF_ON_FAILURE_ANSWER;
    sites[4].client.ca = (struct conf_texts){&other, 1};
    sites[5].client.depth_max = 1;
    s.listener.sites = sites;
    s.listener.site_count = 6;
    struct tls_sites *t = lab_sites(&s.listener);
    assert_int_equal(tls_sites_count(t), 6);
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < i; k++) {
            bool same = memcmp(tls_sites_at(t, i)->policy, tls_sites_at(t, k)->policy, 32) == 0;
            assert_int_equal(same, i < 2 && k < 2);
        }
    }
    assert_ptr_equal(tls_sites_at(t, 0)->trust, tls_sites_at(t, 2)->trust); /* loaded once */
    tls_sites_unref(tls_sites_ref(t));
    tls_sites_unref(t);
    tls_sites_unref(NULL);
}

/* --- look-up --- */

static const struct name_row {
    const char *name;
    int site; /* without a default: -1 */
} name_rows[] = {
    {"www.example", 1},
    {"WWW.EXAMPLE.", 1},
    {"www.example..", -1},
    {"x.wild.example", 2},
    {"X.Wild.Example.", 2},
    {"a.b.wild.example", -1},
    {".wild.example", -1},
    {"wild.example", -1},
    {"*.wild.example", 2},
    {"b.wild.example", 1},
    {"b.wild.example.", 1},
    {"", -1},
    {".", -1},
    {"www.exampl", -1},
    {"www.example1", -1},
    {"folded.example", 2},
};

static void check_name(const struct tls_sites *t, const struct name_row *row, bool has_default)
{
    int want = row->site < 0 && has_default ? 0 : row->site;
    const struct tls_site *found = tls_sites_find(t, str_of(row->name));
    if (found != (want < 0 ? NULL : tls_sites_at(t, (size_t)want))) {
        fail_msg("\"%s\" found wrongly, default %d", row->name, has_default);
    }
}

static void look_up(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_OFF, CONF_ON_FAILURE_REFUSE);
    struct conf_text first[2] = {{.p = "www.example"}, {.p = "b.wild.example"}};
    struct conf_text second[2] = {{.p = "*.wild.EXAMPLE"}, {.p = "Folded.Example"}};
    struct conf_site sites[3] = {s.site, s.site, s.site};
    sites[1].names = (struct conf_texts){first, 2};
    sites[2].names = (struct conf_texts){second, 2};
    s.listener.sites = sites;
    s.listener.site_count = 3;
    for (int has_default = 0; has_default < 2; has_default++) {
        s.listener.has_default = has_default != 0;
        struct tls_sites *t = lab_sites(&s.listener);
        for (size_t i = 0; i < sizeof(name_rows) / sizeof(name_rows[0]); i++) {
            check_name(t, &name_rows[i], has_default != 0);
        }
        char huge[300];
        memset(huge, 'a', sizeof(huge));
        assert_int_equal(tls_sites_find(t, (struct str){huge, sizeof(huge)}) != NULL, has_default);
        tls_sites_unref(t);
    }
}

static void without_memory(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    s.name.p = "www.example";
    s.site.names = (struct conf_texts){&s.name, 1};
    unsigned long needed = 1;
    for (unsigned long nth = 0; nth <= needed; nth++) {
        struct files *files = files_new();
        struct diags *diags = diags_new();
        mem_fail_after(nth, false);
        struct tls_sites *t =
            tls_sites_load(&s.listener, &lab_options, files, diags, "listeners[0]");
        needed = nth == 0 ? mem_allocations() : needed;
        mem_fail_after(0, false);
        assert_true(t != NULL || diags_errors(diags) > 0);
        assert_true(t != NULL || nth != 0);
        tls_sites_unref(t);
        diags_free(diags);
        files_free(files);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_in_a_token),
        cmocka_unit_test(certificate_files),
        cmocka_unit_test(several),
        cmocka_unit_test(one_file),
        cmocka_unit_test(names_of_certificates),
        cmocka_unit_test(places),
        cmocka_unit_test(policies),
        cmocka_unit_test(look_up),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, lab_set_up, lab_tear_down);
}
