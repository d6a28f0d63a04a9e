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
#include "proxy/tls/decoded.h"
#include "proxy/tls/site.h"
#include "tests/support/pki.h"
#include "tests/support/tmpdir.h"

struct lab {
    struct tmpdir directory;
    EVP_PKEY *ca_key;
    X509 *ca;
    EVP_PKEY *key;           /* of the server and of most clients */
    struct decoded *decoded; /* of all tables of sites */
};

/* The one of this program, between lab_set_up() and lab_tear_down(). */
extern struct lab lab;

/* For cmocka_run_group_tests(). A lab at PKI_NOW_S with ca.crt, server.crt and server.key (for
 * www.example and *.wild.example). */
int lab_set_up(void **state);
int lab_tear_down(void **state);

/* The path of a file of the lab; good until the 8th next call. */
const char *lab_path(const struct lab *l, const char *file);

/* Writes and frees text, which pki_*_pem() gave. */
void lab_write(const struct lab *l, const char *file, char *text);

/* A certificate of the lab's CA for the lab's key; X509_free(). */
X509 *lab_issue(const struct lab *l, const struct pki_spec *spec);
X509 *lab_good_client(const struct lab *l);

/* A server certificate by spec as STEM.crt, with its key in STEM.key. */
void lab_server(const struct lab *l, const char *stem, const struct pki_spec *spec);

/* The defaults of the configuration, as lab_use_way() leaves them. */
extern struct conf_tuning lab_tuning;
extern const struct tls_options lab_options;

/* The ways of octets into OpenSSL and out of it: what the one is called that lab_tuning has from
 * now on, NULL after the last. */
const char *lab_use_way(size_t i);

/* The table for c, which must load without an error; tls_sites_unref(). */
struct tls_sites *lab_sites_with(const struct conf_listener *c, const struct tls_options *options);
struct tls_sites *lab_sites(const struct conf_listener *c);

/* A site that asks for certificates of the lab's CA, and its listener. */
struct lab_setting {
    struct conf_text ca;
    struct conf_text crl;
    struct conf_text name;
    struct conf_site site;
    struct conf_listener listener;
};

/* Its paths are good as long as those of lab_path(). */
void lab_setting_init(struct lab_setting *s, const struct lab *l, enum conf_client_mode mode,
                      enum conf_on_failure on_failure);

#endif
