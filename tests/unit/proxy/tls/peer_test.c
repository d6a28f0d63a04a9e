/* proxy/tls/peer.c: the certificate is the same after idling, in either form, and without memory
 * there is none rather than a part of it. */
#include "proxy/tls/peer.h"
#include "proxy/tls/session_inner.h"
#include "proxy/tls/site_inner.h"
#include "tests/support/check.h"
#include "tests/support/library_memory.h"
#include "tests/unit/proxy/tls/lab_client.h"

/* A session whose OpenSSL object is still there: records are OpenSSL's. */
struct talk {
    struct lab_setting setting;
    struct conf_tuning tuning;
    struct tls_sites *sites;
    struct lab_client client;
    int sent; /* certificates beside the client's own */
};

static void talk_open(struct talk *t, int further)
{
    const struct tls_options options = {.keys = TLS_KEYS_ALL, .tuning = &t->tuning};
    t->tuning = lab_tuning;
    t->tuning.own_records = false;
    t->sent = further > 0 ? further : 0;
    lab_setting_init(&t->setting, &lab, CONF_CLIENT_OPTIONAL, CONF_ON_FAILURE_REFUSE);
    t->sites = lab_sites_with(&t->setting.listener, &options);
    X509 *x = further >= 0 ? lab_good_client(&lab) : NULL;
    lab_client_init(&t->client, TLS1_3_VERSION, x, lab.key);
    for (int i = 0; i < further; i++) {
        assert_int_equal(SSL_CTX_add1_chain_cert(t->client.context, lab.ca), 1);
    }
    SSL_CTX_set_mode(t->client.context, SSL_MODE_NO_AUTO_CHAIN);
    lab_client_join(&t->client, t->sites, "www.example");
    assert_int_equal(lab_handshake(&t->client), TLS_OK);
    X509_free(x);
}

static void talk_close(struct talk *t)
{
    lab_client_fini(&t->client);
    tls_sites_unref(t->sites);
}

static struct tls_peer *peer_of(const struct talk *t)
{
    return peer_new(t->client.session->ssl, t->sites->library);
}

static int count(const STACK_OF(X509) * stack)
{
    return stack != NULL ? sk_X509_num(stack) : 0;
}

/* True if the certificates are, octet by octet, those that the client sent. */
static bool is_whole(struct tls_peer *p, const struct talk *t)
{
    STACK_OF(X509) *sent = SSL_get_peer_cert_chain(t->client.session->ssl);
    if (count(sent) != t->sent || count(p->sent) != t->sent ||
        X509_cmp(p->leaf, SSL_get0_peer_certificate(t->client.session->ssl)) != 0) {
        return false;
    }
    for (int i = 0; i < t->sent; i++) {
        if (X509_cmp(sk_X509_value(p->sent, i), sk_X509_value(sent, i)) != 0) {
            return false;
        }
    }
    return true;
}

static void test_none(void **state)
{
    (void)state;
    struct talk t;
    talk_open(&t, -1);
    assert_null(peer_of(&t));
    assert_null(peer_leaf(NULL));
    peer_free(NULL);
    talk_close(&t);
}

/* Idling and waking, again and again; freed in either form. */
static void test_forms(void **state)
{
    (void)state;
    for (int further = 0; further < 3; further++) {
        struct talk t;
        talk_open(&t, further);
        for (int end = 0; end < 2; end++) {
            struct tls_peer *p = peer_of(&t);
            assert_non_null(p);
            assert_false(peer_is_idle(p));
            assert_true(is_whole(p, &t));
            for (int i = 0; i < 3; i++) {
                peer_idle(p);
                peer_idle(p);
                assert_true(peer_is_idle(p));
                assert_null(p->sent);
                X509 *leaf = peer_leaf(p);
                assert_non_null(leaf);
                assert_ptr_equal(peer_leaf(p), leaf);
                assert_true(is_whole(p, &t));
                assert_false(peer_is_idle(p));
            }
            if (end == 0) {
                peer_idle(p);
            }
            peer_free(p);
        }
        talk_close(&t);
    }
}

/* It outlives OpenSSL's object. */
static void test_outlives(void **state)
{
    (void)state;
    struct talk t;
    talk_open(&t, 1);
    X509 *leaf = SSL_get1_peer_certificate(t.client.session->ssl);
    struct tls_peer *awake = peer_of(&t);
    struct tls_peer *asleep = peer_of(&t);
    assert_true(awake != NULL && asleep != NULL);
    peer_idle(asleep);
    talk_close(&t);
    assert_int_equal(X509_cmp(peer_leaf(awake), leaf), 0);
    assert_int_equal(X509_cmp(peer_leaf(asleep), leaf), 0);
    assert_int_equal(count(awake->sent), 1);
    assert_int_equal(count(asleep->sent), 1);
    X509_free(leaf);
    peer_free(awake);
    peer_free(asleep);
}

static void fail_from(unsigned long nth, bool forever)
{
    library_memory_fails = nth > 0;
    mem_fail_after(nth, forever);
}

static void test_made_without_memory(void **state)
{
    (void)state;
    struct talk t;
    talk_open(&t, 1);
    unsigned long nth = 0;
    struct tls_peer *p = NULL;
    while (p == NULL) {
        fail_from(++nth, false);
        p = peer_of(&t);
        unsigned long needed = mem_allocations();
        fail_from(0, false);
        assert_true((p == NULL) == (needed >= nth));
    }
    assert_true(is_whole(p, &t));
    assert_true(nth > 2);
    peer_free(p);
    talk_close(&t);
}

/* Going idle without memory leaves it as it was. Waking without gives nothing, not a part; it can
 * be tried again. */
static void test_woken_without_memory(void **state)
{
    (void)state;
    struct talk t;
    talk_open(&t, 2);
    struct tls_peer *p = peer_of(&t);
    assert_non_null(p);
    mem_fail_after(1, false);
    peer_idle(p);
    mem_fail_after(0, false);
    assert_false(peer_is_idle(p));
    assert_true(is_whole(p, &t));
    unsigned long failed = 0;
    for (unsigned long nth = 1;; nth++) {
        peer_idle(p);
        assert_true(peer_is_idle(p));
        fail_from(nth, nth % 2 == 0);
        X509 *leaf = peer_leaf(p);
        unsigned long needed = mem_allocations();
        fail_from(0, false);
        if (leaf == NULL) {
            failed++;
            assert_true(peer_is_idle(p) && p->sent == NULL);
            assert_non_null(peer_leaf(p));
        }
        assert_true(is_whole(p, &t));
        if (needed < nth) {
            break;
        }
    }
    assert_true(failed > 20);
    peer_free(p);
    talk_close(&t);
}

int main(void)
{
    if (!library_memory_openssl()) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_made_without_memory),
        cmocka_unit_test(test_woken_without_memory),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_outlives),
    };
    int failed = 0;
    const char *way;
    for (size_t i = 0; (way = lab_use_way(i)) != NULL; i++) {
        failed += cmocka_run_group_tests_name(way, tests, lab_set_up, lab_tear_down);
    }
    return failed;
}
