/* What is remembered of certificates beyond a handshake of our own (proxy/tls/decoded.c), and who
 * can make the proxy forget it: strangers cannot. */
#include <stdio.h>

#include <openssl/x509v3.h>

#include "proxy/tls/client_hello.h"
#include "proxy/tls/library.h"
#include "proxy/tls/proof.h"
#include "proxy/tls/site_inner.h"
#include "tests/support/check.h"
#include "tests/support/library_memory.h"
#include "tests/unit/proxy/tls/handshake_lab.h"

enum { WORDS_MAX = 4 };

static X509 *alice;

static int set_up(void **state)
{
    (void)lab_set_up(state);
    alice = lab_good_client(&lab);
    return 0;
}

static int tear_down(void **state)
{
    X509_free(alice);
    return lab_tear_down(state);
}

static struct tls_sites *sites_of_lab(void)
{
    static struct lab_setting s; /* outlives the table */
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    return lab_sites(&s.listener);
}

static void join(struct talk *t, struct tls_sites *sites)
{
    *t = (struct talk){.good = alice};
    lab_raw_join(&t->raw, sites, TRAFFIC_AES_128_GCM, GROUP_X25519);
    buf_init(&t->said, 1 << 20);
}

static enum tls_result run(struct talk *t, const enum word words[WORDS_MAX],
                           struct tls_sites *sites)
{
    join(t, sites);
    for (size_t i = 0; i < WORDS_MAX && words[i] != END; i++) {
        handshake_lab_say(t, words[i]);
    }
    return lab_raw_feed(&t->raw, 0);
}

static void finish(struct talk *t)
{
    lab_raw_part(&t->raw);
    buf_release(&t->said);
}

/* What alice's octets are decoded to: a new object, or the one that is remembered. */
static X509 *alice_in(const struct tls_sites *sites)
{
    unsigned char *der = NULL;
    int n = i2d_X509(alice, &der);
    X509 *x = decoded_get(lab.decoded, sites->library, (struct str){(char *)der, (size_t)n});
    OPENSSL_free(der);
    assert_non_null(x);
    return x;
}

static bool is_remembered(const struct tls_sites *sites, const X509 *kept)
{
    X509 *x = alice_in(sites);
    bool same = x == kept;
    X509_free(x);
    return same;
}

/* The decoding that is remembered once alice was let in. */
static X509 *let_in(struct tls_sites *sites)
{
    static const enum word right[WORDS_MAX] = {CERT, PROOF, FIN};
    struct talk t;
    assert_int_equal(run(&t, right, sites), TLS_OK);
    finish(&t);
    X509 *kept = alice_in(sites);
    assert_true(is_remembered(sites, kept));
    return kept;
}

/* Sites that take clients of another CA. */
static struct tls_sites *sites_of_others(void)
{
    static struct lab_setting s;
    X509 *other = pki_ca("Other CA", lab.key);
    lab_write(&lab, "other.crt", pki_cert_pem(other));
    X509_free(other);
    lab_setting_init(&s, &lab, CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    s.ca.p = lab_path(&lab, "other.crt");
    return lab_sites(&s.listener);
}

/* Who has alice's certificate, which is no secret, but not her key, does not make the proxy forget
 * it; nor does she where she is not let in. */
static void test_strangers(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        enum word words[WORDS_MAX];
        enum reason reason;
    } rows[] = {
        {"a wrong proof", {CERT, PROOF_SIGNATURE, FIN}, REASON_TLS_PROTOCOL_ERROR},
        {"one of no octets", {CERT, PROOF_EMPTY, FIN}, REASON_TLS_PROTOCOL_ERROR},
        {"one over another transcript", {PROOF_EARLY, FIN}, REASON_TLS_PROTOCOL_ERROR},
        {"one of another key", {CERT, PROOF_SCHEME, FIN}, REASON_TLS_PROTOCOL_ERROR},
        {"one cut", {CERT, PROOF_CUT, FIN}, REASON_TLS_PROTOCOL_ERROR},
        {"none", {CERT, FIN}, REASON_TLS_PROTOCOL_ERROR},
        {"an alert", {CERT, ALERT_FATAL}, REASON_TLS_CLIENT_ALERT},
        {"a wrong Finished", {CERT, PROOF, FIN_CHANGED}, REASON_TLS_PROTOCOL_ERROR},
        {"another CA", {CERT, PROOF, FIN}, REASON_CLIENT_CERT_UNKNOWN_CA}, /* the last */
    };
    struct tls_sites *sites = sites_of_lab();
    struct tls_sites *others = sites_of_others();
    X509 *kept = let_in(sites);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        enum tls_result r = run(&t, rows[i].words, i + 1 < ROWS(rows) ? sites : others);
        CHECK_ROW(rows[i].says, r == TLS_FAILED);
        CHECK_ROW(rows[i].says, tls_session_reason(t.raw.session) == rows[i].reason);
        CHECK_ROW(rows[i].says, is_remembered(sites, kept));
        finish(&t);
    }
    X509_free(kept);
    tls_sites_unref(sites);
    tls_sites_unref(others);
}

/* Where memory fails while a proof is looked at, the key may be of no use afterwards: it is decoded
 * anew. That is not the client's fault, and the next time it is let in. */
static void test_forgotten(void **state)
{
    (void)state;
    struct tls_sites *sites = sites_of_lab();
    unsigned long made = 1;
    unsigned forgotten = 0;
    for (unsigned long nth = 1; nth <= made; nth++) {
        X509 *kept = let_in(sites);
        struct talk t;
        join(&t, sites);
        handshake_lab_say(&t, CERT);
        assert_int_equal(lab_raw_feed(&t.raw, 0), TLS_WANT);
        handshake_lab_say(&t, PROOF);
        mem_fail_after(nth, false);
        library_memory_fails = true;
        tls_session_input(t.raw.session, buf_str(&t.raw.stream));
        enum tls_result r = tls_session_handshake(t.raw.session);
        library_memory_fails = false;
        made = mem_allocations();
        mem_fail_after(0, false);
        tls_session_unlend(t.raw.session);
        if (!is_remembered(sites, kept)) {
            assert_int_equal(r, TLS_FAILED);
            assert_int_equal(tls_session_reason(t.raw.session), REASON_OUT_OF_MEMORY);
            forgotten++;
        }
        finish(&t);
        X509_free(kept);
    }
    assert_true(forgotten > 10);
    tls_sites_unref(sites);
}

/* What was decoded while memory failed is remembered only if its client would be let in by it. */
static void test_whole(void **state)
{
    (void)state;
    struct tls_sites *sites = sites_of_lab();
    const struct trust *trust = tls_sites_at(sites, 0)->trust;
    unsigned long made = 1;
    unsigned kept = 0;
    unsigned left = 0;
    for (unsigned long nth = 1; nth <= made; nth++) {
        unsigned char *der = NULL;
        size_t n = (size_t)i2d_X509(alice, &der);
        struct decoded *d = decoded_new(1);
        mem_fail_after(nth, false);
        library_memory_fails = true;
        X509 *x = decoded_get(d, sites->library, (struct str){(char *)der, n});
        bool looked_at = x != NULL && X509_check_purpose(x, -1, 0) == 1;
        library_memory_fails = false;
        made = mem_allocations();
        mem_fail_after(0, false);
        if (looked_at) {
            decoded_keep(d, sites->library, x);
        }
        X509 *again = decoded_get(d, sites->library, (struct str){(char *)der, n});
        assert_int_equal(trust_judge(trust, again, NULL, PKI_NOW_S * 1000, NULL, NULL), REASON_OK);
        assert_true(X509_verify(again, lab.ca_key) == 1 && X509_get0_pubkey(again) != NULL);
        kept += x != NULL && again == x ? 1 : 0;
        left += looked_at && again != x ? 1 : 0;
        X509_free(again);
        X509_free(x);
        decoded_free(d);
        OPENSSL_free(der);
    }
    assert_true(kept > 10 && left > 10);
    tls_sites_unref(sites);
}

int main(void)
{
    if (!library_memory_openssl()) {
        return 1;
    }
    if (!library_shakes_hands(&lab_tuning)) {
        (void)printf("skipped: with this OpenSSL handshakes are its own\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_whole),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
