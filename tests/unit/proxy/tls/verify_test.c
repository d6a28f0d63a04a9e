/* proxy/tls/verify.c: what a client certificate leads to, and which alert says so. */
#include <openssl/bn.h>
#include <openssl/core_names.h>

#include "auth/certcache.h"
#include "tests/unit/proxy/tls/lab_client.h"

static X509 *no_client(EVP_PKEY **key)
{
    (void)key;
    return NULL;
}

static X509 *accepted_client(EVP_PKEY **key)
{
    (void)key;
    return lab_good_client(&lab);
}

static X509 *expired_client(EVP_PKEY **key)
{
    (void)key;
    return lab_issue(&lab, &(struct pki_spec){.common_name = "alice",
                                              .not_before_s = PKI_NOW_S - 20 * PKI_DAY_S,
                                              .not_after_s = PKI_NOW_S - 10 * PKI_DAY_S});
}

static X509 *future_client(EVP_PKEY **key)
{
    (void)key;
    return lab_issue(
        &lab, &(struct pki_spec){.common_name = "alice", .not_before_s = PKI_NOW_S + PKI_DAY_S});
}

static X509 *foreign_client(EVP_PKEY **key)
{
    (void)key;
    EVP_PKEY *ca_key = pki_key();
    X509 *ca = pki_ca("Other CA", ca_key);
    X509 *x = pki_leaf("alice", lab.key, ca, ca_key);
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    return x;
}

static X509 *self_signed_client(EVP_PKEY **key)
{
    (void)key;
    return pki_cert(&(struct pki_spec){.common_name = "alice"}, lab.key, NULL, NULL);
}

static X509 *forged_client(EVP_PKEY **key)
{
    (void)key;
    EVP_PKEY *other = pki_key();
    X509 *x = pki_cert(&(struct pki_spec){.common_name = "alice"}, lab.key, lab.ca, other);
    EVP_PKEY_free(other);
    return x;
}

static X509 *server_as_client(EVP_PKEY **key)
{
    (void)key;
    return lab_issue(&lab, &(struct pki_spec){.common_name = "alice", .purpose = "serverAuth"});
}

static X509 *revoked_client(EVP_PKEY **key)
{
    (void)key;
    return lab_issue(&lab, &(struct pki_spec){.common_name = "alice", .serial = 666});
}

static X509 *weak_client(EVP_PKEY **key)
{
    *key = pki_rsa_key(1024);
    return pki_cert(&(struct pki_spec){.common_name = "alice"}, *key, lab.ca, lab.ca_key);
}

static const struct client_row {
    const char *what;
    X509 *(*make)(EVP_PKEY **key); /* may set a key of its own, which the test frees */
    enum reason reason;
    enum lab_alert alert;
} client_rows[] = {
    {"no certificate", no_client, REASON_CLIENT_CERT_MISSING, CERTIFICATE_REQUIRED},
    {"a good one", accepted_client, REASON_OK, NO_ALERT},
    {"one that has expired", expired_client, REASON_CLIENT_CERT_EXPIRED, CERTIFICATE_EXPIRED},
    {"one of the future", future_client, REASON_CLIENT_CERT_NOT_YET_VALID, BAD_CERTIFICATE},
    {"one of another CA", foreign_client, REASON_CLIENT_CERT_UNKNOWN_CA, UNKNOWN_CA},
    {"its own issuer", self_signed_client, REASON_CLIENT_CERT_UNKNOWN_CA, UNKNOWN_CA},
    {"one with a false signature", forged_client, REASON_CLIENT_CERT_BAD_SIGNATURE, NO_ALERT},
    {"one for servers", server_as_client, REASON_CLIENT_CERT_PURPOSE, UNSUPPORTED_CERTIFICATE},
    {"a withdrawn one", revoked_client, REASON_CLIENT_CERT_REVOKED, CERTIFICATE_REVOKED},
    {"RSA of 1024 bits", weak_client, REASON_CLIENT_CERT_WEAK_KEY, BAD_CERTIFICATE},
};

static void check_client(const struct client_row *row, const struct lab_setting *s,
                         struct tls_sites *t, int version)
{
    enum conf_client_mode mode = s->site.client.mode;
    bool answered = s->site.client.on_failure == CONF_ON_FAILURE_ANSWER;
    EVP_PKEY *key = NULL;
    X509 *x = row->make(&key);
    struct lab_client c;
    lab_client_init(&c, version, x, key != NULL ? key : lab.key);
    lab_client_join(&c, t, NULL);
    enum tls_result r = lab_handshake(&c);

    bool asked = mode != CONF_CLIENT_OFF;
    enum reason verdict = asked ? row->reason : REASON_CLIENT_CERT_MISSING;
    bool pass =
        !asked || verdict == REASON_OK || answered || (mode == CONF_CLIENT_OPTIONAL && x == NULL);
    if ((r == TLS_OK) != pass) {
        fail_msg("%s, mode %d, answer %d, %s: result %d, reason %s, %s", row->what, mode, answered,
                 version == TLS1_3_VERSION ? "1.3" : "1.2", r,
                 reason_token(tls_session_reason(c.session)), tls_session_detail(c.session).p);
    }
    if (pass) {
        assert_string_equal(reason_token(tls_session_peer_reason(c.session)),
                            reason_token(verdict));
        assert_int_equal(tls_session_peer(c.session) != NULL, asked && x != NULL);
        assert_int_equal(c.alert, NO_ALERT);
    } else {
        assert_string_equal(reason_token(tls_session_reason(c.session)), reason_token(verdict));
        assert_null(tls_session_peer(c.session));
        assert_true(tls_session_detail(c.session).n > 0);
        int alert = row->alert == CERTIFICATE_REQUIRED && version == TLS1_2_VERSION
                        ? HANDSHAKE_FAILURE
                        : (int)row->alert;
        if (alert != NO_ALERT && alert != c.alert) {
            fail_msg("%s: alert %d", row->what, c.alert);
        }
        assert_int_not_equal(c.alert, NO_ALERT);
    }
    lab_client_fini(&c);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void client_certificates(void **state)
{
    (void)state;
    X509 *revoked = revoked_client(NULL);
    X509_CRL *crl = pki_crl(lab.ca, lab.ca_key, PKI_NOW_S - 60, PKI_NOW_S + PKI_DAY_S, &revoked, 1);
    lab_write(&lab, "ca.crl", pki_crl_pem(crl));
    X509_CRL_free(crl);
    X509_free(revoked);
    for (int mode = CONF_CLIENT_REQUIRE; mode <= CONF_CLIENT_OFF; mode++) {
        for (int answer = 0; answer < 2; answer++) {
            struct lab_setting s;
            lab_setting_init(&s, &lab, (enum conf_client_mode)mode, (enum conf_on_failure)answer);
            s.crl.p = lab_path(&lab, "ca.crl");
            s.site.client.crl = (struct conf_texts){&s.crl, 1};
            struct tls_sites *t = lab_sites(&s.listener);
            for (size_t i = 0; i < sizeof(client_rows) / sizeof(client_rows[0]); i++) {
                check_client(&client_rows[i], &s, t, TLS1_2_VERSION);
                check_client(&client_rows[i], &s, t, TLS1_3_VERSION);
            }
            tls_sites_unref(t);
        }
    }
}

/* A CRL that is not there or too old refuses, and does not blame the client's certificate. */
static void stale_crls(void **state)
{
    (void)state;
    X509_CRL *crl = pki_crl(lab.ca, lab.ca_key, PKI_NOW_S - 60, PKI_NOW_S + 60, NULL, 0);
    lab_write(&lab, "old.crl", pki_crl_pem(crl));
    X509_CRL_free(crl);
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    s.crl.p = lab_path(&lab, "old.crl");
    s.site.client.crl = (struct conf_texts){&s.crl, 1};
    struct tls_sites *t = lab_sites(&s.listener);
    clock_fake(0, (PKI_NOW_S + 120) * 1000);
    X509 *x = lab_good_client(&lab);
    struct lab_client c;
    lab_client_init(&c, TLS1_3_VERSION, x, lab.key);
    lab_client_join(&c, t, NULL);
    assert_int_equal(lab_handshake(&c), TLS_FAILED);
    assert_int_equal(tls_session_reason(c.session), REASON_CRL_EXPIRED);
    assert_int_not_equal(c.alert, NO_ALERT);
    lab_client_fini(&c);
    X509_free(x);
    tls_sites_unref(t);
    clock_fake(0, PKI_NOW_S * 1000);
}

/* What was accepted once is judged by the trust and the time of now. */
static void judged_anew(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_OPTIONAL, CONF_ON_FAILURE_ANSWER);
    struct tls_sites *t = lab_sites(&s.listener);
    EVP_PKEY *other_key = pki_key();
    X509 *other = pki_ca("Other CA", other_key);
    lab_write(&lab, "other.crt", pki_cert_pem(other));
    struct lab_setting s2;
    lab_setting_init(&s2, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    s2.ca.p = lab_path(&lab, "other.crt");
    struct tls_sites *t2 = lab_sites(&s2.listener);
    struct lab_client c;
    lab_join_good(&lab, &c, t, TLS1_3_VERSION);
    const struct trust *now = tls_sites_at(t, 0)->trust;
    const int64_t ms = PKI_NOW_S * 1000;
    struct trust_term term = tls_session_peer_term(c.session);
    assert_int_equal(term.until_ms, (PKI_NOW_S + 30 * PKI_DAY_S + 1) * 1000);
    assert_int_equal(term.then, REASON_CLIENT_CERT_EXPIRED);
    term = (struct trust_term){0};
    assert_int_equal(tls_session_judge(c.session, now, ms, &term), REASON_OK);
    assert_int_equal(term.until_ms, tls_session_peer_term(c.session).until_ms);
    assert_int_equal(tls_session_judge(c.session, now, ms + INT64_C(40) * PKI_DAY_S * 1000, &term),
                     REASON_CLIENT_CERT_EXPIRED);
    assert_int_equal(term.until_ms, 0);
    assert_int_equal(tls_session_judge(c.session, tls_sites_at(t2, 0)->trust, ms, &term),
                     REASON_CLIENT_CERT_UNKNOWN_CA);
    assert_int_equal(tls_session_judge(c.session, NULL, ms, &term), REASON_CLIENT_CERT_UNKNOWN_CA);
    lab_client_fini(&c);
    lab_client_init(&c, TLS1_3_VERSION, NULL, NULL);
    lab_client_join(&c, t, NULL);
    assert_int_equal(lab_handshake(&c), TLS_OK);
    assert_int_equal(tls_session_judge(c.session, now, ms, &term), REASON_CLIENT_CERT_MISSING);
    lab_client_fini(&c);
    tls_sites_unref(t);
    tls_sites_unref(t2);
    X509_free(other);
    EVP_PKEY_free(other_key);
}

/* The public key of one and the private key of another, as of a thief who has the certificate
 * only. */
static EVP_PKEY *false_key(EVP_PKEY *shown, EVP_PKEY *had)
{
    unsigned char point[256];
    size_t n = 0;
    char group[] = "P-256";
    BIGNUM *secret = NULL;
    unsigned char number[32];
    assert_int_equal(
        EVP_PKEY_get_octet_string_param(shown, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &n),
        1);
    assert_int_equal(EVP_PKEY_get_bn_param(had, OSSL_PKEY_PARAM_PRIV_KEY, &secret), 1);
    assert_int_equal(BN_bn2nativepad(secret, number, sizeof(number)), sizeof(number));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, n),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, number, sizeof(number)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(c), 1);
    assert_int_equal(EVP_PKEY_fromdata(c, &key, EVP_PKEY_KEYPAIR, params), 1);
    EVP_PKEY_CTX_free(c);
    BN_free(secret);
    return key;
}

/* That a chain is remembered says nothing about who comes with it: the signature over the handshake
 * is verified each time. */
static void remembered_and_stolen(void **state)
{
    (void)state;
    struct lab_setting s;
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_ANSWER);
    struct tls_sites *t = lab_sites(&s.listener);
    struct certcache *cache = certcache_new(8, 3600000);
    tls_sites_use_cache(t, cache);
    X509 *x = lab_good_client(&lab);
    EVP_PKEY *other = pki_key();
    EVP_PKEY *stolen = false_key(lab.key, other);
    for (int i = 0; i < 8; i++) {
        struct lab_client c;
        bool thief = i % 4 >= 2;
        lab_client_init(&c, i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, x,
                        thief ? stolen : lab.key);
        lab_client_join(&c, t, NULL);
        enum tls_result r = lab_handshake(&c);
        if (thief) {
            assert_int_equal(r, TLS_FAILED);
            assert_int_equal(tls_session_reason(c.session), REASON_TLS_PROTOCOL_ERROR);
            assert_null(tls_session_peer(c.session));
        } else {
            assert_int_equal(r, TLS_OK);
            assert_int_equal(tls_session_peer_reason(c.session), REASON_OK);
            assert_int_equal(tls_session_deny_keys(c.session)->n, 2);
            assert_true(tls_session_peer_term(c.session).until_ms > PKI_NOW_S * 1000);
        }
        lab_client_fini(&c);
    }
    assert_int_equal(certcache_counts(cache).used, 1);
    assert_int_equal(certcache_counts(cache).misses, 1);
    EVP_PKEY_free(stolen);
    EVP_PKEY_free(other);
    X509_free(x);
    tls_sites_unref(t);
    certcache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_certificates),
        cmocka_unit_test(stale_crls),
        cmocka_unit_test(judged_anew),
        cmocka_unit_test(remembered_and_stolen),
    };
    int failed = 0;
    const char *way;
    for (size_t i = 0; (way = lab_use_way(i)) != NULL; i++) {
        failed += cmocka_run_group_tests_name(way, tests, lab_set_up, lab_tear_down);
    }
    return failed;
}
