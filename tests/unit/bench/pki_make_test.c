/* Certificates of load tests: they verify, carry the name, and what is no name is refused. */
#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "bench/pki_make.h"
#include "tests/support/check.h"

static struct buf text(void)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    return b;
}

static BIO *reader(const struct buf *b)
{
    BIO *m = BIO_new_mem_buf(buf_str(b).p, (int)buf_len(b));
    assert_non_null(m);
    return m;
}

static X509 *read_cert(const struct buf *b)
{
    BIO *m = reader(b);
    X509 *cert = PEM_read_bio_X509(m, NULL, NULL, NULL);
    assert_non_null(cert);
    BIO_free(m);
    return cert;
}

static EVP_PKEY *read_key(const struct buf *b)
{
    BIO *m = reader(b);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(m, NULL, NULL, NULL);
    assert_non_null(key);
    BIO_free(m);
    return key;
}

/* The library's strict check of cert for a purpose, against ca. */
static bool verifies(X509 *cert, X509 *ca, int purpose)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    assert_int_equal(X509_STORE_add_cert(store, ca), 1);
    assert_int_equal(X509_STORE_CTX_init(context, store, cert, NULL), 1);
    assert_int_equal(X509_STORE_CTX_set_purpose(context, purpose), 1);
    X509_STORE_CTX_set_flags(context, X509_V_FLAG_X509_STRICT);
    bool good = X509_verify_cert(context) == 1;
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return good;
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *key;
        const char *name;
    } rows[] = {
        {"an unknown type of key", "rsa512", "a.example"},
        {"no type of key", "", "a.example"},
        {"an empty name", "p256", ""},
        {"a name with the separator of extensions", "p256", "a.example,email:x@y"},
        {"a name with a colon that is no address", "p256", "URI:x"},
        {"a name with a blank", "p256", "a b"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct err e = {0};
        struct pki_make_options o = {
            .key = rows[i].key, .days = 1, .names = &rows[i].name, .name_count = 1};
        CHECK_ROW(rows[i].says, pki_make_new(&o, &e) == NULL && e.code == ERR_MALFORMED);
    }
}

static void check_server(struct pki_make *p, X509 *ca)
{
    struct buf cert_text = text();
    struct buf key_text = text();
    assert_int_equal(pki_make_server(p, &cert_text, &key_text, NULL), 0);
    X509 *cert = read_cert(&cert_text);
    EVP_PKEY *key = read_key(&key_text);
    assert_int_equal(X509_check_private_key(cert, key), 1);
    assert_true(verifies(cert, ca, X509_PURPOSE_SSL_SERVER));
    assert_false(verifies(cert, ca, X509_PURPOSE_SSL_CLIENT));
    assert_int_equal(X509_check_host(cert, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(cert, "www.example", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(cert, "other.example", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(cert, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(cert, "::1", 0), 1);
    assert_int_equal(X509_check_ip_asc(cert, "192.0.2.7", 0), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    buf_release(&cert_text);
    buf_release(&key_text);
}

static void check_client(struct pki_make *p, X509 *ca, size_t index, EVP_PKEY **key)
{
    struct buf both = text();
    char name[64] = "";
    assert_int_equal(pki_make_client(p, index, "user1@bench.example", &both, NULL), 0);
    X509 *cert = read_cert(&both);
    *key = read_key(&both);
    assert_int_equal(X509_check_private_key(cert, *key), 1);
    assert_true(verifies(cert, ca, X509_PURPOSE_SSL_CLIENT));
    assert_false(verifies(cert, ca, X509_PURPOSE_SSL_SERVER));
    X509_NAME *subject = X509_get_subject_name(cert);
    assert_true(X509_NAME_get_text_by_NID(subject, NID_commonName, name, sizeof(name)) > 0);
    assert_string_equal(name, "user1@bench.example");
    assert_int_equal(X509_check_email(cert, name, 0, 0), 1);
    assert_true(str_starts(buf_str(&both), STR("-----BEGIN CERTIFICATE-----\n")));
    X509_free(cert);
    buf_release(&both);
}

static void each_type_of_key(void **state)
{
    (void)state;
    static const char *const names[] = {"www.example", "192.0.2.7"};
    for (const char *const *type = pki_make_key_types(); *type != NULL; type++) {
        if (strcmp(*type, "rsa3072") == 0 || strcmp(*type, "rsa4096") == 0) {
            continue; /* slow, and the same as rsa2048 */
        }
        struct pki_make_options o = {.key = *type, .days = 2, .names = names, .name_count = 2};
        struct pki_make *p = pki_make_new(&o, NULL);
        struct buf ca_text = text();
        EVP_PKEY *key = NULL;
        assert_non_null(p);
        assert_int_equal(pki_make_ca(p, &ca_text, NULL, NULL), 0);
        X509 *ca = read_cert(&ca_text);
        check_server(p, ca);
        check_client(p, ca, 0, &key);
        EVP_PKEY_free(key);
        X509_free(ca);
        buf_release(&ca_text);
        pki_make_free(p);
    }
}

static void shared_keys_come_in_turn(void **state)
{
    (void)state;
    struct pki_make_options o = {.key = "p256", .days = 2, .shared_keys = 2};
    struct pki_make *p = pki_make_new(&o, NULL);
    struct buf ca_text = text();
    EVP_PKEY *keys[3] = {0};
    assert_non_null(p);
    assert_int_equal(pki_make_ca(p, &ca_text, NULL, NULL), 0);
    X509 *ca = read_cert(&ca_text);
    for (size_t i = 0; i < 3; i++) {
        check_client(p, ca, i, &keys[i]);
    }
    assert_int_equal(EVP_PKEY_eq(keys[0], keys[2]), 1);
    assert_int_not_equal(EVP_PKEY_eq(keys[0], keys[1]), 1);
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY_free(keys[i]);
    }
    X509_free(ca);
    buf_release(&ca_text);
    pki_make_free(p);
}

static void revocation_list(void **state)
{
    (void)state;
    struct pki_make_options o = {.key = "p256", .days = 2};
    struct pki_make *p = pki_make_new(&o, NULL);
    struct buf ca_text = text();
    struct buf crl_text = text();
    assert_non_null(p);
    assert_int_equal(pki_make_ca(p, &ca_text, NULL, NULL), 0);
    assert_int_equal(pki_make_crl(p, 7, &crl_text, NULL), 0);
    X509 *ca = read_cert(&ca_text);
    BIO *m = reader(&crl_text);
    X509_CRL *crl = PEM_read_bio_X509_CRL(m, NULL, NULL, NULL);
    assert_non_null(crl);
    assert_int_equal(X509_CRL_verify(crl, X509_get0_pubkey(ca)), 1);
    assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), 7);
    BIO_free(m);
    X509_CRL_free(crl);
    X509_free(ca);
    buf_release(&ca_text);
    buf_release(&crl_text);
    pki_make_free(p);
}

static void without_memory(void **state)
{
    (void)state;
    struct pki_make_options o = {.key = "p256", .days = 2, .shared_keys = 1};
    for (unsigned long nth = 1; nth <= 4; nth++) {
        struct err e = {0};
        mem_fail_after(nth, true);
        struct pki_make *p = pki_make_new(&o, &e);
        mem_fail_after(0, false);
        assert_true(p == NULL ? e.code != ERR_OK : nth == 4);
        pki_make_free(p);
    }
    struct pki_make *p = pki_make_new(&o, NULL);
    struct buf none;
    buf_init(&none, 10);
    struct err e = {0};
    assert_non_null(p);
    assert_int_not_equal(pki_make_client(p, 0, "x@y", &none, &e), 0);
    assert_int_not_equal(e.code, ERR_OK);
    buf_release(&none);
    pki_make_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(each_type_of_key),
        cmocka_unit_test(shared_keys_come_in_turn),
        cmocka_unit_test(revocation_list),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
