/* What a CA bundle and its CRLs must be, and what is said of those that are not. */
#include <stdlib.h>
#include <unistd.h>

#include "auth/trust.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/unit/auth/trust_lab.h"

#define NOW_MS (PKI_NOW_S * 1000)

static struct {
    EVP_PKEY *key;
    EVP_PKEY *stranger_key;
    X509 *root;
    X509 *stranger; /* the root's name, another key */
    X509 *middle;   /* under root */
    X509 *old_root; /* expired */
} p;

/* Texts for the files of a policy. */
static struct {
    char *root, *old_root, *leaf, *lonely, *key, *foreign_crl, *old_crl;
    char damaged[8192];
} f;

static char *no_text = NULL;
static char *empty_text = (char[]){""};
static char *damaged_text = f.damaged;

static const struct load_row {
    const char *says;
    char **ca;
    char **crl;
    const char *place; /* part of the finding */
    size_t errors, warnings;
} load_rows[] = {
    {"a root", &f.root, &no_text, "", 0, 0},
    {"no bundle", &no_text, &no_text, "listeners[0].client.ca: ", 1, 0},
    {"an empty file", &empty_text, &no_text, "no PEM certificate", 1, 0},
    {"a key", &f.key, &no_text, "no PEM certificate", 1, 0},
    {"a damaged certificate behind a good one", &damaged_text, &no_text, "certificate 2 is damaged",
     1, 0},
    {"a leaf", &f.leaf, &no_text, "\"CN=alice\" is not a CA", 1, 0},
    {"a self-signed leaf", &f.lonely, &no_text, "\"CN=lonely\" is not a CA", 1, 0},
    {"an expired root", &f.old_root, &no_text, "has expired", 0, 1},
    {"a CRL by another", &f.root, &f.foreign_crl, "listeners[0].client.crl: ", 1, 0},
    {"a CRL that is none", &f.root, &f.root, "not a CRL", 1, 0},
    {"an expired CRL", &f.root, &f.old_crl, "the CRL has expired", 0, 1},
};

static void make_texts(void)
{
    X509 *leaf = pki_leaf("alice", p.key, p.root, p.key);
    X509 *self_signed = pki_leaf("lonely", p.key, NULL, NULL);
    f.root = pki_cert_pem(p.root);
    f.old_root = pki_cert_pem(p.old_root);
    f.leaf = pki_cert_pem(leaf);
    f.lonely = pki_cert_pem(self_signed);
    f.key = pki_key_pem(p.key);
    f.foreign_crl = crl_text(p.old_root, p.key, PKI_NOW_S + HOUR_S, NULL);
    f.old_crl = crl_text(p.root, p.key, PKI_NOW_S - 60, NULL);
    (void)snprintf(f.damaged, sizeof(f.damaged), "%s%s", f.root, f.root);
    f.damaged[strlen(f.root) + 100] = '!';
    X509_free(leaf);
    X509_free(self_signed);
}

static void drop_texts(void)
{
    char *const texts[] = {f.root, f.old_root, f.leaf, f.lonely, f.key, f.foreign_crl, f.old_crl};
    for (size_t i = 0; i < ROWS(texts); i++) {
        free(texts[i]);
    }
}

static void check_load(const struct load_row *row)
{
    struct load l;
    struct buf out;
    const char *cas[] = {*row->ca, NULL};
    const char *crls[] = {*row->crl, NULL};
    load(&l, (struct conf_client){.depth_max = 3}, cas, crls);
    buf_init(&out, 65536);
    assert_int_equal(diags_render(l.diags, &out), 0);
    assert_int_equal(buf_append(&out, (struct str){"", 1}), 0);
    CHECK_ROW(row->says, (l.t != NULL) == (row->errors == 0));
    CHECK_ROW(row->says, diags_errors(l.diags) == row->errors);
    CHECK_ROW(row->says, diags_warnings(l.diags) == row->warnings);
    CHECK_ROW(row->says, strstr(buf_str(&out).p, row->place) != NULL);
    buf_release(&out);
    end(&l);
}

static void test_load(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(load_rows); i++) {
        check_load(&load_rows[i]);
    }
    struct load l;
    load(&l, (struct conf_client){.depth_max = 3}, NULL, NULL);
    l.texts[0].p = "/nonexistent/ca.crt";
    l.policy.ca.n = 1;
    assert_null(trust_load(&l.policy, own_lists, l.files, l.diags, "k"));
    end(&l);
}

static void test_names_and_id(void **state)
{
    (void)state;
    X509 *bundle[] = {p.root, p.middle, p.stranger, p.root};
    const struct conf_client policy = {.depth_max = 3};
    struct load *one = load_certs(bundle, 4, policy, NULL);
    struct load *same = load_certs(bundle, 4, policy, NULL);
    struct load *fewer = load_certs(bundle, 2, policy, NULL);
    struct load *deeper = load_certs(bundle, 4, (struct conf_client){.depth_max = 4}, NULL);
    char *crl = crl_text(p.root, p.key, PKI_NOW_S + HOUR_S, NULL);
    const char *crls[] = {crl, NULL};
    struct load *revoking = load_certs(bundle, 4, policy, crls);
    struct conf_client leaf_only = {.depth_max = 3, .crl_scope = CONF_CRL_SCOPE_LEAF};
    struct load *less = load_certs(bundle, 4, leaf_only, crls);
    struct conf_client late = {.depth_max = 3, .crl_grace_ms = 1};
    struct load *later = load_certs(bundle, 4, late, crls);
    assert_non_null(one->t);
    /* Root and stranger have one name, and the intermediate is no anchor. */
    assert_int_equal(sk_X509_NAME_num(trust_ca_names(one->t)), 1);
    assert_int_equal(trust_ca_expiry_s(one->t), PKI_NOW_S + 30 * PKI_DAY_S);
    assert_true(trust_crl_expiry_s(one->t) == INT64_MAX);
    assert_memory_equal(trust_id(one->t), trust_id(same->t), 32);
    assert_memory_not_equal(trust_id(one->t), trust_id(fewer->t), 32);
    assert_memory_not_equal(trust_id(one->t), trust_id(deeper->t), 32);
    assert_memory_not_equal(trust_id(one->t), trust_id(revoking->t), 32);
    assert_memory_not_equal(trust_id(less->t), trust_id(revoking->t), 32);
    assert_memory_not_equal(trust_id(later->t), trust_id(revoking->t), 32);
    struct trust_crl info;
    assert_true(trust_crl_at(revoking->t, 0, &info));
    assert_string_equal(info.issuer, "CN=Root");
    assert_int_equal(info.next_s, PKI_NOW_S + HOUR_S);
    assert_int_equal(info.entries, 0);
    assert_false(trust_crl_at(revoking->t, 1, &info));
    struct trust *again = trust_ref(one->t);
    trust_unref(again);
    assert_int_equal(sk_X509_NAME_num(trust_ca_names(one->t)), 1);
    trust_unref(NULL);
    free(crl);
    struct load *const loads[] = {one, same, fewer, deeper, revoking, less, later};
    for (size_t i = 0; i < ROWS(loads); i++) {
        end(loads[i]);
        free(loads[i]);
    }
}

/* A worker judges by what the master read: the lists themselves are not handed to it. */
static void test_handed_over(void **state)
{
    (void)state;
    struct load l;
    struct str text;
    int fd = -1;
    X509 *listed = pki_leaf("alice", p.key, p.root, p.key);
    char *root = pki_cert_pem(p.root);
    char *crl = crl_text(p.root, p.key, PKI_NOW_S + HOUR_S, listed);
    const char *cas[] = {root, NULL};
    const char *crls[] = {crl, NULL};
    load(&l, (struct conf_client){.depth_max = 3}, cas, crls);
    assert_int_equal(files_pack(l.files, &fd, NULL), 0);
    struct files *there = files_unpack(fd, NULL);
    assert_non_null(there);
    assert_int_equal(files_read(there, l.policy.crl.v[0].p, &text, NULL), -ERR_NOT_FOUND);
    struct trust *t = trust_load(&l.policy, own_lists, there, l.diags, "k");
    files_free(there);
    assert_non_null(t);
    assert_memory_equal(trust_id(t), trust_id(l.t), 32);
    assert_int_equal(trust_judge(t, listed, NULL, NOW_MS, NULL, NULL), REASON_CLIENT_CERT_REVOKED);
    assert_int_equal(trust_crl_expiry_s(t), PKI_NOW_S + HOUR_S);
    trust_unref(t);
    if (own_lists) {
        /* OpenSSL could not be asked by what was handed over: then nobody is. */
        there = files_unpack(fd, NULL);
        assert_null(trust_load(&l.policy, false, there, l.diags, "k"));
        files_free(there);
    }
    /* Another policy with the same list, but other CAs, has to read it for itself. */
    there = files_unpack(fd, NULL);
    l.policy.ca.v = l.policy.crl.v;
    assert_null(trust_load(&l.policy, own_lists, there, l.diags, "k"));
    files_free(there);
    assert_int_equal(close(fd), 0);
    end(&l);
    free(root);
    free(crl);
    X509_free(listed);
}

static void test_memory(void **state)
{
    (void)state;
    struct load l;
    char *root = pki_cert_pem(p.root);
    char *crl = crl_text(p.root, p.key, PKI_NOW_S + HOUR_S, NULL);
    const char *cas[] = {root, NULL};
    const char *crls[] = {crl, NULL};
    load(&l, (struct conf_client){.depth_max = 3}, cas, crls);
    for (unsigned long nth = 1; nth < 24; nth++) {
        struct files *files = files_new();
        mem_fail_after(nth, false);
        struct trust *t = trust_load(&l.policy, own_lists, files, l.diags, "k");
        bool failed = mem_allocations() >= nth;
        mem_fail_after(0, false);
        assert_true((t != NULL) != failed);
        trust_unref(t);
        files_free(files);
    }
    end(&l);
    free(root);
    free(crl);
}

static int set_up(void **state)
{
    (void)state;
    clock_fake(1, NOW_MS);
    p.key = pki_key();
    p.stranger_key = pki_key();
    p.root = pki_ca("Root", p.key);
    p.stranger = pki_ca("Root", p.stranger_key);
    p.middle =
        pki_cert(&(struct pki_spec){.common_name = "Middle", .ca = true}, p.key, p.root, p.key);
    p.old_root = pki_cert(&(struct pki_spec){.common_name = "Old root",
                                             .ca = true,
                                             .not_before_s = PKI_NOW_S - 100,
                                             .not_after_s = PKI_NOW_S - 50},
                          p.key, NULL, NULL);
    make_texts();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    drop_texts();
    X509_free(p.root);
    X509_free(p.stranger);
    X509_free(p.middle);
    X509_free(p.old_root);
    EVP_PKEY_free(p.key);
    EVP_PKEY_free(p.stranger_key);
    clock_fake(-1, -1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_names_and_id),
        cmocka_unit_test(test_handed_over),
        cmocka_unit_test(test_memory),
    };
    int failed = 0;
    for (int own = 0; own < 2; own++) {
        own_lists = own == 1;
        failed += cmocka_run_group_tests_name(own_lists ? "own lists" : "OpenSSL's as well", tests,
                                              set_up, tear_down);
    }
    return failed;
}
