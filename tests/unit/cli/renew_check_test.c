/* What is taken in the place of a certificate, and what is not. */
#include <stdlib.h>
#include <string.h>

#include "cli/renew_check.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

#define NOW_MS (PKI_NOW_S * 1000)
#define END_S  (PKI_NOW_S + 5 * PKI_DAY_S) /* of the present one */

static EVP_PKEY *key;       /* of the new certificate */
static EVP_PKEY *other_key; /* of anybody */
static EVP_PKEY *root_key;
static EVP_PKEY *ca_key;
static X509 *root;
static X509 *ca;       /* below root */
static X509 *stranger; /* a CA of that name, with another key */

static const struct pki_entry alice[] = {
    {NID_organizationName, MBSTRING_UTF8, "Acme", 0, false},
    {NID_commonName, MBSTRING_UTF8, "alice", 0, false},
};
static const struct pki_entry alice_elsewhere[] = {
    {NID_commonName, V_ASN1_PRINTABLESTRING, "alice", 0, false},
    {NID_organizationName, MBSTRING_UTF8, "New Acme", 0, false},
};
static const struct pki_entry bob[] = {{NID_commonName, MBSTRING_UTF8, "bob", 0, false}};
static const struct pki_entry upper[] = {{NID_commonName, MBSTRING_UTF8, "Alice", 0, false}};
static const struct pki_entry longer[] = {{NID_commonName, MBSTRING_UTF8, "alice2", 0, false}};
static const struct pki_entry nul[] = {{NID_commonName, MBSTRING_UTF8, "alice\0x", 7, false}};
static const struct pki_entry nobody[] = {{NID_organizationName, MBSTRING_UTF8, "Acme", 0, false}};
static const struct pki_entry both[] = {{NID_commonName, MBSTRING_UTF8, "alice", 0, false},
                                        {NID_commonName, MBSTRING_UTF8, "bob", 0, false}};

static const struct pki_spec good = {
    .subject = alice, .subject_count = 2, .not_after_s = PKI_NOW_S + 30 * PKI_DAY_S};

/* What comes beside the leaf, and what is trusted. */
enum { LEAF = 1, CA = 2, ROOT = 4, AGAIN = 8, STRANGER = 16 };

static STACK_OF(X509) * stack(unsigned which, X509 *leaf)
{
    X509 *const all[] = {leaf, ca, root, leaf, stranger};
    STACK_OF(X509) *s = sk_X509_new_null();
    for (unsigned i = 0; i < ROWS(all); i++) {
        if ((which & 1U << i) != 0) {
            assert_int_equal(X509_up_ref(all[i]), 1);
            assert_true(sk_X509_push(s, all[i]) > 0);
        }
    }
    return s;
}

static const struct {
    const char *says;
    struct pki_spec spec;
    bool of_other_key; /* the certificate is for another key */
    bool by_stranger;
    unsigned came, anchors;
    const char *word; /* of the refusal; NULL: taken */
} rows[] = {
    {"nothing came", {0}, false, false, 0, CA, "none is for the key"},
    {"the CA alone came", {0}, false, false, CA, CA, "none is for the key"},
    {"for another key", {0}, true, false, LEAF | CA, CA, "none is for the key"},
    {"twice", {0}, false, false, LEAF | AGAIN | CA, CA, "two are for the key"},
    {"for bob", {.subject = bob, .subject_count = 1}, false, false, LEAF | CA, CA, "another user"},
    {"for bob as well",
     {.subject = both, .subject_count = 2},
     false,
     false,
     LEAF | CA,
     CA,
     "another user"},
    {"in other case",
     {.subject = upper, .subject_count = 1},
     false,
     false,
     LEAF,
     CA,
     "another user"},
    {"the name goes on",
     {.subject = longer, .subject_count = 1},
     false,
     false,
     LEAF,
     CA,
     "another user"},
    {"the name goes on behind a NUL",
     {.subject = nul, .subject_count = 1},
     false,
     false,
     LEAF,
     CA,
     "another user"},
    {"for nobody",
     {.subject = nobody, .subject_count = 1},
     false,
     false,
     LEAF | CA,
     CA,
     "another user"},
    {"by a CA that has the right name", {0}, false, true, LEAF, CA, "issuer"},
    {"by one that came, and nobody trusts", {0}, false, true, LEAF | STRANGER, CA, "self-signed"},
    {"nothing is trusted", {0}, false, false, LEAF | CA | ROOT, 0, "not"},
    {"the root is trusted, what stands between did not come", {0}, false, false, LEAF, ROOT, "not"},
    {"of a server", {.purpose = "serverAuth"}, false, false, LEAF | CA, CA, "purpose"},
    {"a CA", {.ca = true, .purpose = "serverAuth"}, false, false, LEAF | CA, CA, "purpose"},
    {"it has expired", {.not_after_s = PKI_NOW_S - 1}, false, false, LEAF | CA, CA, "expired"},
    {"it does not hold yet",
     {.not_before_s = PKI_NOW_S + 60},
     false,
     false,
     LEAF | CA,
     CA,
     "not yet valid"},
    {"it ends with the present one",
     {.not_after_s = END_S},
     false,
     false,
     LEAF | CA,
     CA,
     "no later"},
    {"it ends before it", {.not_after_s = END_S - 1}, false, false, LEAF | CA, CA, "no later"},

    {"it ends a second later", {.not_after_s = END_S + 1}, false, false, LEAF | CA, CA, NULL},
    {"the CA is trusted, and did not come", {0}, false, false, LEAF, CA, NULL},
    {"the root is trusted", {0}, false, false, LEAF | CA, ROOT, NULL},
    {"the root came, too", {0}, false, false, LEAF | CA | ROOT, ROOT, NULL},
    {"something else came, too", {0}, false, false, LEAF | CA | STRANGER, CA, NULL},
    {"the same common name, otherwise another subject",
     {.subject = alice_elsewhere, .subject_count = 2},
     false,
     false,
     LEAF | CA,
     CA,
     NULL},
    {"for any purpose", {.purpose = ""}, false, false, LEAF | CA, CA, NULL},
};

static X509 *leaf_of(size_t row)
{
    struct pki_spec s = rows[row].spec;
    if (s.subject == NULL) {
        s.subject = good.subject;
        s.subject_count = good.subject_count;
    }
    s.not_after_s = s.not_after_s != 0 ? s.not_after_s : good.not_after_s;
    return pki_cert(&s, rows[row].of_other_key ? other_key : key,
                    rows[row].by_stranger ? stranger : ca,
                    rows[row].by_stranger ? other_key : ca_key);
}

static void check_taken(const char *says, const struct renew_pair *old,
                        const struct renew_pair *new, const X509 *leaf, STACK_OF(X509) * came)
{
    CHECK_ROW(says, new->certificate == leaf &&new->key == key);
    CHECK_ROW(says, sk_X509_num(new->above) == sk_X509_num(came) - 1);
    CHECK_ROW(says, new->not_after_ms > old->not_after_ms &&new->not_before_ms > 0);
    CHECK_ROW(says, new->encrypted &&strcmp(new->passphrase, old->passphrase) == 0);
    for (int i = 0; i < sk_X509_num(new->above); i++) {
        CHECK_ROW(says, sk_X509_value(new->above, i) != leaf);
    }
}

static void test_rows(void **state)
{
    (void)state;
    struct renew_pair old = {.encrypted = true, .passphrase = "open", .not_after_ms = END_S * 1000};
    old.certificate = pki_cert(&good, other_key, ca, ca_key);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct err e = {0};
        struct renew_pair new;
        X509 *leaf = leaf_of(i);
        STACK_OF(X509) *came = stack(rows[i].came, leaf);
        STACK_OF(X509) *anchors = stack(rows[i].anchors, leaf);
        int rc = renew_check(&old, key, came, anchors, NOW_MS, &new, &e);
        CHECK_ROW(rows[i].says, rc == (rows[i].word != NULL ? -ERR_DENIED : 0));
        if (rc == 0) {
            check_taken(rows[i].says, &old, &new, leaf, came);
        } else {
            CHECK_ROW(e.text, strstr(e.text, rows[i].word) != NULL);
            CHECK_ROW(rows[i].says, new.certificate == NULL &&new.key == NULL);
        }
        renew_pair_fini(&new);
        sk_X509_pop_free(came, X509_free);
        sk_X509_pop_free(anchors, X509_free);
        X509_free(leaf);
    }
    X509_free(old.certificate);
}

static int set_up(void **state)
{
    const struct pki_spec below = {.common_name = "Issuing CA", .ca = true};
    (void)state;
    key = pki_key();
    other_key = pki_key();
    root_key = pki_key();
    ca_key = pki_key();
    root = pki_ca("Root", root_key);
    ca = pki_cert(&below, ca_key, root, root_key);
    stranger = pki_ca("Issuing CA", other_key);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    X509_free(root);
    X509_free(ca);
    X509_free(stranger);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(ca_key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
