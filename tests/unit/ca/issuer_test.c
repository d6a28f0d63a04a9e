/* Which certificates may be those of a CA: what must be refused first. */
#include <openssl/x509v3.h>

#include "ca/issuer.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

#define DAYS(n) (PKI_NOW_S + (n)*PKI_DAY_S)

/* A root with an issuing CA below it; what is not said is as it should be. */
struct row {
    const char *sentence;
    enum issuer_use use;
    struct pki_spec issuing;
    struct pki_spec root;
    unsigned rsa_bits;  /* of the issuing CA's key; 0: P-256 */
    const char *digest; /* of the issuing CA's certificate; NULL: SHA-256 */
    const char *words;  /* NULL: taken */
    bool alone;         /* without its root */
    bool other_key;     /* the key is another */
    bool other_root;    /* the root is another of the same name */
};

static const struct pki_extension unknown[] = {{NID_netscape_comment, "critical,DER:0500"}};

static const struct row rows[] = {
    {.sentence = "a client's certificate",
     .issuing = {.basic = "critical,CA:FALSE", .usage = "digitalSignature"},
     .words = "does not say CA:TRUE"},
    {.sentence = "a certificate that says nothing", .issuing = {.basic = ""}, .words = "CA:TRUE"},
    {.sentence = "extensions that are not known",
     .issuing = {.ca = true,
                 .basic = "critical,CA:TRUE,pathlen:0",
                 .extensions = unknown,
                 .extension_count = 1},
     .words = "critical extension"},
    {.sentence = "no keyUsage", .issuing = {.usage = ""}, .words = "has no keyUsage"},
    {.sentence = "no cRLSign", .issuing = {.usage = "keyCertSign"}, .words = "cRLSign"},
    {.sentence = "no keyCertSign", .issuing = {.usage = "cRLSign"}, .words = "keyCertSign"},
    {.sentence = "no cRLSign, in an old one",
     .use = ISSUER_TAKEN,
     .issuing = {.usage = "keyCertSign"},
     .words = "cRLSign"},
    {.sentence = "any number of CAs below",
     .issuing = {.basic = "critical,CA:TRUE"},
     .words = "pathlen:0"},
    {.sentence = "a CA below",
     .issuing = {.basic = "critical,CA:TRUE,pathlen:1"},
     .words = "pathlen:0"},
    {.sentence = "RSA of 1024 bits", .rsa_bits = 1024, .words = "too weak"},
    {.sentence = "SHA-1", .digest = "SHA1", .words = "SHA-1"},
    {.sentence = "SHA-1, in an old one", .use = ISSUER_TAKEN, .digest = "SHA1", .words = "SHA-1"},
    {.sentence = "expired",
     .issuing = {.not_before_s = DAYS(-9), .not_after_s = DAYS(0)},
     .words = "it has expired"},
    {.sentence = "not good yet", .issuing = {.not_before_s = DAYS(1)}, .words = "not good yet"},
    {.sentence = "another's key", .other_key = true, .words = "does not belong to this key"},
    {.sentence = "no root", .alone = true, .words = "without the root"},
    {.sentence = "another root of that name", .other_root = true, .words = "not signed by the one"},
    {.sentence = "a root for no CA below",
     .root = {.basic = "critical,CA:TRUE,pathlen:0"},
     .words = "may have no such CA below"},
    {.sentence = "a root that is none",
     .root = {.basic = "critical,CA:FALSE"},
     .words = "may have no such CA below"},
    {.sentence = "a root that has expired",
     .root = {.not_before_s = DAYS(-9), .not_after_s = DAYS(-1)},
     .words = "issuer that is not in its time"},
    {.sentence = "good for longer than the root",
     .issuing = {.not_after_s = DAYS(41)},
     .words = "longer than its issuer"},
    {.sentence = "good before the root",
     .issuing = {.not_before_s = DAYS(-21)},
     .words = "good before its issuer"},
    {.sentence = "as it should be", .words = NULL},
    {.sentence = "as it should be, RSA", .rsa_bits = 2048, .words = NULL},
    {.sentence = "no keyUsage, in an old one",
     .use = ISSUER_TAKEN,
     .issuing = {.usage = "", .basic = "CA:TRUE"},
     .words = NULL},
    {.sentence = "an old one alone", .use = ISSUER_TAKEN, .alone = true, .words = NULL},
};

static X509 *make_root(const struct row *r, EVP_PKEY *key)
{
    struct pki_spec s = r->root;
    s.ca = true;
    s.common_name = "Root";
    s.basic = s.basic != NULL ? s.basic : "critical,CA:TRUE,pathlen:1";
    s.not_before_s = s.not_before_s != 0 ? s.not_before_s : DAYS(-20);
    s.not_after_s = s.not_after_s != 0 ? s.not_after_s : DAYS(40);
    return pki_cert(&s, key, NULL, NULL);
}

static X509 *make_issuing(const struct row *r, EVP_PKEY *key, X509 *root, EVP_PKEY *root_key)
{
    struct pki_spec s = r->issuing;
    s.ca = true;
    s.common_name = "Issuing";
    s.basic = s.basic != NULL ? s.basic : "critical,CA:TRUE,pathlen:0";
    X509 *x = pki_cert(&s, key, root, root_key);
    if (r->digest != NULL) {
        assert_true(X509_sign(x, root_key, EVP_get_digestbyname(r->digest)) > 0);
    }
    return x;
}

static void check_one(const struct row *r)
{
    EVP_PKEY *root_key = pki_key();
    EVP_PKEY *other = pki_key();
    EVP_PKEY *key = r->rsa_bits > 0 ? pki_rsa_key(r->rsa_bits) : pki_key();
    X509 *root = make_root(r, root_key);
    X509 *x = make_issuing(r, key, root, root_key);
    X509 *second = make_root(r, other);
    STACK_OF(X509) *above = sk_X509_new_null();
    struct err e = {0};
    if (!r->alone) {
        assert_true(sk_X509_push(above, r->other_root ? second : root) > 0);
    }
    int rc = issuer_check(r->use, x, above, r->other_key ? other : key, PKI_NOW_S, &e);
    if (rc != (r->words != NULL ? -ERR_DENIED : 0) ||
        (r->words != NULL && strstr(e.text, r->words) == NULL)) {
        fail_msg("%s: %d %s", r->sentence, rc, e.text);
    }
    sk_X509_free(above);
    X509_free(root);
    X509_free(second);
    X509_free(x);
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        check_one(&rows[i]);
    }
}

static void test_root(void **state)
{
    static const struct row roots[] = {
        {.sentence = "no room below",
         .root = {.basic = "critical,CA:TRUE,pathlen:0"},
         .words = "no CA below it"},
        {.sentence = "as it should be"},
        {.sentence = "as openssl req -x509 makes it", .root = {.basic = "CA:TRUE", .usage = ""}},
    };
    (void)state;
    EVP_PKEY *key = pki_key();
    for (size_t i = 0; i < ROWS(roots); i++) {
        struct err e = {0};
        X509 *root = make_root(&roots[i], key);
        int rc = issuer_check(ISSUER_ROOT, root, NULL, key, PKI_NOW_S, &e);
        CHECK_ROW(roots[i].sentence, rc == (roots[i].words != NULL ? -ERR_DENIED : 0));
        CHECK_ROW(roots[i].sentence, roots[i].words == NULL || strstr(e.text, roots[i].words));
        X509_free(root);
    }
    X509 *root = make_root(&roots[1], key);
    X509 *below = make_issuing(&rows[ROWS(rows) - 2], key, root, key);
    struct err e = {0};
    assert_int_equal(issuer_check(ISSUER_ROOT, below, NULL, key, PKI_NOW_S, &e), -ERR_DENIED);
    assert_non_null(strstr(e.text, "not signed by itself"));
    X509_free(root);
    X509_free(below);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_root)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
