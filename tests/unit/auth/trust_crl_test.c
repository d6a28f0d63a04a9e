/* The CRLs' part in the verdict on a chain: who is asked, how long they hold. */
#include <stdlib.h>

#include <openssl/x509v3.h>

#include "auth/trust.h"
#include "base/clock.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/unit/auth/trust_lab.h"

#define NOW_MS (PKI_NOW_S * 1000)

static struct {
    EVP_PKEY *key; /* of all */
    X509 *root;
    X509 *middle; /* under it */
} p;

/* root <- middle <- leaf, where both may be on a CRL. */
static struct {
    X509 *leaf;   /* by middle */
    X509 *direct; /* by root */
    char *root_good, *root_bad, *root_old;
    char *middle_good, *middle_bad, *middle_old, *middle_old_bad;
} c;

static const struct crl_row {
    const char *says;
    char **crls[2];
    X509 **leaf;
    bool insecure;
    enum reason reason;
    int error;
    enum conf_crl_scope scope;
    uint32_t grace_ms;
} crl_rows[] = {
    {"both covered",
     {&c.root_good, &c.middle_good},
     &c.leaf,
     false,
     REASON_OK,
     X509_V_OK,
     CONF_CRL_SCOPE_CHAIN,
     0},
    {"the leaf is listed",
     {&c.root_good, &c.middle_bad},
     &c.leaf,
     false,
     REASON_CLIENT_CERT_REVOKED,
     X509_V_ERR_CERT_REVOKED,
     CONF_CRL_SCOPE_CHAIN,
     0},
    {"the intermediate is listed",
     {&c.root_bad, &c.middle_good},
     &c.leaf,
     false,
     REASON_CLIENT_CERT_REVOKED,
     X509_V_ERR_CERT_REVOKED,
     CONF_CRL_SCOPE_CHAIN,
     0},
    {"no CRL for the leaf",
     {&c.root_good},
     &c.leaf,
     false,
     REASON_CRL_MISSING,
     X509_V_ERR_UNABLE_TO_GET_CRL,
     CONF_CRL_SCOPE_CHAIN,
     0},
    {"no CRL for the intermediate",
     {&c.middle_good},
     &c.leaf,
     false,
     REASON_CRL_MISSING,
     X509_V_ERR_UNABLE_TO_GET_CRL,
     CONF_CRL_SCOPE_CHAIN,
     0},
    {"a certificate of the root needs only the root's",
     {&c.root_good},
     &c.direct,
     false,
     REASON_OK,
     X509_V_OK,
     CONF_CRL_SCOPE_CHAIN,
     0},
    {"the leaf's has expired",
     {&c.root_good, &c.middle_old},
     &c.leaf,
     false,
     REASON_CRL_EXPIRED,
     X509_V_ERR_CRL_HAS_EXPIRED,
     CONF_CRL_SCOPE_CHAIN,
     0},
    {"the intermediate's has expired",
     {&c.root_old, &c.middle_good},
     &c.leaf,
     false,
     REASON_CRL_EXPIRED,
     X509_V_ERR_CRL_HAS_EXPIRED,
     CONF_CRL_SCOPE_CHAIN,
     0},
    {"expired, and that is accepted",
     {&c.root_old, &c.middle_old},
     &c.leaf,
     true,
     REASON_OK,
     X509_V_OK,
     CONF_CRL_SCOPE_CHAIN,
     0},
    {"expired but listed",
     {&c.root_good, &c.middle_old_bad},
     &c.leaf,
     false,
     REASON_CLIENT_CERT_REVOKED,
     X509_V_ERR_CERT_REVOKED,
     CONF_CRL_SCOPE_CHAIN,
     0},
    {"expired is accepted, listed is not",
     {&c.root_good, &c.middle_old_bad},
     &c.leaf,
     true,
     REASON_CLIENT_CERT_REVOKED,
     X509_V_ERR_CERT_REVOKED,
     CONF_CRL_SCOPE_CHAIN,
     0},
    {"accepting expired ones does not replace missing ones",
     {&c.root_good},
     &c.leaf,
     true,
     REASON_CRL_MISSING,
     X509_V_ERR_UNABLE_TO_GET_CRL,
     CONF_CRL_SCOPE_CHAIN,
     0},
    {"no CRL is asked for: none is missed",
     {NULL},
     &c.leaf,
     false,
     REASON_OK,
     X509_V_OK,
     CONF_CRL_SCOPE_CHAIN,
     0},
    {"leaf alone: a listed one",
     {&c.middle_bad},
     &c.leaf,
     false,
     REASON_CLIENT_CERT_REVOKED,
     X509_V_ERR_CERT_REVOKED,
     CONF_CRL_SCOPE_LEAF,
     0},
    {"leaf alone: its list must be there",
     {&c.root_good},
     &c.leaf,
     false,
     REASON_CRL_MISSING,
     X509_V_ERR_UNABLE_TO_GET_CRL,
     CONF_CRL_SCOPE_LEAF,
     0},
    {"leaf alone: its list must be current",
     {&c.middle_old},
     &c.leaf,
     false,
     REASON_CRL_EXPIRED,
     X509_V_ERR_CRL_HAS_EXPIRED,
     CONF_CRL_SCOPE_LEAF,
     0},
    {"leaf alone: no list for the intermediate",
     {&c.middle_good},
     &c.leaf,
     false,
     REASON_OK,
     X509_V_OK,
     CONF_CRL_SCOPE_LEAF,
     0},
    {"leaf alone: a listed intermediate is not looked at",
     {&c.root_bad, &c.middle_good},
     &c.leaf,
     false,
     REASON_OK,
     X509_V_OK,
     CONF_CRL_SCOPE_LEAF,
     0},
    {"expired for longer than the grace",
     {&c.root_good, &c.middle_old},
     &c.leaf,
     false,
     REASON_CRL_EXPIRED,
     X509_V_ERR_CRL_HAS_EXPIRED,
     CONF_CRL_SCOPE_CHAIN,
     60000},
    {"expired, within the grace",
     {&c.root_good, &c.middle_old},
     &c.leaf,
     false,
     REASON_OK,
     X509_V_OK,
     CONF_CRL_SCOPE_CHAIN,
     60001},
    {"within the grace, but listed",
     {&c.root_good, &c.middle_old_bad},
     &c.leaf,
     false,
     REASON_CLIENT_CERT_REVOKED,
     X509_V_ERR_CERT_REVOKED,
     CONF_CRL_SCOPE_CHAIN,
     3600000},
};

static void make_crls(void)
{
    const int64_t later = PKI_NOW_S + HOUR_S;
    const int64_t past = PKI_NOW_S - 60;
    c.leaf = pki_leaf("alice", p.key, p.middle, p.key);
    c.direct = pki_leaf("bob", p.key, p.root, p.key);
    c.root_good = crl_text(p.root, p.key, later, NULL);
    c.root_bad = crl_text(p.root, p.key, later, p.middle);
    c.root_old = crl_text(p.root, p.key, past, NULL);
    c.middle_good = crl_text(p.middle, p.key, later, NULL);
    c.middle_bad = crl_text(p.middle, p.key, later, c.leaf);
    c.middle_old = crl_text(p.middle, p.key, past, NULL);
    c.middle_old_bad = crl_text(p.middle, p.key, past, c.leaf);
}

static void drop_crls(void)
{
    char *const texts[] = {c.root_good,  c.root_bad,   c.root_old,      c.middle_good,
                           c.middle_bad, c.middle_old, c.middle_old_bad};
    for (size_t i = 0; i < ROWS(texts); i++) {
        free(texts[i]);
    }
    X509_free(c.leaf);
    X509_free(c.direct);
}

static void test_crls(void **state)
{
    (void)state;
    X509 *bundle[] = {p.root, p.middle};
    for (size_t i = 0; i < ROWS(crl_rows); i++) {
        const struct crl_row *row = &crl_rows[i];
        const char *crls[3] = {0};
        for (size_t k = 0; k < 2 && row->crls[k] != NULL; k++) {
            crls[k] = *row->crls[k];
        }
        struct conf_client policy = {.depth_max = 3,
                                     .crl_scope = row->scope,
                                     .crl_grace_ms = row->grace_ms,
                                     .insecure_expired_crl = row->insecure};
        struct load *l = load_certs(bundle, 2, policy, crls);
        CHECK_ROW(row->says, l->t != NULL);
        int error = -1;
        enum reason r = trust_judge(l->t, *row->leaf, NULL, NOW_MS, NULL, &error);
        CHECK_STR(row->says, str_of(reason_token(r)), str_of(reason_token(row->reason)));
        CHECK_ROW(row->says, error == row->error);
        end(l);
        free(l);
    }
    /* An intermediate that is the anchor answers for itself: only the leaf is asked about. */
    const char *only[] = {c.middle_good, NULL};
    struct load *l = load_certs(&p.middle, 1, (struct conf_client){.depth_max = 3}, only);
    assert_int_equal(trust_judge(l->t, c.leaf, NULL, NOW_MS, NULL, NULL), REASON_OK);
    assert_int_equal(trust_crl_expiry_s(l->t), PKI_NOW_S + HOUR_S);
    end(l);
    free(l);
}

/* What stands beside the serial in a list's entry, or beside the entries: only revoked is revoked,
 * and OpenSSL takes some lists not at all that ours take. */
static const struct other_row {
    const char *says;
    bool listed; /* the leaf; else another certificate */
    int entry_nid;
    const char *entry;
    int list_nid;
    const char *list;
    enum reason own;
    enum reason both; /* with OpenSSL's word */
} other_rows[] = {
    {"for no reason", true, 0, NULL, 0, NULL, REASON_CLIENT_CERT_REVOKED,
     REASON_CLIENT_CERT_REVOKED},
    {"on hold", true, NID_crl_reason, "DER:0a:01:06", 0, NULL, REASON_CLIENT_CERT_REVOKED,
     REASON_CLIENT_CERT_REVOKED},
    {"on hold, critical", true, NID_crl_reason, "critical,DER:0a:01:06", 0, NULL,
     REASON_CLIENT_CERT_REVOKED, REASON_CLIENT_CERT_REVOKED},
    {"removed, which OpenSSL takes for good", true, NID_crl_reason, "DER:0a:01:08", 0, NULL,
     REASON_CLIENT_CERT_REVOKED, REASON_CLIENT_CERT_REVOKED},
    {"in a list with a critical number", true, 0, NULL, NID_crl_number, "critical,DER:02:01:07",
     REASON_CLIENT_CERT_REVOKED, REASON_CLIENT_CERT_REVOKED},
    {"another, on hold", false, NID_crl_reason, "DER:0a:01:06", 0, NULL, REASON_OK, REASON_OK},
    {"another, critical", false, NID_crl_reason, "critical,DER:0a:01:06", 0, NULL, REASON_OK,
     REASON_CRL_MISSING},
    {"another, and the list has a number", false, 0, NULL, NID_crl_number, "DER:02:01:07",
     REASON_OK, REASON_OK},
    {"another, and the number is critical", false, 0, NULL, NID_crl_number, "critical,DER:02:01:07",
     REASON_OK, REASON_CRL_MISSING},
};

static X509_EXTENSION *extension(int nid, const char *value)
{
    /* The parameter is not const in OpenSSL 3.0. */
    X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, nid, (char *)(uintptr_t)value);
    assert_non_null(x);
    return x;
}

static char *other_list(const struct other_row *row)
{
    X509 *named = row->listed ? c.leaf : c.direct;
    X509_CRL *crl = pki_crl(p.middle, p.key, PKI_NOW_S - HOUR_S, PKI_NOW_S + HOUR_S, &named, 1);
    if (row->entry != NULL) {
        X509_REVOKED *entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(crl), 0);
        X509_EXTENSION *x = extension(row->entry_nid, row->entry);
        assert_int_equal(X509_REVOKED_add_ext(entry, x, -1), 1);
        X509_EXTENSION_free(x);
    }
    if (row->list != NULL) {
        X509_EXTENSION *x = extension(row->list_nid, row->list);
        assert_int_equal(X509_CRL_add_ext(crl, x, -1), 1);
        X509_EXTENSION_free(x);
    }
    assert_true(X509_CRL_sign(crl, p.key, EVP_sha256()) > 0);
    char *text = pki_crl_pem(crl);
    X509_CRL_free(crl);
    return text;
}

static void test_entries(void **state)
{
    (void)state;
    X509 *bundle[] = {p.root, p.middle};
    for (size_t i = 0; i < ROWS(other_rows); i++) {
        const struct other_row *row = &other_rows[i];
        char *list = other_list(row);
        const char *crls[] = {c.root_good, list, NULL};
        struct load *l = load_certs(bundle, 2, (struct conf_client){.depth_max = 3}, crls);
        CHECK_ROW(row->says, l->t != NULL);
        enum reason r = trust_judge(l->t, c.leaf, NULL, NOW_MS, NULL, NULL);
        CHECK_STR(row->says, str_of(reason_token(r)),
                  str_of(reason_token(own_lists ? row->own : row->both)));
        end(l);
        free(l);
        free(list);
    }
}

/* OpenSSL is asked about the certificates that ours are asked about: a list of the root that it
 * does not take counts only where intermediates are asked about. */
static void test_scope(void **state)
{
    (void)state;
    static const struct pki_extension number[] = {{NID_crl_number, "critical,DER:02:01:07"}};
    X509 *bundle[] = {p.root, p.middle};
    X509_CRL *crl = pki_crl_with(p.root, p.key, PKI_NOW_S - HOUR_S, PKI_NOW_S + HOUR_S, number, 1);
    char *text = pki_crl_pem(crl);
    const char *crls[] = {text, c.middle_good, NULL};
    const enum conf_crl_scope scopes[] = {CONF_CRL_SCOPE_CHAIN, CONF_CRL_SCOPE_LEAF};
    for (size_t i = 0; i < ROWS(scopes); i++) {
        struct conf_client policy = {.depth_max = 3, .crl_scope = scopes[i]};
        struct load *l = load_certs(bundle, 2, policy, crls);
        assert_non_null(l->t);
        bool asked = !own_lists && scopes[i] == CONF_CRL_SCOPE_CHAIN;
        assert_int_equal(trust_judge(l->t, c.leaf, NULL, NOW_MS, NULL, NULL),
                         asked ? REASON_CRL_MISSING : REASON_OK);
        end(l);
        free(l);
    }
    free(text);
    X509_CRL_free(crl);
}

/* The list of the one CA judges nobody of the other with its name, and who stands in either is
 * withdrawn. The later list is the one that OpenSSL picks, where neither names its key. */
static void test_two_keys_of_one_name(void **state)
{
    (void)state;
    EVP_PKEY *key = pki_key();
    X509 *twin = pki_ca("Root", key);
    X509 *bundle[] = {p.root, twin};
    const struct {
        const char *says;
        X509 *listed; /* by twin */
        bool roots;   /* the root's list is there too */
        enum reason own;
        enum reason both;
    } rows[] = {
        {"no list of its CA", NULL, false, REASON_CRL_MISSING, REASON_CRL_MISSING},
        {"listed by the other", c.direct, true, REASON_CLIENT_CERT_REVOKED,
         REASON_CLIENT_CERT_REVOKED},
        {"both have one", NULL, true, REASON_OK, REASON_CRL_MISSING},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        X509 *listed = rows[i].listed;
        X509_CRL *crl =
            pki_crl(twin, key, PKI_NOW_S - 1, PKI_NOW_S + HOUR_S, &listed, listed != NULL ? 1 : 0);
        char *text = pki_crl_pem(crl);
        const char *crls[] = {text, rows[i].roots ? c.root_good : NULL, NULL};
        struct load *l = load_certs(bundle, 2, (struct conf_client){.depth_max = 3}, crls);
        CHECK_ROW(rows[i].says, l->t != NULL);
        enum reason r = trust_judge(l->t, c.direct, NULL, NOW_MS, NULL, NULL);
        CHECK_STR(rows[i].says, str_of(reason_token(r)),
                  str_of(reason_token(own_lists ? rows[i].own : rows[i].both)));
        end(l);
        free(l);
        free(text);
        X509_CRL_free(crl);
    }
    X509_free(twin);
    EVP_PKEY_free(key);
}

/* What ours refuse does not come to OpenSSL, which could take it. */
static void test_unfit_lists(void **state)
{
    (void)state;
    static const struct pki_extension rows[] = {
        {NID_delta_crl, "critical,DER:02:01:01"},
        {NID_issuing_distribution_point, "critical,onlyuser:TRUE"},
        {NID_issuing_distribution_point, "critical,indirectCRL:TRUE"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        X509_CRL *crl = pki_crl_with(p.root, p.key, PKI_NOW_S, PKI_NOW_S + HOUR_S, &rows[i], 1);
        char *text = pki_crl_pem(crl);
        const char *crls[] = {text, NULL};
        struct load *l = load_certs(&p.root, 1, (struct conf_client){.depth_max = 3}, crls);
        assert_null(l->t);
        end(l);
        free(l);
        free(text);
        X509_CRL_free(crl);
    }
}

/* Of one CA's lists the later counts for both, whatever the earlier says. */
static void test_earlier_list(void **state)
{
    (void)state;
    X509_CRL *old =
        pki_crl(p.root, p.key, PKI_NOW_S - 2 * HOUR_S, PKI_NOW_S + 2 * HOUR_S, &c.direct, 1);
    char *text = pki_crl_pem(old);
    const char *crls[] = {text, c.root_good, NULL};
    struct load *l = load_certs(&p.root, 1, (struct conf_client){.depth_max = 3}, crls);
    assert_non_null(l->t);
    assert_int_equal(trust_judge(l->t, c.direct, NULL, NOW_MS, NULL, NULL), REASON_OK);
    int64_t expired_ms = NOW_MS + (HOUR_S + 1) * 1000; /* the later one; the earlier has not */
    assert_int_equal(trust_judge(l->t, c.direct, NULL, expired_ms, NULL, NULL), REASON_CRL_EXPIRED);
    end(l);
    free(l);
    free(text);
    X509_CRL_free(old);
}

/* The anchor answers for itself, and what is wrong besides lists is told first. */
static void test_beside_lists(void **state)
{
    (void)state;
    const int64_t later = PKI_NOW_S + 400 * PKI_DAY_S;
    char *both = crl_text(p.root, p.key, later, p.root);
    char *listed = crl_text(p.root, p.key, later, c.direct);
    const struct {
        const char *says;
        const char *crl;
        int64_t at_ms;
        enum reason reason;
    } rows[] = {
        {"the root lists itself", both, NOW_MS, REASON_OK},
        {"listed", listed, NOW_MS, REASON_CLIENT_CERT_REVOKED},
        {"listed, and it has expired", listed, NOW_MS + 31 * PKI_DAY_S * 1000,
         REASON_CLIENT_CERT_EXPIRED},
        {"listed, and it is not yet valid", listed, NOW_MS - 2 * PKI_DAY_S * 1000,
         REASON_CLIENT_CERT_NOT_YET_VALID},
        {"no list, and it has expired", c.middle_good, NOW_MS + 31 * PKI_DAY_S * 1000,
         REASON_CLIENT_CERT_EXPIRED},
    };
    X509 *bundle[] = {p.root, p.middle};
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *crls[] = {rows[i].crl, NULL};
        struct load *l = load_certs(bundle, 2, (struct conf_client){.depth_max = 3}, crls);
        CHECK_ROW(rows[i].says, l->t != NULL);
        enum reason r = trust_judge(l->t, c.direct, NULL, rows[i].at_ms, NULL, NULL);
        CHECK_STR(rows[i].says, str_of(reason_token(r)), str_of(reason_token(rows[i].reason)));
        end(l);
        free(l);
    }
    free(both);
    free(listed);
}

/* Asked again of a leaf that was accepted: its own dates, and the CRL of its issuer. */
static void test_ask_again(void **state)
{
    (void)state;
    const struct {
        const char *says;
        const char *crl; /* NULL: the policy names none */
        X509 *leaf;
        int64_t at_ms;
        bool insecure;
        enum reason reason;
    } rows[] = {
        {"withdrawn", c.middle_bad, c.leaf, NOW_MS, false, REASON_CLIENT_CERT_REVOKED},
        {"the CRL has expired", c.middle_good, c.leaf, NOW_MS + HOUR_S * 1000, false,
         REASON_CRL_EXPIRED},
        {"the CRL is another CA's", c.root_good, c.leaf, NOW_MS, false, REASON_CRL_MISSING},
        {"expired", NULL, c.leaf, NOW_MS + (30 * PKI_DAY_S + 1) * 1000, false,
         REASON_CLIENT_CERT_EXPIRED},
        {"not yet valid", NULL, c.leaf, NOW_MS - 2 * PKI_DAY_S * 1000, false,
         REASON_CLIENT_CERT_NOT_YET_VALID},
        {"good", NULL, c.leaf, NOW_MS, false, REASON_OK},
        {"its last second", NULL, c.leaf, NOW_MS + 30 * PKI_DAY_S * 1000 + 999, false, REASON_OK},
        {"good by its CRL", c.middle_good, c.leaf, NOW_MS, false, REASON_OK},
        {"good by an expired CRL that is allowed", c.middle_good, c.leaf, NOW_MS + HOUR_S * 1000,
         true, REASON_OK},
    };
    X509 *bundle[] = {p.root, p.middle};
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *crls[] = {rows[i].crl, NULL};
        struct conf_client policy = {.depth_max = 3, .insecure_expired_crl = rows[i].insecure};
        struct load *l = load_certs(bundle, 2, policy, crls);
        CHECK_ROW(rows[i].says, l->t != NULL);
        enum reason r = trust_ask_again(l->t, rows[i].leaf, NULL, rows[i].at_ms);
        CHECK_STR(rows[i].says, str_of(reason_token(r)), str_of(reason_token(rows[i].reason)));
        end(l);
        free(l);
    }
}

static int set_up(void **state)
{
    (void)state;
    clock_fake(1, NOW_MS);
    p.key = pki_key();
    p.root = pki_ca("Root", p.key);
    p.middle =
        pki_cert(&(struct pki_spec){.common_name = "Middle", .ca = true}, p.key, p.root, p.key);
    make_crls();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    drop_crls();
    X509_free(p.root);
    X509_free(p.middle);
    EVP_PKEY_free(p.key);
    clock_fake(-1, -1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crls),         cmocka_unit_test(test_entries),
        cmocka_unit_test(test_scope),        cmocka_unit_test(test_two_keys_of_one_name),
        cmocka_unit_test(test_unfit_lists),  cmocka_unit_test(test_earlier_list),
        cmocka_unit_test(test_beside_lists), cmocka_unit_test(test_ask_again),
    };
    int failed = 0;
    for (int own = 0; own < 2; own++) {
        own_lists = own == 1;
        failed += cmocka_run_group_tests_name(own_lists ? "own lists" : "OpenSSL's as well", tests,
                                              set_up, tear_down);
    }
    return failed;
}
