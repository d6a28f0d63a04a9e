/* proxy/tls/resume.c: which sessions are resumed, against OpenSSL's client. */
#include "base/err.h"
#include "tests/unit/proxy/tls/resume_lab.h"

static struct session_region *region;

static void resumes(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        struct tls_sites *other = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        SSL_SESSION *kept = resume_good_visit(t, resume_versions[i], "www.example");
        assert_true(resume_again(t, resume_versions[i], kept, "www.example", NULL));
        assert_true(resume_again(other, resume_versions[i], kept, "www.example", NULL));
        SSL_SESSION_free(kept);
        kept = resume_good_visit(t, resume_versions[i], NULL);
        assert_true(resume_again(other, resume_versions[i], kept, NULL, NULL));
        assert_int_equal(SSL_SESSION_get_max_early_data(kept), 0);
        SSL_SESSION_free(kept);
        tls_sites_unref(t);
        tls_sites_unref(other);
    }
}

/* The certificate of a resumed session is the one of the full handshake, not of the new client. */
static void the_certificate_stays(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        X509 *bob = lab_issue(&lab, &(struct pki_spec){.common_name = "bob"});
        SSL_SESSION *kept = resume_visit(t, resume_versions[i], bob, NULL);
        assert_non_null(kept);
        struct lab_client c;
        lab_client_init(&c, resume_versions[i], NULL, NULL);
        lab_client_join(&c, t, NULL);
        assert_int_equal(SSL_set_session(c.ssl, kept), 1);
        assert_int_equal(lab_handshake(&c), TLS_OK);
        assert_true(tls_session_resumed(c.session));
        assert_int_equal(X509_cmp(tls_session_peer(c.session), bob), 0);
        lab_client_fini(&c);
        SSL_SESSION_free(kept);
        X509_free(bob);
        tls_sites_unref(t);
    }
}

/* Whether one who comes without a certificate, but with this session, is taken for its owner. */
static bool is_of_use(struct tls_sites *t, int version, SSL_SESSION *kept)
{
    struct lab_client c;
    tls_sites_use_store(t, resume_taker);
    lab_client_init(&c, version, NULL, NULL);
    lab_client_join(&c, t, NULL);
    assert_int_equal(SSL_set_session(c.ssl, kept), 1);
    assert_int_equal(lab_handshake(&c), TLS_OK);
    bool resumed = tls_session_resumed(c.session);
    lab_client_fini(&c);
    return resumed;
}

/* Nobody gets a ticket whose certificate was not asked for, not shown, or not accepted; an id,
 * which with TLS 1.2 is sent before that is known, leads to nothing. */
static void no_ticket(void **state)
{
    (void)state;
    EVP_PKEY *key = pki_key();
    X509 *nobody = pki_ca("Nobody", key);
    X509 *stranger = pki_cert(&(struct pki_spec){.common_name = "alice"}, lab.key, nobody, key);
    X509 *good = lab_good_client(&lab);
    const struct {
        const char *says;
        enum conf_client_mode mode;
        X509 *cert;
    } rows[] = {
        {"not asked for", CONF_CLIENT_OFF, good},
        {"not shown", CONF_CLIENT_OPTIONAL, NULL},
        {"required and not shown", CONF_CLIENT_REQUIRE, NULL},
        {"by an unknown CA", CONF_CLIENT_OPTIONAL, stranger},
        {"required, by an unknown CA", CONF_CLIENT_REQUIRE, stranger},
    };
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        int version = resume_versions[i % 2];
        struct tls_sites *t = resume_sites(rows[i / 2].mode, CONF_ON_FAILURE_ANSWER);
        size_t before = resume_giver != NULL ? session_store_count(resume_giver) : 0;
        SSL_SESSION *kept = resume_visit(t, version, rows[i / 2].cert, NULL);
        size_t after = resume_giver != NULL ? session_store_count(resume_giver) : 0;
        bool may_be = resume_has_one_number(version) && rows[i / 2].mode != CONF_CLIENT_OFF;
        if (after != before || (kept != NULL && (!may_be || is_of_use(t, version, kept)))) {
            fail_msg("%s, version %zu", rows[i / 2].says, i % 2);
        }
        SSL_SESSION_free(kept);
        tls_sites_unref(t);
    }
    X509_free(good);
    X509_free(stranger);
    X509_free(nobody);
    EVP_PKEY_free(key);
}

/* What differs between the table that gave the ticket and the one that gets it. */
static void other_table(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *secret;
        const char *listener;
        uint32_t depth_max;
        enum conf_client_mode mode;
        const char *name;
        bool resumed;
    } rows[] = {
        {"another secret", "a secret that is long enough, of 48 octets or s0", RESUME_LISTENER, 3,
         CONF_CLIENT_REQUIRE, "www.example", false},
        {"another listener", resume_secret, "127.0.0.1:8444", 3, CONF_CLIENT_REQUIRE, "www.example",
         false},
        {"another depth", resume_secret, RESUME_LISTENER, 2, CONF_CLIENT_REQUIRE, "www.example",
         false},
        {"another mode", resume_secret, RESUME_LISTENER, 3, CONF_CLIENT_OPTIONAL, "www.example",
         false},
        {"another name", resume_secret, RESUME_LISTENER, 3, CONF_CLIENT_REQUIRE, "a.wild.example",
         false},
        {"another case of it", resume_secret, RESUME_LISTENER, 3, CONF_CLIENT_REQUIRE,
         "WWW.example", false},
        {"no name", resume_secret, RESUME_LISTENER, 3, CONF_CLIENT_REQUIRE, NULL, false},
        {"nothing", resume_secret, RESUME_LISTENER, 3, CONF_CLIENT_REQUIRE, "www.example", true},
    };
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        struct lab_setting *s = resume_setting(rows[i / 2].mode, CONF_ON_FAILURE_REFUSE);
        s->site.client.depth_max = rows[i / 2].depth_max;
        struct tls_sites *other = resume_sites_with(s, rows[i / 2].secret, rows[i / 2].listener);
        SSL_SESSION *kept = resume_good_visit(t, resume_versions[i % 2], "www.example");
        bool resumed = resume_again(other, resume_versions[i % 2], kept, rows[i / 2].name, NULL);
        /* A number is not sealed with anything. */
        bool no_matter = resume_giver != NULL && rows[i / 2].secret != resume_secret;
        if (resumed != (rows[i / 2].resumed || no_matter)) {
            fail_msg("%s, version %zu", rows[i / 2].says, i % 2);
        }
        SSL_SESSION_free(kept);
        tls_sites_unref(t);
        tls_sites_unref(other);
    }
}

/* A ticket of one table that comes to a table without resumption. */
static void switched_off(void **state)
{
    (void)state;
    struct lab_setting *s = resume_setting(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    for (size_t i = 0; i < 2; i++) {
        struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        struct tls_sites *plain = lab_sites(&s->listener);
        SSL_SESSION *kept = resume_good_visit(t, resume_versions[i], NULL);
        assert_false(resume_again(plain, resume_versions[i], kept, NULL, NULL));
        SSL_SESSION_free(kept);
        tls_sites_unref(t);
        tls_sites_unref(plain);
    }
}

static void time_goes_by(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        int64_t later_ms;
        bool resumed;
    } rows[] = {
        {"the clock went back", -1, false},
        {"the ticket's life is over", 60 * MINUTE_MS, false},
        {"long over", 6000 * MINUTE_MS, false},
        {"at the end of its life", 60 * MINUTE_MS - 1, true},
        {"at once", 0, true},
    };
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        clock_fake(0, NOW_MS);
        SSL_SESSION *kept = resume_good_visit(t, resume_versions[i % 2], NULL);
        clock_fake(0, NOW_MS + rows[i / 2].later_ms);
        bool resumed = resume_again(t, resume_versions[i % 2], kept, NULL, NULL);
        if (resumed != rows[i / 2].resumed) {
            fail_msg("%s, version %zu", rows[i / 2].says, i % 2);
        }
        SSL_SESSION_free(kept);
        tls_sites_unref(t);
        clock_fake(0, NOW_MS);
    }
}

/* Each resumption gives a new ticket, and none of them outlives the whole. Without new ones the
 * life of the one is all: time_goes_by. */
static void total_life(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        if (resume_has_one_number(resume_versions[i])) {
            continue;
        }
        struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        clock_fake(0, NOW_MS);
        SSL_SESSION *kept = resume_good_visit(t, resume_versions[i], NULL);
        for (int64_t minute = 40; minute < 120; minute += 40) {
            SSL_SESSION *next = NULL;
            clock_fake(0, NOW_MS + minute * MINUTE_MS);
            assert_true(resume_again(t, resume_versions[i], kept, NULL, &next));
            SSL_SESSION_free(kept);
            kept = next;
        }
        clock_fake(0, NOW_MS + 120 * MINUTE_MS - 1);
        assert_true(resume_again(t, resume_versions[i], kept, NULL, NULL));
        clock_fake(0, NOW_MS + 120 * MINUTE_MS);
        assert_false(resume_again(t, resume_versions[i], kept, NULL, NULL));
        SSL_SESSION_free(kept);
        tls_sites_unref(t);
        clock_fake(0, NOW_MS);
    }
}

/* The certificate ends between the two handshakes. */
static void certificate_expires(void **state)
{
    (void)state;
    X509 *brief =
        lab_issue(&lab, &(struct pki_spec){.common_name = "alice", .not_after_s = PKI_NOW_S + 600});
    for (size_t i = 0; i < 2; i++) {
        struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        clock_fake(0, NOW_MS);
        SSL_SESSION *kept = resume_visit(t, resume_versions[i], brief, NULL);
        clock_fake(0, NOW_MS + 600999);
        assert_true(resume_again(t, resume_versions[i], kept, NULL, NULL));
        clock_fake(0, NOW_MS + 601000);
        assert_false(resume_again(t, resume_versions[i], kept, NULL, NULL));
        SSL_SESSION_free(kept);
        tls_sites_unref(t);
        clock_fake(0, NOW_MS);
    }
    X509_free(brief);
}

/* An intermediate that ends before its leaf ends the session, also one that was resumed twice. */
static void intermediate_expires(void **state)
{
    (void)state;
    X509 *middle = pki_cert(
        &(struct pki_spec){.common_name = "Middle", .ca = true, .not_after_s = PKI_NOW_S + 600},
        lab.key, lab.ca, lab.ca_key);
    X509 *leaf = pki_cert(&(struct pki_spec){.common_name = "alice"}, lab.key, middle, lab.key);
    for (size_t i = 0; i < 2; i++) {
        struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        struct lab_client c;
        clock_fake(0, NOW_MS);
        tls_sites_use_store(t, resume_giver);
        lab_client_init(&c, resume_versions[i], leaf, lab.key);
        assert_int_equal(SSL_CTX_add1_chain_cert(c.context, middle), 1);
        lab_client_join(&c, t, NULL);
        assert_int_equal(lab_handshake(&c), TLS_OK);
        SSL_SESSION *kept = resume_take(&c);
        lab_client_fini(&c);
        for (int minute = 3; minute < 10; minute += 3) {
            SSL_SESSION *next = NULL;
            clock_fake(0, NOW_MS + minute * MINUTE_MS);
            assert_true(resume_again(t, resume_versions[i], kept, NULL, &next));
            SSL_SESSION_free(kept);
            kept = next;
        }
        clock_fake(0, NOW_MS + 600999);
        assert_true(resume_again(t, resume_versions[i], kept, NULL, NULL));
        clock_fake(0, NOW_MS + 601000);
        assert_false(resume_again(t, resume_versions[i], kept, NULL, NULL));
        SSL_SESSION_free(kept);
        tls_sites_unref(t);
        clock_fake(0, NOW_MS);
    }
    X509_free(leaf);
    X509_free(middle);
}

/* What was in order when the ticket came may not be when the handshake is done. */
static void judged_again_at_the_end(void **state)
{
    (void)state;
    X509 *brief =
        lab_issue(&lab, &(struct pki_spec){.common_name = "alice", .not_after_s = PKI_NOW_S + 600});
    for (size_t i = 0; i < 2; i++) {
        struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        clock_fake(0, NOW_MS);
        SSL_SESSION *kept = resume_visit(t, resume_versions[i], brief, NULL);
        struct lab_client c;
        tls_sites_use_store(t, resume_taker);
        lab_client_init(&c, resume_versions[i], NULL, NULL);
        lab_client_join(&c, t, NULL);
        assert_int_equal(SSL_set_session(c.ssl, kept), 1);
        assert_int_equal(SSL_do_handshake(c.ssl), -1);
        (void)lab_feed(&c, lab_from_client(&c));
        (void)BIO_reset(SSL_get_wbio(c.ssl));
        lab_to_client(&c);
        clock_fake(0, NOW_MS + 601000);
        assert_int_equal(lab_handshake(&c), TLS_OK);
        assert_true(tls_session_resumed(c.session));
        assert_int_equal(tls_session_peer_reason(c.session), REASON_CLIENT_CERT_MISSING);
        lab_client_fini(&c);
        SSL_SESSION_free(kept);
        tls_sites_unref(t);
        clock_fake(0, NOW_MS);
    }
    X509_free(brief);
}

/* Who has a session's ticket but not its key: the binder, which ends the ClientHello (RFC 8446
 * 4.2.11.2), does not hold, whatever of it is changed, nor does what it is over. */
static void without_its_key(void **state)
{
    (void)state;
    struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    SSL_SESSION *kept = resume_good_visit(t, TLS1_3_VERSION, "www.example");
    tls_sites_use_store(t, resume_taker);
    for (size_t at = 0; at <= 32; at += 4) {
        struct lab_client c;
        lab_client_init(&c, TLS1_3_VERSION, NULL, NULL);
        lab_client_join(&c, t, "www.example");
        SSL_SESSION *copy = SSL_SESSION_dup(kept);
        assert_int_equal(SSL_set_session(c.ssl, copy), 1);
        SSL_SESSION_free(copy);
        (void)SSL_do_handshake(c.ssl);
        struct str hello = lab_from_client(&c);
        /* One of the binder's last 32, or of the random that it is over. */
        char *octet = (char *)(uintptr_t)hello.p + (at < 32 ? hello.n - 1 - at : 20);
        *octet = (char)(*octet ^ 1);
        assert_int_equal(lab_feed(&c, hello), TLS_FAILED);
        assert_int_equal(tls_session_reason(c.session), REASON_TLS_PROTOCOL_ERROR);
        assert_false(tls_session_resumed(c.session));
        assert_null(tls_session_peer(c.session));
        lab_client_fini(&c);
    }
    SSL_SESSION_free(kept);
    tls_sites_unref(t);
}

/* Any octet of a ticket changed: a full handshake, never an error. */
static void tampered(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        SSL_SESSION *kept = resume_good_visit(t, resume_versions[i], NULL);
        unsigned char *der = NULL;
        int n = i2d_SSL_SESSION(kept, &der);
        struct str ticket = resume_shown(kept);
        unsigned char *inside = n > 0 ? memmem(der, (size_t)n, ticket.p, ticket.n) : NULL;
        assert_non_null(inside);
        assert_true(ticket.n >= SESSION_STORE_ID);
        for (size_t at = 0; at < ticket.n; at += 23) {
            inside[at] ^= 0x10;
            const unsigned char *p = der;
            SSL_SESSION *damaged = d2i_SSL_SESSION(NULL, &p, n);
            assert_non_null(damaged);
            assert_false(resume_again(t, resume_versions[i], damaged, NULL, NULL));
            SSL_SESSION_free(damaged);
            inside[at] ^= 0x10;
        }
        OPENSSL_free(der);
        SSL_SESSION_free(kept);
        tls_sites_unref(t);
    }
}

static void without_memory(void **state)
{
    (void)state;
    struct lab_setting *s = resume_setting(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    for (unsigned long nth = 1; nth <= 2; nth++) {
        struct tls_sites *t = lab_sites(&s->listener);
        mem_fail_after(nth, false);
        assert_int_equal(
            resume_enable(t, &resume_policy, str_of(resume_secret), str_of(RESUME_LISTENER)),
            -ERR_NOMEM);
        mem_fail_after(0, false);
        struct lab_client c;
        lab_join_good(&lab, &c, t, TLS1_3_VERSION);
        lab_client_fini(&c);
        tls_sites_unref(t);
    }
}

/* Each connection of TLS 1.3 gets a ticket of its own; a client of 1.2 keeps its one, until half of
 * its life is over, or, if it is a number, all of it. */
static void new_tickets(void **state)
{
    (void)state;
    static const struct {
        int64_t after_ms;
        bool same[2];
    } rows[] = {{0, {true, false}},
                {30 * MINUTE_MS - 1, {true, false}},
                {30 * MINUTE_MS, {false, false}},
                {60 * MINUTE_MS - 1, {false, false}}};
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        SSL_SESSION *kept = resume_good_visit(t, resume_versions[i % 2], NULL);
        SSL_SESSION *next = NULL;
        clock_fake(0, NOW_MS + rows[i / 2].after_ms);
        assert_true(resume_again(t, resume_versions[i % 2], kept, NULL, &next));
        bool same = rows[i / 2].same[i % 2] || resume_has_one_number(resume_versions[i % 2]);
        if (str_eq(resume_shown(kept), resume_shown(next)) != same) {
            fail_msg("row %zu, version %zu", i / 2, i % 2);
        }
        clock_fake(0, NOW_MS);
        SSL_SESSION_free(next);
        SSL_SESSION_free(kept);
        tls_sites_unref(t);
    }
}

/* A client of TLS 1.2 comes with its id as often as it likes, also when a connection with it has
 * ended without a goodbye, after which OpenSSL lets nobody resume what that connection had. */
static void an_id_comes_again(void **state)
{
    (void)state;
    struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    SSL_SESSION *kept = resume_good_visit(t, TLS1_2_VERSION, NULL);
    for (int i = 0; i < 5; i++) {
        SSL_SESSION *next = NULL;
        assert_true(resume_again(t, TLS1_2_VERSION, kept, NULL, &next));
        assert_true(str_eq(resume_shown(kept), resume_shown(next)));
        SSL_SESSION_free(next);
    }
    SSL_SESSION_free(kept);
    tls_sites_unref(t);
}

/* What else a client sends must not be kept with its session. */
static void long_chains_are_no_objects(void **state)
{
    (void)state;
    if (lab_tuning.own_handshake) {
        return; /* sessions of our own handshakes never are */
    }
    for (int more = 1; more <= 9; more += 8) {
        struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        struct lab_client c;
        X509 *x = lab_good_client(&lab);
        tls_sites_use_store(t, resume_giver);
        lab_client_init(&c, TLS1_3_VERSION, x, lab.key);
        for (int i = 0; i < more; i++) {
            assert_int_equal(SSL_CTX_add1_chain_cert(c.context, lab.ca), 1);
        }
        lab_client_join(&c, t, NULL);
        assert_int_equal(lab_handshake(&c), TLS_OK);
        SSL_SESSION *kept = resume_take(&c);
        lab_client_fini(&c);
        struct str number = resume_shown(kept);
        const unsigned char *id = (const unsigned char *)number.p;
        SSL_SESSION *one = session_store_get(resume_giver, id, number.n);
        SSL_SESSION *same = session_store_get(resume_giver, id, number.n);
        assert_true(one != NULL && same != NULL);
        assert_int_equal(one == same, more == 1); /* else each is read anew */
        SSL_SESSION_free(one);
        SSL_SESSION_free(same);
        assert_true(resume_again(t, TLS1_3_VERSION, kept, NULL, NULL));
        SSL_SESSION_free(kept);
        tls_sites_unref(t);
        X509_free(x);
    }
}

/* A number that comes where nothing is kept. */
static void number_to_sealed(void **state)
{
    (void)state;
    struct session_store *taker = resume_taker;
    for (size_t i = 0; i < 2; i++) {
        struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
        SSL_SESSION *kept = resume_good_visit(t, resume_versions[i], NULL);
        resume_taker = NULL;
        assert_false(resume_again(t, resume_versions[i], kept, NULL, NULL));
        resume_taker = taker;
        assert_true(resume_again(t, resume_versions[i], kept, NULL, NULL));
        SSL_SESSION_free(kept);
        tls_sites_unref(t);
    }
}

/* The number of one version is nothing with the other. */
static void other_version(void **state)
{
    (void)state;
    struct tls_sites *t = resume_sites(CONF_CLIENT_REQUIRE, CONF_ON_FAILURE_REFUSE);
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION *kept = resume_good_visit(t, resume_versions[i], NULL);
        struct str number = resume_shown(kept);
        SSL_SESSION *forged = SSL_SESSION_new();
        const SSL_CIPHER *cipher = SSL_SESSION_get0_cipher(kept);
        assert_non_null(forged);
        assert_int_equal(SSL_SESSION_set_protocol_version(forged, TLS1_2_VERSION), 1);
        assert_int_equal(SSL_SESSION_set_cipher(forged, cipher), 1);
        assert_int_equal(
            SSL_SESSION_set1_id(forged, (const unsigned char *)number.p, (unsigned)number.n), 1);
        assert_int_equal(
            SSL_SESSION_set1_master_key(forged, (const unsigned char *)resume_secret, 48), 1);
        bool is_own = resume_versions[i] == TLS1_2_VERSION;
        struct lab_client c;
        X509 *x = lab_good_client(&lab);
        tls_sites_use_store(t, resume_taker);
        lab_client_init(&c, TLS1_2_VERSION, x, lab.key);
        lab_client_join(&c, t, NULL);
        assert_int_equal(SSL_set_session(c.ssl, forged), 1);
        /* With the right number and another secret the handshake fails; with no number it is full.
         */
        assert_int_equal(lab_handshake(&c) == TLS_OK, !is_own);
        assert_false(tls_session_resumed(c.session) && !is_own);
        lab_client_fini(&c);
        X509_free(x);
        SSL_SESSION_free(forged);
        SSL_SESSION_free(kept);
    }
    tls_sites_unref(t);
}

static int keep(unsigned taker_ring)
{
    (void)lab_set_up(NULL);
    region = session_region_new(64, 2);
    resume_giver = session_store_open(region, 0);
    resume_taker = taker_ring == 0 ? resume_giver : session_store_open(region, taker_ring);
    return resume_giver != NULL && resume_taker != NULL ? 0 : -1;
}

static int set_up_own(void **state)
{
    (void)state;
    return keep(0);
}

static int set_up_shared(void **state)
{
    (void)state;
    return keep(1);
}

static int tear_down_kept(void **state)
{
    session_store_close(resume_taker != resume_giver ? resume_taker : NULL);
    session_store_close(resume_giver);
    session_region_free(region);
    resume_giver = resume_taker = NULL;
    region = NULL;
    return lab_tear_down(state);
}

/* Each in whatever way sessions are kept. */
#define EVERYWHERE                                                                                 \
    cmocka_unit_test(resumes), cmocka_unit_test(the_certificate_stays),                            \
        cmocka_unit_test(no_ticket), cmocka_unit_test(other_table),                                \
        cmocka_unit_test(switched_off), cmocka_unit_test(time_goes_by),                            \
        cmocka_unit_test(total_life), cmocka_unit_test(certificate_expires),                       \
        cmocka_unit_test(intermediate_expires), cmocka_unit_test(judged_again_at_the_end),         \
        cmocka_unit_test(without_its_key), cmocka_unit_test(tampered),                             \
        cmocka_unit_test(new_tickets)

int main(void)
{
    const struct CMUnitTest sealed[] = {
        EVERYWHERE,
        cmocka_unit_test(without_memory),
    };
    const struct CMUnitTest kept[] = {
        EVERYWHERE,
        cmocka_unit_test(an_id_comes_again),
        cmocka_unit_test(number_to_sealed),
        cmocka_unit_test(long_chains_are_no_objects),
        cmocka_unit_test(other_version),
    };
    int failed = 0;
    const char *way;
    for (size_t i = 0; (way = lab_use_way(i)) != NULL; i++) {
        (void)puts(way);
        failed += cmocka_run_group_tests_name("sealed", sealed, lab_set_up, lab_tear_down);
        failed += cmocka_run_group_tests_name("kept", kept, set_up_own, tear_down_kept);
        failed += cmocka_run_group_tests_name("kept by another worker", kept, set_up_shared,
                                              tear_down_kept);
    }
    return failed;
}
