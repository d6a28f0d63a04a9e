/* Who a client still is after the configuration has changed under its connection. */
#include "auth/revoke/deny.h"
#include "auth/withdrawal.h"
#include "base/clock.h"
#include "base/mem.h"
#include "proxy/server/standing.h"
#include "tests/support/check.h"

/* ---- A TLS session and sites as the test wants them ---- */

struct tls_sites {
    struct tls_site site[2]; /* of "a" and "b" */
    bool has[2];
};

static struct {
    const struct tls_site *site;
    const char *name;
    bool certificate;
    bool resumed;
    enum reason verdict;
    enum reason judged; /* what judging anew will say */
    struct deny_chain chain;
    enum reason told; /* what asking again will say */
    unsigned asked;
    unsigned judgements;
    unsigned identities;
    unsigned freed;
} tls;

static int paper; /* its address stands for the certificate */
static const int trust;

static X509 *the_leaf(void)
{
    return (X509 *)(void *)&paper;
}

const struct tls_site *tls_session_site(const struct tls_session *s)
{
    (void)s;
    return tls.site;
}

struct str tls_session_name(const struct tls_session *s)
{
    (void)s;
    return str_of(tls.name);
}

X509 *tls_session_peer(const struct tls_session *s)
{
    (void)s;
    return tls.certificate ? the_leaf() : NULL;
}

enum reason tls_session_peer_reason(const struct tls_session *s)
{
    (void)s;
    return tls.verdict;
}

bool tls_session_resumed(const struct tls_session *s)
{
    (void)s;
    return tls.resumed;
}

struct str tls_session_version(const struct tls_session *s)
{
    (void)s;
    return STR("TLSv1.3");
}

struct str tls_session_cipher(const struct tls_session *s)
{
    (void)s;
    return STR("c");
}

const struct deny_chain *tls_session_deny_keys(const struct tls_session *s)
{
    (void)s;
    return &tls.chain;
}

struct trust_term tls_session_peer_term(const struct tls_session *s)
{
    (void)s;
    return (struct trust_term){1000, REASON_CLIENT_CERT_EXPIRED};
}

enum reason tls_session_judge(const struct tls_session *s, const struct trust *t, int64_t wall_ms,
                              struct trust_term *term)
{
    (void)s;
    (void)t;
    (void)wall_ms;
    *term = (struct trust_term){2000, REASON_CRL_EXPIRED};
    tls.judgements++;
    return tls.judged;
}

enum reason tls_session_ask_again(const struct tls_session *s, const struct trust *t,
                                  int64_t wall_ms)
{
    (void)s;
    (void)t;
    (void)wall_ms;
    tls.asked++;
    return tls.told;
}

STACK_OF(X509) *
    tls_session_chain(const struct tls_session *s, const struct trust *t, int64_t wall_ms)
{
    (void)s;
    (void)t;
    (void)wall_ms;
    return NULL;
}

const struct tls_site *tls_sites_find(const struct tls_sites *t, struct str name)
{
    for (size_t i = 0; i < 2; i++) {
        if (name.n == 1 && name.p[0] == "ab"[i] && t->has[i]) {
            return &t->site[i];
        }
    }
    return NULL;
}

void tls_sites_unref(struct tls_sites *t)
{
    (void)t;
}

struct identity *identity_new(X509 *leaf, const struct conf_identity *rule)
{
    assert_ptr_equal(the_leaf(), leaf);
    struct identity *id = mem_calloc(1, sizeof(*id));
    if (id != NULL) {
        id->reason = REASON_OK;
        id->user = rule->user_id == CONF_USER_ID_SUBJECT_CN ? STR("by CN") : STR("by e-mail");
        tls.identities++;
    }
    return id;
}

void identity_free(struct identity *id)
{
    tls.freed += id != NULL;
    mem_free(id);
}

/* ---- Two configurations, before and after ---- */

static struct conf_site site_conf[2][2];
static struct conf_listener listener[2];
static struct conf conf[2];
static struct tls_sites sites[2];
static struct tls_sites *rows_of_sites[2];
static struct runtime runtime[2];
static struct env env;
static struct port port;
static struct standing st;

static int setup(void **state)
{
    (void)state;
    memset(&tls, 0, sizeof(tls));
    memset(sites, 0, sizeof(sites));
    memset(conf, 0, sizeof(conf));
    memset(site_conf, 0, sizeof(site_conf));
    for (size_t i = 0; i < 2; i++) {
        conf[i].listeners = listener;
        conf[i].listener_count = 1;
        rows_of_sites[i] = &sites[i];
        runtime[i] = (struct runtime){.refs = 1, .conf = &conf[i], .sites = &rows_of_sites[i]};
        for (size_t k = 0; k < 2; k++) {
            sites[i].has[k] = true;
            sites[i].site[k] =
                (struct tls_site){.conf = &site_conf[i][k],
                                  .trust = (const struct trust *)(const void *)&trust,
                                  .policy = {1}};
        }
    }
    env = (struct env){.runtime = &runtime[0]};
    port = (struct port){.address = STR("x:1"), .secure = true};
    tls.site = &sites[0].site[0];
    tls.name = "a";
    tls.certificate = true;
    tls.verdict = REASON_OK;
    tls.judged = REASON_OK;
    return 0;
}

/* The connection, its handshake done. */
static void arrive(void)
{
    struct addr address;
    assert_int_equal(0, addr_parse(STR("192.0.2.1:5"), true, &address, NULL));
    standing_init(&st, &env, &port, &address);
    assert_int_equal(0, standing_take(&st, NULL));
    st.session = (const struct tls_session *)(const void *)&paper;
}

static int teardown(void **state)
{
    (void)state;
    standing_fini(&st);
    assert_int_equal(1, runtime[0].refs);
    assert_int_equal(1, runtime[1].refs);
    assert_int_equal(tls.identities, tls.freed);
    return 0;
}

static void test_at_the_handshake(void **state)
{
    (void)state;
    arrive();
    assert_int_equal(REASON_OK, st.peer.gate.certificate);
    assert_non_null(st.peer.gate.identity);
    CHECK_STR("client", st.peer.client_text, STR("192.0.2.1"));
    CHECK_STR("name", st.peer.tls_name, STR("a"));
    assert_int_equal(REASON_OK, standing_renew(&st));
    assert_int_equal(0, tls.judgements);
    assert_int_equal(1, tls.identities);
    assert_int_equal(1000, st.peer.gate.term.until_ms);
    assert_int_equal(REASON_CLIENT_CERT_EXPIRED, st.peer.gate.term.then);
}

static void test_no_certificate(void **state)
{
    (void)state;
    tls.certificate = false;
    tls.verdict = REASON_CLIENT_CERT_MISSING;
    arrive();
    assert_null(st.peer.gate.identity);
    env.runtime = &runtime[1];
    sites[1].site[0].policy[0] = 2;
    assert_int_equal(REASON_OK, standing_renew(&st));
    assert_int_equal(REASON_CLIENT_CERT_MISSING, st.peer.gate.certificate);
    assert_int_equal(0, tls.judgements);
}

struct row {
    const char *says;
    enum reason verdict;  /* at the handshake */
    unsigned char policy; /* after the reload; 1: the same */
    enum conf_client_mode mode;
    enum reason judged;
    enum reason certificate; /* afterwards */
    unsigned judgements;
};

static const struct row rows[] = {
    {"the same policy is not judged again", REASON_OK, 1, CONF_CLIENT_REQUIRE,
     REASON_CLIENT_CERT_REVOKED, REASON_OK, 0},
    {"still good", REASON_OK, 2, CONF_CLIENT_REQUIRE, REASON_OK, REASON_OK, 1},
    {"withdrawn since", REASON_OK, 2, CONF_CLIENT_REQUIRE, REASON_CLIENT_CERT_REVOKED,
     REASON_CLIENT_CERT_WITHDRAWN, 1},
    {"its CA is no longer trusted", REASON_OK, 2, CONF_CLIENT_OPTIONAL,
     REASON_CLIENT_CERT_UNKNOWN_CA, REASON_CLIENT_CERT_UNKNOWN_CA, 1},
    {"the CRL has expired", REASON_OK, 2, CONF_CLIENT_REQUIRE, REASON_CRL_EXPIRED,
     REASON_CRL_EXPIRED, 1},
    {"refused before stays refused", REASON_CLIENT_CERT_UNKNOWN_CA, 2, CONF_CLIENT_REQUIRE,
     REASON_OK, REASON_CLIENT_CERT_UNKNOWN_CA, 0},
    {"certificates are no longer asked for", REASON_OK, 2, CONF_CLIENT_OFF, REASON_OK,
     REASON_CLIENT_CERT_MISSING, 0},
};

static void test_reloads(void **state)
{
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (i > 0) {
            (void)teardown(state);
            (void)setup(state);
        }
        tls.verdict = rows[i].verdict;
        arrive();
        sites[1].site[0].policy[0] = rows[i].policy;
        site_conf[1][0].client.mode = rows[i].mode;
        tls.judged = rows[i].judged;
        env.runtime = &runtime[1];
        bool ends = rows[i].judgements > 0;
        CHECK_ROW(rows[i].says, standing_ask(&st) == (ends ? rows[i].certificate : REASON_OK));
        CHECK_ROW(rows[i].says, st.peer.gate.certificate == rows[i].verdict);
        CHECK_ROW(rows[i].says, st.runtime == &runtime[0]);
        tls.judgements = 0;
        CHECK_ROW(rows[i].says, standing_renew(&st) == REASON_OK);
        CHECK_ROW(rows[i].says, st.peer.gate.certificate == rows[i].certificate);
        CHECK_ROW(rows[i].says, st.peer.gate.mode == rows[i].mode);
        CHECK_ROW(rows[i].says, tls.judgements == rows[i].judgements);
        CHECK_ROW(rows[i].says,
                  st.peer.gate.term.until_ms == (rows[i].judgements > 0 ? 2000 : 1000));
        CHECK_ROW(rows[i].says, runtime[1].refs == 2 && runtime[0].refs == 1);
        (void)standing_renew(&st);
        CHECK_ROW(rows[i].says, tls.judgements == rows[i].judgements);
    }
}

/* What was withdrawn once does not come back by a later reload. */
static void test_withdrawn_stays_withdrawn(void **state)
{
    (void)state;
    arrive();
    sites[1].site[0].policy[0] = 2;
    tls.judged = REASON_CLIENT_CERT_REVOKED;
    env.runtime = &runtime[1];
    assert_int_equal(REASON_OK, standing_renew(&st));
    assert_int_equal(REASON_CLIENT_CERT_WITHDRAWN, st.peer.gate.certificate);
    tls.judged = REASON_OK;
    env.runtime = &runtime[0];
    assert_int_equal(REASON_OK, standing_renew(&st));
    assert_int_equal(REASON_CLIENT_CERT_WITHDRAWN, st.peer.gate.certificate);
    assert_non_null(st.peer.gate.identity);
}

/* A resumed session has no chain to be judged anew by: only what is certain stays. */
static void test_resumed_sessions(void **state)
{
    static const struct {
        const char *says;
        enum reason judged;
        enum reason answer;
        enum reason certificate;
    } resumed[] = {
        {"no way to its CA without a chain", REASON_CLIENT_CERT_UNKNOWN_CA, REASON_MISDIRECTED,
         REASON_CLIENT_CERT_UNKNOWN_CA},
        {"no list for its CA", REASON_CRL_MISSING, REASON_MISDIRECTED, REASON_CRL_MISSING},
        {"withdrawn", REASON_CLIENT_CERT_REVOKED, REASON_OK, REASON_CLIENT_CERT_WITHDRAWN},
        {"good without a chain", REASON_OK, REASON_OK, REASON_OK},
    };
    for (size_t i = 0; i < sizeof(resumed) / sizeof(resumed[0]); i++) {
        (void)setup(state);
        tls.resumed = true;
        arrive();
        CHECK_ROW(resumed[i].says, st.peer.tls_resumed);
        sites[1].site[0].policy[0] = 2;
        tls.judged = resumed[i].judged;
        env.runtime = &runtime[1];
        CHECK_ROW(resumed[i].says, standing_renew(&st) == resumed[i].answer);
        CHECK_ROW(resumed[i].says, st.peer.gate.certificate == resumed[i].certificate);
        if (i + 1 < sizeof(resumed) / sizeof(resumed[0])) {
            (void)teardown(state);
        }
    }
}

static struct deny *deny_of(const char *text)
{
    struct conf_text path = {.p = "x.deny"};
    const struct conf with = {.revocation.deny = {&path, 1}};
    struct files *files = files_new();
    struct diags *diags = diags_new();
    assert_int_equal(files_put(files, path.p, str_of(text)), 0);
    struct deny *d = withdrawal_load(&with, NULL, files, diags);
    assert_non_null(d);
    diags_free(diags);
    files_free(files);
    return d;
}

static void be_user(const char *name)
{
    assert_true(st.peer.on_user(st.peer.on_user_arg, str_of(name)));
}

/* Whom a connection belongs to, and whether the list in force ends it. */
static void test_deny_list(void **state)
{
    (void)state;
    struct deny *by_certificate_user = deny_of("user=\"by CN\"\n");
    struct deny *by_user = deny_of("user=alice\n");
    struct deny *by_fingerprint =
        deny_of("fingerprint="
                "0707070707070707070707070707070707070707070707070707070707070707");
    arrive();
    assert_int_equal(REASON_OK, standing_ask(&st));
    env.deny = by_user;
    assert_int_equal(REASON_OK, standing_ask(&st));
    be_user("bob");
    assert_int_equal(REASON_OK, standing_ask(&st));
    be_user("alice");
    assert_int_equal(REASON_USER_WITHDRAWN, standing_ask(&st));
    be_user("bob");
    assert_int_equal(REASON_OK, standing_ask(&st));
    env.deny = by_certificate_user;
    assert_int_equal(REASON_OK, standing_ask(&st));
    be_user("");
    assert_int_equal(REASON_USER_WITHDRAWN, standing_ask(&st));
    env.deny = by_fingerprint;
    assert_int_equal(REASON_OK, standing_ask(&st));
    tls.chain.n = 2;
    memset(tls.chain.v[1].fingerprint, 7, DENY_KEY);
    assert_int_equal(REASON_CLIENT_CERT_WITHDRAWN, standing_ask(&st));
    deny_free(by_certificate_user);
    deny_free(by_user);
    deny_free(by_fingerprint);
    env.deny = NULL;
}

/* A certificate that was never accepted names nobody whose connection this could be. */
static void test_deny_list_and_a_bad_certificate(void **state)
{
    (void)state;
    struct deny *deny = deny_of("user=\"by CN\"\n");
    tls.verdict = REASON_CLIENT_CERT_UNKNOWN_CA;
    arrive();
    env.deny = deny;
    assert_int_equal(REASON_OK, standing_ask(&st));
    deny_free(deny);
    env.deny = NULL;
}

/* A responder's word may come, or end, between two requests. */
static void test_responders(void **state)
{
    static const struct {
        const char *says;
        enum conf_ocsp_mode mode;
        enum reason verdict, told, judged; /* at the handshake, asked again, judged anew */
        enum reason certificate;           /* afterwards */
    } responders[] = {
        {"off: nobody is asked", CONF_OCSP_OFF, REASON_OK, REASON_CLIENT_CERT_REVOKED, REASON_OK,
         REASON_OK},
        {"withdrawn since", CONF_OCSP_SOFT, REASON_OK, REASON_CLIENT_CERT_REVOKED, REASON_OK,
         REASON_CLIENT_CERT_WITHDRAWN},
        {"the answer has ended", CONF_OCSP_HARD, REASON_OK, REASON_OCSP_PENDING, REASON_OK,
         REASON_OCSP_PENDING},
        {"no longer known", CONF_OCSP_HARD, REASON_OK, REASON_OCSP_UNKNOWN, REASON_OK,
         REASON_OCSP_UNKNOWN},
        {"still pending", CONF_OCSP_HARD, REASON_OCSP_PENDING, REASON_OK, REASON_OCSP_PENDING,
         REASON_OCSP_PENDING},
        {"withdrawn, as it turns out", CONF_OCSP_HARD, REASON_OCSP_PENDING, REASON_OK,
         REASON_CLIENT_CERT_REVOKED, REASON_CLIENT_CERT_WITHDRAWN},
        {"refused for another reason stays so", CONF_OCSP_HARD, REASON_CLIENT_CERT_EXPIRED,
         REASON_OK, REASON_OK, REASON_CLIENT_CERT_EXPIRED},
        {"what ends by its date is the gate's", CONF_OCSP_HARD, REASON_OK,
         REASON_CLIENT_CERT_EXPIRED, REASON_OK, REASON_OK},
        {"still good", CONF_OCSP_HARD, REASON_OK, REASON_OK, REASON_OK, REASON_OK},
        {"good at last", CONF_OCSP_HARD, REASON_OCSP_PENDING, REASON_OK, REASON_OK, REASON_OK},
    };
    for (size_t i = 0; i < ROWS(responders); i++) {
        if (i > 0) {
            (void)teardown(state);
            (void)setup(state);
        }
        site_conf[0][0].client.ocsp.mode = responders[i].mode;
        tls.verdict = responders[i].verdict;
        tls.told = responders[i].told;
        tls.judged = responders[i].judged;
        arrive();
        CHECK_ROW(responders[i].says, standing_renew(&st) == REASON_OK);
        CHECK_ROW(responders[i].says, st.peer.gate.certificate == responders[i].certificate);
        CHECK_ROW(responders[i].says, responders[i].mode != CONF_OCSP_OFF || tls.asked == 0);
        CHECK_ROW(responders[i].says, st.peer.gate.identity != NULL);
        /* What upstreams are told is made anew: nothing was told of one that was not accepted. */
        bool changed = responders[i].certificate != responders[i].verdict;
        CHECK_ROW(responders[i].says, tls.identities == (changed ? 2 : 1));
    }
}

/* A connection that is open ends by a responder's word that its certificate is withdrawn, and by no
 * other. */
static void test_responders_and_what_is_open(void **state)
{
    static const struct {
        const char *says;
        enum conf_ocsp_mode mode;
        enum reason verdict, told;
        enum reason ends_with; /* REASON_OK: it stays */
    } open[] = {
        {"withdrawn, soft", CONF_OCSP_SOFT, REASON_OK, REASON_CLIENT_CERT_REVOKED,
         REASON_CLIENT_CERT_WITHDRAWN},
        {"withdrawn, hard", CONF_OCSP_HARD, REASON_OK, REASON_CLIENT_CERT_REVOKED,
         REASON_CLIENT_CERT_WITHDRAWN},
        {"off: nobody is asked", CONF_OCSP_OFF, REASON_OK, REASON_CLIENT_CERT_REVOKED, REASON_OK},
        {"the answer has ended", CONF_OCSP_HARD, REASON_OK, REASON_OCSP_PENDING, REASON_OK},
        {"no longer known", CONF_OCSP_HARD, REASON_OK, REASON_OCSP_UNKNOWN, REASON_OK},
        {"what was never accepted", CONF_OCSP_HARD, REASON_OCSP_PENDING, REASON_CLIENT_CERT_REVOKED,
         REASON_OK},
        {"still good", CONF_OCSP_HARD, REASON_OK, REASON_OK, REASON_OK},
    };
    for (size_t i = 0; i < ROWS(open); i++) {
        if (i > 0) {
            (void)teardown(state);
            (void)setup(state);
        }
        site_conf[0][0].client.ocsp.mode = open[i].mode;
        tls.verdict = open[i].verdict;
        tls.told = open[i].told;
        arrive();
        CHECK_ROW(open[i].says, standing_ask(&st) == open[i].ends_with);
        CHECK_ROW(open[i].says, st.peer.gate.certificate == open[i].verdict);
    }
}

static void test_another_rule_for_the_name(void **state)
{
    (void)state;
    arrive();
    CHECK_STR("before", st.peer.gate.identity->user, STR("by CN"));
    conf[1].identity.user_id = CONF_USER_ID_SUBJECT_EMAIL;
    env.runtime = &runtime[1];
    assert_int_equal(REASON_OK, standing_renew(&st));
    CHECK_STR("after", st.peer.gate.identity->user, STR("by e-mail"));
}

static void test_a_site_that_is_gone(void **state)
{
    (void)state;
    arrive();
    sites[1].has[0] = false;
    env.runtime = &runtime[1];
    assert_int_equal(REASON_MISDIRECTED, standing_renew(&st));
    assert_false(st.peer.host_fits(st.peer.host_arg, STR("b")));
    env.runtime = &runtime[0];
    assert_int_equal(REASON_MISDIRECTED, standing_renew(&st));
}

static void test_a_listener_that_is_gone(void **state)
{
    (void)state;
    arrive();
    port.closed = true;
    assert_int_equal(REASON_MISDIRECTED, standing_renew(&st));
}

/* A reload numbers the listeners anew at once; the connection goes on with what it knows until it
 * has taken over the new configuration. */
static void test_a_listener_with_another_number(void **state)
{
    (void)state;
    arrive();
    port.index = 1;
    assert_true(st.peer.host_fits(st.peer.host_arg, STR("a")));
    struct tls_sites *const moved[] = {NULL, &sites[1]};
    conf[1].listener_count = 2;
    runtime[1].sites = (struct tls_sites **)(uintptr_t)moved;
    env.runtime = &runtime[1];
    assert_int_equal(REASON_OK, standing_renew(&st));
    assert_true(st.peer.host_fits(st.peer.host_arg, STR("a")));
}

struct host_row {
    const char *says;
    const char *host;
    unsigned char policy; /* of site b */
    bool fits;
};

static const struct host_row hosts[] = {
    {"its own", "a", 2, true},
    {"another with the same policy", "b", 1, true},
    {"another with another policy", "b", 2, false},
    {"one that nobody knows", "c", 1, false},
    {"none, in HTTP/1.0", "", 2, true},
};

static void test_hosts(void **state)
{
    for (size_t i = 0; i < ROWS(hosts); i++) {
        if (i > 0) {
            (void)teardown(state);
            (void)setup(state);
        }
        sites[0].site[1].policy[0] = hosts[i].policy;
        arrive();
        CHECK_ROW(hosts[i].says,
                  st.peer.host_fits(st.peer.host_arg, str_of(hosts[i].host)) == hosts[i].fits);
    }
}

static void test_trusted_proxies(void **state)
{
    (void)state;
    struct addr_range range;
    assert_int_equal(0, addr_range_parse(STR("192.0.2.0/24"), &range, NULL));
    arrive();
    assert_false(st.peer.trusted);
    conf[1].headers.trusted_proxies = &range;
    conf[1].headers.trusted_proxy_count = 1;
    env.runtime = &runtime[1];
    assert_int_equal(REASON_OK, standing_renew(&st));
    assert_true(st.peer.trusted);
}

static void test_no_memory_for_an_identity(void **state)
{
    (void)state;
    arrive();
    env.runtime = &runtime[1];
    mem_fail_after(1, false);
    assert_int_equal(REASON_OUT_OF_MEMORY, standing_renew(&st));
    mem_fail_after(0, false);
    assert_null(st.peer.gate.identity);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_at_the_handshake),
        TEST(test_a_listener_with_another_number),
        TEST(test_no_certificate),
        TEST(test_reloads),
        TEST(test_withdrawn_stays_withdrawn),
        TEST(test_resumed_sessions),
        TEST(test_deny_list),
        TEST(test_deny_list_and_a_bad_certificate),
        TEST(test_responders),
        TEST(test_responders_and_what_is_open),
        TEST(test_another_rule_for_the_name),
        TEST(test_a_site_that_is_gone),
        TEST(test_a_listener_that_is_gone),
        TEST(test_hosts),
        TEST(test_trusted_proxies),
        TEST(test_no_memory_for_an_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
