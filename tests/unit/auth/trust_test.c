/* The verdict on a client's chain, and the answer of the CRLs. */
#include <stdlib.h>

#include <openssl/x509v3.h>

#include "auth/trust.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/unit/auth/trust_lab.h"

#define NOW_MS (PKI_NOW_S * 1000)

/* The certificates of the tables: a root, an intermediate under it, an issuer under that. */
static struct {
    EVP_PKEY *key; /* of every CA and leaf but the stranger's */
    EVP_PKEY *stranger_key;
    EVP_PKEY *weak_key;
    X509 *root;
    X509 *stranger; /* the root's name, another key */
    X509 *middle;
    X509 *issuer;
    X509 *old_root;
    X509 *old_middle;
    X509 *narrow; /* pathlen:0 under root */
    X509 *under_narrow;
    X509 *no_ca; /* under root, not a CA, but with keyCertSign */
    X509 *empty_constraints;
} p;

static STACK_OF(X509) * stack_of(X509 *const *certs, size_t max)
{
    STACK_OF(X509) *s = sk_X509_new_null();
    for (size_t i = 0; i < max && certs[i] != NULL; i++) {
        assert_true(sk_X509_push(s, certs[i]) > 0);
    }
    return s;
}

/* Which CA signs the leaf, what the bundle holds and what the client sends: pointers into p. */
struct row {
    const char *says;
    struct pki_spec leaf;
    X509 **by;
    X509 **bundle[3];
    X509 **sent[3];
    enum reason reason;
};

static X509 *make_leaf(const struct row *row)
{
    struct pki_spec spec = row->leaf;
    spec.common_name = "alice";
    EVP_PKEY *signer = row->by == &p.stranger ? p.stranger_key : p.key;
    return pki_cert(&spec, p.key, row->by != NULL ? *row->by : NULL, signer);
}

static size_t gather(X509 **const *from, X509 *to[3])
{
    size_t n = 0;
    for (; n < 3 && from[n] != NULL; n++) {
        to[n] = *from[n];
    }
    return n;
}

static void check_row_of(const struct row *row, uint32_t depth_max)
{
    X509 *bundle[3] = {0};
    X509 *sent[3] = {0};
    size_t n = gather(row->bundle, bundle);
    (void)gather(row->sent, sent);
    struct load *l = load_certs(bundle, n, (struct conf_client){.depth_max = depth_max}, NULL);
    CHECK_ROW(row->says, l->t != NULL);
    X509 *leaf = make_leaf(row);
    STACK_OF(X509) *chain = stack_of(sent, 3);
    int error = -1;
    enum reason r = trust_judge(l->t, leaf, chain, NOW_MS, NULL, &error);
    CHECK_STR(row->says, str_of(reason_token(r)), str_of(reason_token(row->reason)));
    CHECK_ROW(row->says, (r == REASON_OK) == (error == X509_V_OK));
    sk_X509_free(chain);
    X509_free(leaf);
    end(l);
    free(l);
}

static const struct pki_extension critical[] = {{NID_netscape_comment, "critical,DER:05:00"}};
static const struct pki_extension constraints[] = {
    {NID_name_constraints, "critical,permitted;email:example.com"}};
static const struct pki_extension bad_aia[] = {{NID_info_access, "DER:04:01:00"}};
static const struct pki_extension loose_policy[] = {
    {NID_policy_constraints, "requireExplicitPolicy:3"}};

static const struct row chains[] = {
    {"by the anchor", {.ca = false}, &p.root, {&p.root}, {0}, REASON_OK},
    {"the root sent along", {.ca = false}, &p.root, {&p.root}, {&p.root}, REASON_OK},
    {"two intermediates", {0}, &p.issuer, {&p.root}, {&p.issuer, &p.middle}, REASON_OK},
    {"in the other order", {0}, &p.issuer, {&p.root}, {&p.middle, &p.issuer}, REASON_OK},
    {"an intermediate of the bundle need not be sent",
     {0},
     &p.issuer,
     {&p.root, &p.middle},
     {&p.issuer},
     REASON_OK},
    {"nor does any", {.ca = false}, &p.issuer, {&p.root, &p.middle, &p.issuer}, {0}, REASON_OK},
    {"an intermediate as the anchor", {0}, &p.issuer, {&p.middle}, {&p.issuer}, REASON_OK},
    {"the same with the root sent",
     {0},
     &p.issuer,
     {&p.middle},
     {&p.issuer, &p.middle, &p.root},
     REASON_OK},
    {"an intermediate as the anchor says nothing of the root",
     {0},
     &p.root,
     {&p.middle},
     {&p.root},
     REASON_CLIENT_CERT_UNKNOWN_CA},
    {"an intermediate is missing",
     {0},
     &p.issuer,
     {&p.root},
     {&p.middle},
     REASON_CLIENT_CERT_UNKNOWN_CA},
    {"another CA",
     {0},
     &p.old_middle,
     {&p.root},
     {&p.old_middle, &p.old_root},
     REASON_CLIENT_CERT_UNKNOWN_CA},
    {"another CA of the same name",
     {0},
     &p.stranger,
     {&p.root},
     {0},
     REASON_CLIENT_CERT_UNKNOWN_CA},
    {"and that CA sent along",
     {0},
     &p.stranger,
     {&p.root},
     {&p.stranger},
     REASON_CLIENT_CERT_UNKNOWN_CA},
    {"self-signed", {0}, NULL, {&p.root}, {0}, REASON_CLIENT_CERT_UNKNOWN_CA},
    {"expired",
     {.not_after_s = PKI_NOW_S - 1},
     &p.root,
     {&p.root},
     {0},
     REASON_CLIENT_CERT_EXPIRED},
    {"in its last second", {.not_after_s = PKI_NOW_S}, &p.root, {&p.root}, {0}, REASON_OK},
    {"in its first second", {.not_before_s = PKI_NOW_S}, &p.root, {&p.root}, {0}, REASON_OK},
    {"not yet valid",
     {.not_before_s = PKI_NOW_S + 1},
     &p.root,
     {&p.root},
     {0},
     REASON_CLIENT_CERT_NOT_YET_VALID},
    {"under an expired root", {0}, &p.old_root, {&p.old_root}, {0}, REASON_CLIENT_CERT_EXPIRED},
    {"for servers only",
     {.purpose = "serverAuth"},
     &p.root,
     {&p.root},
     {0},
     REASON_CLIENT_CERT_PURPOSE},
    {"for servers and clients",
     {.purpose = "serverAuth,clientAuth"},
     &p.root,
     {&p.root},
     {0},
     REASON_OK},
    {"for any purpose, which is none named",
     {.purpose = "anyExtendedKeyUsage"},
     &p.root,
     {&p.root},
     {0},
     REASON_CLIENT_CERT_PURPOSE},
    {"for no purpose named at all", {.purpose = ""}, &p.root, {&p.root}, {0}, REASON_OK},
    {"a key that may not sign",
     {.usage = "critical,keyEncipherment"},
     &p.root,
     {&p.root},
     {0},
     REASON_CLIENT_CERT_PURPOSE},
    {"a CA as the client",
     {.ca = true, .purpose = "clientAuth"},
     &p.root,
     {&p.root},
     {0},
     REASON_CLIENT_CERT_PURPOSE},
    {"a CA whose key may not sign certificates",
     {.basic = "critical,CA:TRUE"},
     &p.root,
     {&p.root},
     {0},
     REASON_CLIENT_CERT_PURPOSE},
    {"an unknown critical extension",
     {.extensions = critical, .extension_count = 1},
     &p.root,
     {&p.root},
     {0},
     REASON_CLIENT_CERT_INVALID},
    {"name constraints in a leaf",
     {.extensions = constraints, .extension_count = 1},
     &p.root,
     {&p.root},
     {0},
     REASON_CLIENT_CERT_INVALID},
    {"an extension that does not decode",
     {.extensions = bad_aia, .extension_count = 1},
     &p.root,
     {&p.root},
     {0},
     REASON_CLIENT_CERT_INVALID},
    {"policy constraints that are not critical",
     {.extensions = loose_policy, .extension_count = 1},
     &p.root,
     {&p.root},
     {0},
     REASON_CLIENT_CERT_INVALID},
    {"a path longer than a CA allows",
     {0},
     &p.under_narrow,
     {&p.root},
     {&p.under_narrow, &p.narrow},
     REASON_CLIENT_CERT_CHAIN_TOO_LONG},
    {"an issuer that is no CA", {0}, &p.no_ca, {&p.root}, {&p.no_ca}, REASON_CLIENT_CERT_INVALID},
    {"a CA with empty name constraints",
     {0},
     &p.empty_constraints,
     {&p.root},
     {&p.empty_constraints},
     REASON_CLIENT_CERT_INVALID},
};

static void test_chains(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(chains); i++) {
        check_row_of(&chains[i], 3);
    }
}

static void test_depth(void **state)
{
    (void)state;
    const struct {
        const char *says;
        uint32_t depth_max;
        struct row row;
    } rows[] = {
        {"0: the anchor signs", 0, {"", {.ca = false}, &p.root, {&p.root}, {0}, REASON_OK}},
        {"0: no intermediate",
         0,
         {"", {.ca = false}, &p.middle, {&p.root}, {&p.middle}, REASON_CLIENT_CERT_CHAIN_TOO_LONG}},
        {"1: one", 1, {"", {.ca = false}, &p.middle, {&p.root}, {&p.middle}, REASON_OK}},
        {"1: not two",
         1,
         {"",
          {0},
          &p.issuer,
          {&p.root},
          {&p.issuer, &p.middle},
          REASON_CLIENT_CERT_CHAIN_TOO_LONG}},
        {"2: two", 2, {"", {.ca = false}, &p.issuer, {&p.root}, {&p.issuer, &p.middle}, REASON_OK}},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct row row = rows[i].row;
        row.says = rows[i].says;
        check_row_of(&row, rows[i].depth_max);
    }
}

static void test_more_leaves(void **state)
{
    (void)state;
    X509 *bundle[] = {p.root};
    struct load *l = load_certs(bundle, 1, (struct conf_client){.depth_max = 3}, NULL);
    assert_non_null(l->t);
    /* Only the first certificate is judged: whatever else is sent does not matter. */
    X509 *alice = pki_leaf("alice", p.key, p.root, p.key);
    X509 *mallory = pki_leaf("mallory", p.stranger_key, p.stranger, p.stranger_key);
    X509 *more[] = {mallory, alice};
    STACK_OF(X509) *chain = stack_of(more, 2);
    assert_int_equal(trust_judge(l->t, alice, chain, NOW_MS, NULL, NULL), REASON_OK);
    assert_int_equal(trust_judge(l->t, mallory, chain, NOW_MS, NULL, NULL),
                     REASON_CLIENT_CERT_UNKNOWN_CA);
    assert_int_equal(trust_judge(l->t, alice, NULL, NOW_MS, NULL, NULL), REASON_OK);
    /* More than a client has reason to send. */
    for (int i = sk_X509_num(chain); i < 10; i++) {
        assert_true(sk_X509_push(chain, mallory) > 0);
    }
    assert_int_equal(trust_judge(l->t, alice, chain, NOW_MS, NULL, NULL), REASON_OK);
    assert_true(sk_X509_push(chain, mallory) > 0);
    assert_int_equal(trust_judge(l->t, alice, chain, NOW_MS, NULL, NULL),
                     REASON_CLIENT_CERT_CHAIN_TOO_LONG);
    sk_X509_free(chain);
    /* An octet of the signature changed. */
    unsigned char *der = NULL;
    int n = i2d_X509(alice, &der);
    assert_true(n > 0);
    der[n - 1] ^= 1;
    const unsigned char *at = der;
    X509 *forged = d2i_X509(NULL, &at, n);
    assert_non_null(forged);
    assert_int_equal(trust_judge(l->t, forged, NULL, NOW_MS, NULL, NULL),
                     REASON_CLIENT_CERT_BAD_SIGNATURE);
    OPENSSL_free(der);
    /* A short key. */
    X509 *weak = pki_leaf("alice", p.weak_key, p.root, p.key);
    assert_int_equal(trust_judge(l->t, weak, NULL, NOW_MS, NULL, NULL),
                     REASON_CLIENT_CERT_WEAK_KEY);
    /* The anchor itself logs nobody in. */
    assert_int_not_equal(trust_judge(l->t, p.root, NULL, NOW_MS, NULL, NULL), REASON_OK);
    X509_free(weak);
    X509_free(forged);
    X509_free(alice);
    X509_free(mallory);
    end(l);
    free(l);
}

/* The numbers that a certificate must not have. */
static void test_serials(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        const char *hex;
        enum reason reason;
    } rows[] = {
        {"one", "01", REASON_OK},
        {"20 octets", "7fffffffffffffffffffffffffffffffffffffff", REASON_OK},
        {"21 octets", "01ffffffffffffffffffffffffffffffffffffffff", REASON_CLIENT_CERT_INVALID},
        {"zero", "00", REASON_CLIENT_CERT_INVALID},
        {"below zero", "-01", REASON_CLIENT_CERT_INVALID},
    };
    X509 *bundle[] = {p.root};
    struct load *l = load_certs(bundle, 1, (struct conf_client){.depth_max = 3}, NULL);
    for (size_t i = 0; i < ROWS(rows); i++) {
        X509 *leaf = pki_leaf("alice", p.key, p.root, p.key);
        BIGNUM *number = NULL;
        assert_true(BN_hex2bn(&number, rows[i].hex) > 0);
        assert_non_null(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(leaf)));
        assert_true(X509_sign(leaf, p.key, EVP_sha256()) > 0);
        CHECK_ROW(rows[i].says,
                  trust_judge(l->t, leaf, NULL, NOW_MS, NULL, NULL) == rows[i].reason);
        BN_free(number);
        X509_free(leaf);
    }
    end(l);
    free(l);
}

static X509 *ca_under(const char *name, X509 *issuer, struct pki_spec spec)
{
    spec.common_name = name;
    spec.ca = true;
    return pki_cert(&spec, p.key, issuer, p.key);
}

/* root <- middle <- leaf: what of it ends first. Seconds from now; 0: in 30 days, or no CRL. */
static const struct term_row {
    const char *says;
    int64_t leaf_s, middle_s, root_s;   /* notAfter */
    int64_t root_next_s, middle_next_s; /* of the CRLs, both or none */
    bool insecure;
    int64_t until_ms;
    enum reason then;
    uint32_t grace_ms;
} term_rows[] = {
    {"the leaf", 50, 60, 70, 0, 0, false, 51000, REASON_CLIENT_CERT_EXPIRED, 0},
    {"the intermediate", 60, 50, 70, 0, 0, false, 51000, REASON_CLIENT_CERT_EXPIRED, 0},
    {"the anchor", 60, 70, 50, 0, 0, false, 51000, REASON_CLIENT_CERT_EXPIRED, 0},
    {"the leaf's CRL", 60, 70, 0, 90, 50, false, 50000, REASON_CRL_EXPIRED, 0},
    {"the intermediate's CRL", 60, 70, 0, 50, 90, false, 50000, REASON_CRL_EXPIRED, 0},
    {"the leaf before its CRL", 49, 0, 0, 90, 51, false, 50000, REASON_CLIENT_CERT_EXPIRED, 0},
    {"the grace of a CRL", 60, 70, 0, 50, 90, false, 57000, REASON_CRL_EXPIRED, 7000},
    {"CRLs that may be old end nothing", 60, 0, 0, 50, 50, true, 61000, REASON_CLIENT_CERT_EXPIRED,
     0},
};

static int64_t from_now(int64_t s)
{
    return s != 0 ? PKI_NOW_S + s : 0;
}

static void check_term(const struct term_row *row)
{
    X509 *root = ca_under("R", NULL, (struct pki_spec){.not_after_s = from_now(row->root_s)});
    X509 *middle = ca_under("M", root, (struct pki_spec){.not_after_s = from_now(row->middle_s)});
    struct pki_spec spec = {.common_name = "alice", .not_after_s = from_now(row->leaf_s)};
    X509 *leaf = pki_cert(&spec, p.key, middle, p.key);
    char *of_root = crl_text(root, p.key, PKI_NOW_S + row->root_next_s, NULL);
    char *of_middle = crl_text(middle, p.key, PKI_NOW_S + row->middle_next_s, NULL);
    const char *const both[] = {of_root, of_middle, NULL};
    X509 *const bundle[] = {root, middle};
    struct conf_client policy = {
        .depth_max = 3, .crl_grace_ms = row->grace_ms, .insecure_expired_crl = row->insecure};
    struct load *l = load_certs(bundle, 2, policy, row->root_next_s != 0 ? both : NULL);
    CHECK_ROW(row->says, l->t != NULL);
    struct trust_term term = {0};
    CHECK_ROW(row->says, trust_judge(l->t, leaf, NULL, NOW_MS, &term, NULL) == REASON_OK);
    CHECK_ROW(row->says, term.until_ms == NOW_MS + row->until_ms);
    CHECK_ROW(row->says, term.then == row->then);
    /* The verdict is as good as its word. */
    enum reason r = trust_judge(l->t, leaf, NULL, term.until_ms - 1, NULL, NULL);
    CHECK_ROW(row->says, r == REASON_OK);
    r = trust_judge(l->t, leaf, NULL, term.until_ms, &term, NULL);
    CHECK_ROW(row->says, r == row->then);
    CHECK_ROW(row->says, term.until_ms == 0);
    end(l);
    free(l);
    free(of_root);
    free(of_middle);
    X509_free(leaf);
    X509_free(middle);
    X509_free(root);
}

static void test_terms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(term_rows); i++) {
        check_term(&term_rows[i]);
    }
}

static int set_up(void **state)
{
    (void)state;
    static const struct pki_extension empty[] = {{NID_name_constraints, "critical,DER:30:00"}};
    const struct pki_spec plain = {0};
    const struct pki_spec old = {.not_before_s = PKI_NOW_S - 100, .not_after_s = PKI_NOW_S - 50};
    clock_fake(1, NOW_MS);
    p.key = pki_key();
    p.stranger_key = pki_key();
    p.weak_key = pki_rsa_key(1024);
    p.root = ca_under("Root", NULL, plain);
    p.stranger = pki_ca("Root", p.stranger_key);
    p.middle = ca_under("Middle", p.root, plain);
    p.issuer = ca_under("Issuer", p.middle, plain);
    p.old_root = ca_under("Old root", NULL, old);
    p.old_middle = ca_under("Old middle", p.old_root, plain);
    p.narrow = ca_under("Narrow", p.root, (struct pki_spec){.basic = "critical,CA:TRUE,pathlen:0"});
    p.under_narrow = ca_under("Under narrow", p.narrow, plain);
    p.no_ca = ca_under(
        "No CA", p.root,
        (struct pki_spec){.basic = "critical,CA:FALSE", .usage = "critical,digitalSignature"});
    p.empty_constraints =
        ca_under("Empty", p.root, (struct pki_spec){.extensions = empty, .extension_count = 1});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    X509 *const certs[] = {p.root,       p.stranger, p.middle,       p.issuer, p.old_root,
                           p.old_middle, p.narrow,   p.under_narrow, p.no_ca,  p.empty_constraints};
    for (size_t i = 0; i < ROWS(certs); i++) {
        X509_free(certs[i]);
    }
    EVP_PKEY_free(p.key);
    EVP_PKEY_free(p.stranger_key);
    EVP_PKEY_free(p.weak_key);
    clock_fake(-1, -1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),      cmocka_unit_test(test_depth),
        cmocka_unit_test(test_more_leaves), cmocka_unit_test(test_serials),
        cmocka_unit_test(test_terms),
    };
    int failed = 0;
    for (int own = 0; own < 2; own++) {
        own_lists = own == 1;
        failed += cmocka_run_group_tests_name(own_lists ? "own lists" : "OpenSSL's as well", tests,
                                              set_up, tear_down);
    }
    return failed;
}
