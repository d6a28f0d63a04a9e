/* Chains that trust remembers: whatever has changed since, the verdict must be that of one who
 * remembers nothing. */
#include "auth/certcache.h"
#include "auth/revoke/deny.h"
#include "auth/trust.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/unit/auth/trust_lab.h"

#define NOW_MS (PKI_NOW_S * 1000)
#define DAY_MS (PKI_DAY_S * 1000)

static const struct conf_client plain = {.depth_max = 3};

static struct {
    EVP_PKEY *key; /* of all */
    X509 *root;
    X509 *other_root; /* by the same name, with another key */
    X509 *middle;
    X509 *leaf;   /* by middle, good for 10 days */
    X509 *direct; /* by root */
    char *root_pem, *other_pem;
    char *good_crl, *bad_crl, *short_crl; /* of root, about direct */
} p;

static STACK_OF(X509) * stack(X509 *a, X509 *b, X509 *c)
{
    X509 *all[] = {a, b, c};
    STACK_OF(X509) *s = sk_X509_new_null();
    for (size_t i = 0; i < 3 && all[i] != NULL; i++) {
        assert_true(sk_X509_push(s, all[i]) > 0);
    }
    return s;
}

static struct load *load_with(struct certcache *cache, const char *ca, const char *crl)
{
    struct load *l = calloc(1, sizeof(*l));
    const char *cas[] = {ca, NULL};
    const char *crls[] = {crl, NULL};
    load(l, plain, cas, crls);
    assert_non_null(l->t);
    trust_use_cache(l->t, cache);
    return l;
}

static void drop(struct load *l)
{
    end(l);
    free(l);
}

static enum reason ask(struct load *l, X509 *leaf, STACK_OF(X509) * chain, int64_t wall_ms,
                       const struct deny *deny, struct deny_chain *keys)
{
    struct trust_term term;
    const struct trust_question q = {
        .leaf = leaf, .chain = chain, .wall_ms = wall_ms, .deny = deny, .keys = keys};
    enum reason r = trust_judge_all(l->t, &q, &term, NULL);
    assert_true((r == REASON_OK) == (term.until_ms > wall_ms));
    return r;
}

static bool normalise(struct str name, const struct conf_identity *rule, char *out, size_t *n)
{
    (void)rule;
    memcpy(out, name.p, name.n);
    *n = name.n;
    return true;
}

/* The list that withdraws x by its fingerprint. */
static struct deny *deny_of(X509 *x)
{
    unsigned char digest[32];
    char line[128];
    size_t at = (size_t)snprintf(line, sizeof(line), "fingerprint=");
    assert_int_equal(X509_digest(x, EVP_sha256(), digest, NULL), 1);
    for (size_t i = 0; i < sizeof(digest); i++) {
        at += (size_t)snprintf(line + at, sizeof(line) - at, "%02x", digest[i]);
    }
    struct conf_text path = {.p = "x.deny"};
    const struct conf_revocation conf = {.deny = {&path, 1}};
    const struct conf_identity rule = {.fold_domain = true};
    struct files *files = files_new();
    struct diags *diags = diags_new();
    assert_int_equal(files_put(files, "x.deny", str_of(line)), 0);
    const struct deny_source source = {&conf, &rule, normalise, NULL};
    struct deny *d = deny_load(&source, files, diags);
    assert_non_null(d);
    diags_free(diags);
    files_free(files);
    return d;
}

static void test_remembers(void **state)
{
    (void)state;
    struct certcache *cache = certcache_new(8, 3600000);
    struct load *l = load_with(cache, p.root_pem, NULL);
    STACK_OF(X509) *sent = stack(p.leaf, p.middle, NULL);
    struct deny_chain first = {.n = 0};
    struct deny_chain again = {.n = 0};
    assert_int_equal(ask(l, p.leaf, sent, NOW_MS, NULL, &first), REASON_OK);
    assert_int_equal(certcache_counts(cache).hits, 0);
    assert_int_equal(ask(l, p.leaf, sent, NOW_MS + 1, NULL, &again), REASON_OK);
    assert_int_equal(certcache_counts(cache).hits, 1);
    assert_int_equal(first.n, 3);
    assert_int_equal(again.n, 3);
    assert_memory_equal(first.v, again.v, 3 * sizeof(first.v[0]));
    sk_X509_free(sent);
    drop(l);
    certcache_free(cache);
}

/* After a verdict that was remembered at NOW_MS. */
static const struct {
    const char *says;
    int64_t wall_ms;
    enum reason reason;
} later[] = {
    {"a day before: not valid yet", NOW_MS - 2 * DAY_MS, REASON_CLIENT_CERT_NOT_YET_VALID},
    {"a moment before: judged anew", NOW_MS - 1, REASON_OK},
    {"the last second of the leaf", NOW_MS + 10 * DAY_MS, REASON_OK},
    {"the leaf has expired", NOW_MS + 10 * DAY_MS + 1000, REASON_CLIENT_CERT_EXPIRED},
    {"a year on", NOW_MS + 365 * DAY_MS, REASON_CLIENT_CERT_EXPIRED},
};

static void test_time(void **state)
{
    (void)state;
    STACK_OF(X509) *sent = stack(p.leaf, p.middle, NULL);
    for (size_t i = 0; i < ROWS(later); i++) {
        struct certcache *cache = certcache_new(8, 24 * 3600 * 1000);
        struct load *l = load_with(cache, p.root_pem, NULL);
        assert_int_equal(ask(l, p.leaf, sent, NOW_MS, NULL, NULL), REASON_OK);
        CHECK_ROW(later[i].says,
                  ask(l, p.leaf, sent, later[i].wall_ms, NULL, NULL) == later[i].reason);
        CHECK_ROW(later[i].says, certcache_counts(cache).hits == 0);
        drop(l);
        certcache_free(cache);
    }
    sk_X509_free(sent);
}

static void test_withdrawn(void **state)
{
    (void)state;
    X509 *withdrawn[] = {p.leaf, p.middle, p.root};
    STACK_OF(X509) *sent = stack(p.leaf, p.middle, NULL);
    for (size_t i = 0; i < ROWS(withdrawn); i++) {
        struct certcache *cache = certcache_new(8, 3600000);
        struct load *l = load_with(cache, p.root_pem, NULL);
        struct deny *deny = deny_of(withdrawn[i]);
        assert_int_equal(ask(l, p.leaf, sent, NOW_MS, NULL, NULL), REASON_OK);
        assert_int_equal(ask(l, p.leaf, sent, NOW_MS, deny, NULL), REASON_CLIENT_CERT_REVOKED);
        assert_int_equal(ask(l, p.leaf, sent, NOW_MS, deny, NULL), REASON_CLIENT_CERT_REVOKED);
        assert_int_equal(ask(l, p.leaf, sent, NOW_MS, NULL, NULL), REASON_OK); /* taken back */
        deny_free(deny);
        drop(l);
        certcache_free(cache);
    }
    sk_X509_free(sent);
}

/* One cache for several policies, as all listeners of a worker and all reloads have it. */
static void test_other_policies(void **state)
{
    (void)state;
    struct certcache *cache = certcache_new(8, 3600000);
    struct load *own = load_with(cache, p.root_pem, NULL);
    struct load *replaced = load_with(cache, p.other_pem, NULL);
    struct load *listed = load_with(cache, p.root_pem, p.bad_crl);
    struct load *fine = load_with(cache, p.root_pem, p.good_crl);
    struct load *brief = load_with(cache, p.root_pem, p.short_crl);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(own, p.direct, NULL, NOW_MS, NULL, NULL), REASON_OK);
        assert_int_equal(ask(fine, p.direct, NULL, NOW_MS, NULL, NULL), REASON_OK);
        assert_int_equal(ask(brief, p.direct, NULL, NOW_MS, NULL, NULL), REASON_OK);
        assert_int_not_equal(ask(replaced, p.direct, NULL, NOW_MS, NULL, NULL), REASON_OK);
        assert_int_equal(ask(listed, p.direct, NULL, NOW_MS, NULL, NULL),
                         REASON_CLIENT_CERT_REVOKED);
    }
    assert_int_equal(certcache_counts(cache).used, 3);
    assert_int_equal(certcache_counts(cache).hits, 3);
    /* The list of one of them ends within the hour. */
    assert_int_equal(ask(brief, p.direct, NULL, NOW_MS + 600000, NULL, NULL), REASON_CRL_EXPIRED);
    assert_int_equal(ask(fine, p.direct, NULL, NOW_MS + 600000, NULL, NULL), REASON_OK);
    struct load *all[] = {own, replaced, listed, fine, brief};
    for (size_t i = 0; i < ROWS(all); i++) {
        drop(all[i]);
    }
    certcache_free(cache);
}

/* A refusal is judged anew each time, and so is what was presented otherwise. */
static void test_not_remembered(void **state)
{
    (void)state;
    struct certcache *cache = certcache_new(8, 3600000);
    struct load *l = load_with(cache, p.root_pem, NULL);
    STACK_OF(X509) * sent[] = {stack(p.leaf, p.middle, NULL), stack(p.leaf, p.root, p.middle),
                               stack(p.leaf, p.middle, p.root)};
    assert_int_equal(ask(l, p.leaf, NULL, NOW_MS, NULL, NULL), REASON_CLIENT_CERT_UNKNOWN_CA);
    assert_int_equal(ask(l, p.leaf, NULL, NOW_MS, NULL, NULL), REASON_CLIENT_CERT_UNKNOWN_CA);
    assert_int_equal(certcache_counts(cache).used, 0);
    for (size_t i = 0; i < ROWS(sent); i++) {
        assert_int_equal(ask(l, p.leaf, sent[i], NOW_MS, NULL, NULL), REASON_OK);
        assert_int_equal(certcache_counts(cache).used, i + 1);
        sk_X509_free(sent[i]);
    }
    assert_int_equal(certcache_counts(cache).hits, 0);
    assert_int_equal(ask(l, p.leaf, NULL, NOW_MS, NULL, NULL), REASON_CLIENT_CERT_UNKNOWN_CA);
    assert_int_equal(certcache_reset(cache, 0, 0), 0); /* off, as a reload may have it */
    assert_int_equal(ask(l, p.direct, NULL, NOW_MS, NULL, NULL), REASON_OK);
    assert_int_equal(certcache_counts(cache).used, 0);
    drop(l);
    certcache_free(cache);
}

static char *pem_crl(int64_t next_s, X509 *revoked)
{
    return crl_text(p.root, p.key, next_s, revoked);
}

static int set_up(void **state)
{
    (void)state;
    p.key = pki_key();
    p.root = pki_ca("Root", p.key);
    p.middle =
        pki_cert(&(struct pki_spec){.common_name = "Middle", .ca = true}, p.key, p.root, p.key);
    p.leaf = pki_cert(
        &(struct pki_spec){.common_name = "alice", .not_after_s = PKI_NOW_S + 10 * PKI_DAY_S},
        p.key, p.middle, p.key);
    p.direct = pki_leaf("bob", p.key, p.root, p.key);
    EVP_PKEY *other = pki_key();
    p.other_root = pki_ca("Root", other);
    EVP_PKEY_free(other);
    p.root_pem = pki_cert_pem(p.root);
    p.other_pem = pki_cert_pem(p.other_root);
    p.good_crl = pem_crl(PKI_NOW_S + PKI_DAY_S, p.leaf);
    p.bad_crl = pem_crl(PKI_NOW_S + PKI_DAY_S, p.direct);
    p.short_crl = pem_crl(PKI_NOW_S + 600, p.leaf);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    X509 *certs[] = {p.root, p.other_root, p.middle, p.leaf, p.direct};
    char *texts[] = {p.root_pem, p.other_pem, p.good_crl, p.bad_crl, p.short_crl};
    for (size_t i = 0; i < ROWS(certs); i++) {
        X509_free(certs[i]);
        free(texts[i]);
    }
    EVP_PKEY_free(p.key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remembers),      cmocka_unit_test(test_time),
        cmocka_unit_test(test_withdrawn),      cmocka_unit_test(test_other_policies),
        cmocka_unit_test(test_not_remembered),
    };
    int failed = 0;
    for (int own = 0; own < 2; own++) {
        own_lists = own == 1;
        failed += cmocka_run_group_tests_name(own_lists ? "own lists" : "OpenSSL's as well", tests,
                                              set_up, tear_down);
    }
    return failed;
}
