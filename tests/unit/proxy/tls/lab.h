/* What the tests of this folder share: a directory with a CA, server certificates and their keys,
 * and a listener's configuration. */
#ifndef TESTS_UNIT_PROXY_TLS_LAB_H
#define TESTS_UNIT_PROXY_TLS_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proxy/tls/site.h"
#include "tests/support/pki.h"
#include "tests/support/tmpdir.h"

struct lab {
    struct tmpdir directory;
    EVP_PKEY *ca_key;
    X509 *ca;
    EVP_PKEY *key; /* of the server and of most clients */
};

/* The path of a file of the lab; good until the 8th next call. */
static inline const char *lab_path(const struct lab *l, const char *file)
{
    static char paths[8][TMPDIR_PATH_MAX];
    static unsigned next;
    char *out = paths[next++ % 8];
    return tmpdir_path(&l->directory, file, out);
}

static inline void lab_write(const struct lab *l, const char *file, char *text)
{
    pki_write(lab_path(l, file), text);
    free(text);
}

static inline X509 *lab_issue(const struct lab *l, const struct pki_spec *spec)
{
    return pki_cert(spec, l->key, l->ca, l->ca_key);
}

/* A server certificate for the names of san, as FILE.crt with its key in FILE.key. */
static inline void lab_server(const struct lab *l, const char *stem, const struct pki_spec *spec)
{
    char file[64];
    X509 *x = lab_issue(l, spec);
    (void)snprintf(file, sizeof(file), "%s.crt", stem);
    lab_write(l, file, pki_cert_pem(x));
    (void)snprintf(file, sizeof(file), "%s.key", stem);
    lab_write(l, file, pki_key_pem(l->key));
    X509_free(x);
}

/* A lab at PKI_NOW_S with ca.crt, server.crt and server.key (for www.example and *.wild.example).
 */
static inline void lab_init(struct lab *l)
{
    tmpdir_make(&l->directory);
    l->ca_key = pki_key();
    l->ca = pki_ca("Lab CA", l->ca_key);
    l->key = pki_key();
    lab_write(l, "ca.crt", pki_cert_pem(l->ca));
    lab_server(l, "server",
               &(struct pki_spec){.common_name = "www.example",
                                  .purpose = "serverAuth",
                                  .san = "DNS:www.example,DNS:*.wild.example"});
    clock_fake(0, PKI_NOW_S * 1000);
}

static inline void lab_fini(struct lab *l)
{
    tmpdir_remove(&l->directory);
    X509_free(l->ca);
    EVP_PKEY_free(l->ca_key);
    EVP_PKEY_free(l->key);
    clock_fake(-1, -1);
}

static inline void lab_print(const struct diags *d)
{
    diags_print(d, stderr);
}

/* The defaults of the configuration. */
static const struct conf_tuning lab_tuning = {.remember_chains_ms = 3600000,
                                              .remember_chains_max = 64,
                                              .narrow_crypto = true,
                                              .fixed_chain = true,
                                              .aes_128_first = true,
                                              .release_buffers = true,
                                              .own_records = true};
static const struct tls_options lab_options = {.keys = TLS_KEYS_ALL, .tuning = &lab_tuning};

/* The table for c, which must load without an error. */
static inline struct tls_sites *lab_sites_with(const struct conf_listener *c,
                                               const struct tls_options *options)
{
    struct files *files = files_new();
    struct diags *diags = diags_new();
    struct tls_sites *t = tls_sites_load(c, options, files, diags, "listeners[0]");
    if (t == NULL) {
        lab_print(diags);
    }
    assert_non_null(t);
    diags_free(diags);
    files_free(files);
    return t;
}

static inline struct tls_sites *lab_sites(const struct conf_listener *c)
{
    return lab_sites_with(c, &lab_options);
}

/* A site that asks for certificates of the lab's CA, and its listener. */
struct lab_setting {
    struct conf_text ca;
    struct conf_text crl;
    struct conf_text name;
    struct conf_site site;
    struct conf_listener listener;
};

static inline void lab_setting_init(struct lab_setting *s, const struct lab *lab,
                                    enum conf_client_mode mode, enum conf_on_failure on_failure)
{
    *s = (struct lab_setting){.ca = {.p = lab_path(lab, "ca.crt")}};
    s->site = (struct conf_site){
        .certificate = {.p = lab_path(lab, "server.crt")},
        .key = {.p = lab_path(lab, "server.key")},
        .client = {.ca = {&s->ca, 1}, .mode = mode, .on_failure = on_failure, .depth_max = 3},
    };
    s->listener = (struct conf_listener){.sites = &s->site, .site_count = 1, .has_default = true};
}

static inline X509 *lab_good_client(const struct lab *lab)
{
    return lab_issue(lab, &(struct pki_spec){.common_name = "alice"});
}

#endif
