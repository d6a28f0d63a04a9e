#include "tests/unit/proxy/tls/lab.h"

struct lab lab;

struct conf_tuning lab_tuning = {.remember_chains_ms = 3600000,
                                 .remember_chains_max = 64,
                                 .narrow_crypto = true,
                                 .own_key_schedule = true,
                                 .fixed_chain = true,
                                 .aes_128_first = true,
                                 .release_buffers = true,
                                 .own_lists = true,
                                 .own_bio = true,
                                 .own_records = true,
                                 .own_handshake = true,
                                 .remember_certificates_max = 16};

const char *lab_use_way(size_t i)
{
    static const struct {
        const char *name;
        bool own_bio;
        bool own_records;
        bool own_handshake;
    } ways[] = {{"OpenSSL's BIOs and records", false, false, false},
                {"OpenSSL's BIOs, own records", false, true, false},
                {"own BIO and records", true, true, false},
                {"own handshake, OpenSSL's BIOs where it is not", false, true, true},
                {"all own", true, true, true}};
    if (i == sizeof(ways) / sizeof(ways[0])) {
        return NULL;
    }
    lab_tuning.own_bio = ways[i].own_bio;
    lab_tuning.own_records = ways[i].own_records;
    lab_tuning.own_handshake = ways[i].own_handshake;
    return ways[i].name;
}

const struct tls_options lab_options = {.keys = TLS_KEYS_ALL, .tuning = &lab_tuning};

int lab_set_up(void **state)
{
    (void)state;
    tmpdir_make(&lab.directory);
    lab.ca_key = pki_key();
    lab.ca = pki_ca("Lab CA", lab.ca_key);
    lab.key = pki_key();
    lab.decoded = decoded_new(16);
    assert_non_null(lab.decoded);
    lab_write(&lab, "ca.crt", pki_cert_pem(lab.ca));
    lab_server(&lab, "server",
               &(struct pki_spec){.common_name = "www.example",
                                  .purpose = "serverAuth",
                                  .san = "DNS:www.example,DNS:*.wild.example"});
    clock_fake(0, PKI_NOW_S * 1000);
    return 0;
}

int lab_tear_down(void **state)
{
    (void)state;
    decoded_free(lab.decoded);
    tmpdir_remove(&lab.directory);
    X509_free(lab.ca);
    EVP_PKEY_free(lab.ca_key);
    EVP_PKEY_free(lab.key);
    lab = (struct lab){.ca = NULL};
    clock_fake(-1, -1);
    return 0;
}

const char *lab_path(const struct lab *l, const char *file)
{
    static char paths[8][TMPDIR_PATH_MAX];
    static unsigned next;
    char *out = paths[next++ % 8];
    return tmpdir_path(&l->directory, file, out);
}

void lab_write(const struct lab *l, const char *file, char *text)
{
    pki_write(lab_path(l, file), text);
    free(text);
}

X509 *lab_issue(const struct lab *l, const struct pki_spec *spec)
{
    return pki_cert(spec, l->key, l->ca, l->ca_key);
}

X509 *lab_good_client(const struct lab *l)
{
    return lab_issue(l, &(struct pki_spec){.common_name = "alice"});
}

void lab_server(const struct lab *l, const char *stem, const struct pki_spec *spec)
{
    char file[64];
    X509 *x = lab_issue(l, spec);
    (void)snprintf(file, sizeof(file), "%s.crt", stem);
    lab_write(l, file, pki_cert_pem(x));
    (void)snprintf(file, sizeof(file), "%s.key", stem);
    lab_write(l, file, pki_key_pem(l->key));
    X509_free(x);
}

struct tls_sites *lab_sites_with(const struct conf_listener *c, const struct tls_options *options)
{
    struct files *files = files_new();
    struct diags *diags = diags_new();
    struct tls_sites *t = tls_sites_load(c, options, files, diags, "listeners[0]");
    if (t == NULL) {
        diags_print(diags, stderr);
    }
    assert_non_null(t);
    diags_free(diags);
    files_free(files);
    tls_sites_use_decoded(t, lab.decoded);
    return t;
}

struct tls_sites *lab_sites(const struct conf_listener *c)
{
    return lab_sites_with(c, &lab_options);
}

void lab_setting_init(struct lab_setting *s, const struct lab *l, enum conf_client_mode mode,
                      enum conf_on_failure on_failure)
{
    *s = (struct lab_setting){.ca = {.p = lab_path(l, "ca.crt")}};
    s->site = (struct conf_site){
        .certificate = {.p = lab_path(l, "server.crt")},
        .key = {.p = lab_path(l, "server.key")},
        .client = {.ca = {&s->ca, 1}, .mode = mode, .on_failure = on_failure, .depth_max = 3},
    };
    s->listener = (struct conf_listener){.sites = &s->site, .site_count = 1, .has_default = true};
}
