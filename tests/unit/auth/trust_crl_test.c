/* The CRLs' part in the verdict on a chain: who is asked, how long they hold. */
#include <stdlib.h>

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
        cmocka_unit_test(test_crls),
        cmocka_unit_test(test_ask_again),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
