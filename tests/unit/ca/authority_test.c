/* Making a CA: what is refused, what its certificate says, and what is left on the disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "auth/revoke/asn1time.h"
#include "ca/authority.h"
#include "ca/issuer.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/tmpdir.h"

#define NOW_MS (PKI_NOW_S * 1000)
#define NAME65 "0123456789012345678901234567890123456789012345678901234567890123x"

static EVP_PKEY *root_key;
static EVP_PKEY *key;
static EVP_PKEY *other_key;

static void keys(void **state)
{
    static const struct {
        const char *kind;
        const char *type; /* NULL: refused */
        int bits;
    } rows[] = {
        {"", NULL, 0},
        {"p224", NULL, 0},
        {"P256", NULL, 0},
        {"p256 ", NULL, 0},
        {"p2567", NULL, 0},
        {"rsa", NULL, 0},
        {"rsa1024", NULL, 0},
        {"ed448", NULL, 0},
        {"dsa", NULL, 0},
        {"p256", "EC", 256},
        {"p384", "EC", 384},
        {"ed25519", "ED25519", 0},
        {"rsa2048", "RSA", 2048},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct err e = {0};
        EVP_PKEY *k = other_key; /* must be set */
        int rc = authority_key(str_of(rows[i].kind), &k, &e);
        CHECK_ROW(rows[i].kind, rc == (rows[i].type != NULL ? 0 : -ERR_UNSUPPORTED));
        CHECK_ROW(rows[i].kind, (k != NULL) == (rc == 0));
        CHECK_ROW(rows[i].kind, rc != 0 || EVP_PKEY_is_a(k, rows[i].type));
        CHECK_ROW(rows[i].kind, rows[i].bits == 0 || EVP_PKEY_get_bits(k) == rows[i].bits);
        CHECK_ROW(rows[i].kind, rc == 0 || strstr(e.text, "p256, p384") != NULL);
        EVP_PKEY_free(k);
    }
}

static const struct authority_wish good = {
    .name = {"Issuing CA", 10}, .company = {"Acme", 4}, .life_days = 10, .now_ms = NOW_MS};

static const struct {
    const char *says;
    struct pki_spec above;
    bool others_key; /* the key that shall sign is not of the one above */
    const char *name;
    int path_length;
    int rc;
    const char *word;
} unfit[] = {
    {"another key than that of the CA above",
     {.ca = true},
     true,
     NULL,
     0,
     -ERR_DENIED,
     "not the key"},
    {"the one above is no CA", {.ca = false}, false, NULL, 0, -ERR_DENIED, "no such CA"},
    {"it may have none below",
     {.basic = "critical,CA:TRUE,pathlen:0", .ca = true},
     false,
     NULL,
     0,
     -ERR_DENIED,
     "no such CA"},
    {"it may have one below, which has none",
     {.basic = "critical,CA:TRUE,pathlen:1", .ca = true},
     false,
     NULL,
     1,
     -ERR_DENIED,
     "no such CA"},
    {"it has expired", {.ca = true, .not_after_s = PKI_NOW_S - 1}, false, NULL, 0, -ERR_DENIED, ""},
    {"it is not good yet",
     {.ca = true, .not_before_s = PKI_NOW_S + 60},
     false,
     NULL,
     0,
     -ERR_DENIED,
     ""},
    {"no name", {.ca = true}, false, "", 0, -ERR_CRYPTO, "of this name"},
    {"a name of 65 letters", {.ca = true}, false, NAME65, 0, -ERR_CRYPTO, "of this name"},
    {"a name that is no UTF-8", {.ca = true}, false, "\xff\xfe", 0, -ERR_CRYPTO, "of this name"},
};

static void certificates_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(unfit); i++) {
        struct err e = {0};
        struct pki_spec spec = unfit[i].above;
        spec.common_name = "Root";
        X509 *above = pki_cert(&spec, root_key, NULL, NULL);
        X509 *x = above; /* must be set */
        struct authority_wish w = good;
        w.path_length = unfit[i].path_length;
        w.name = unfit[i].name != NULL ? str_of(unfit[i].name) : w.name;
        int rc = authority_certificate(&w, key, above, unfit[i].others_key ? other_key : root_key,
                                       &x, &e);
        CHECK_ROW(unfit[i].says, rc == unfit[i].rc && x == NULL);
        CHECK_ROW(e.text, e.text[0] != '\0' && strstr(e.text, unfit[i].word) != NULL);
        X509_free(above);
    }
}

static int64_t end_of(const X509 *x)
{
    int64_t s = 0;
    assert_true(asn1time_seconds(X509_get0_notAfter(x), &s));
    return s;
}

/* A root and one below it, of all kinds of keys: as the CA asks of one that it is given. */
static void certificates(void **state)
{
    static const char *const kinds[] = {"p256", "p384", "ed25519", "rsa2048"};
    (void)state;
    for (size_t i = 0; i < ROWS(kinds); i++) {
        struct err e = {0};
        EVP_PKEY *top = NULL;
        X509 *root = NULL;
        X509 *ca = NULL;
        X509 *again = NULL;
        struct authority_wish w = good;
        assert_int_equal(authority_key(str_of(kinds[i]), &top, &e), 0);
        w.name = STR("Root");
        w.path_length = 1;
        CHECK_ROW(kinds[i], authority_certificate(&w, top, NULL, NULL, &root, &e) == 0);
        w = good;
        w.life_days = 3650; /* cut to the root's */
        CHECK_ROW(kinds[i], authority_certificate(&w, key, root, top, &ca, &e) == 0);
        CHECK_ROW(kinds[i], authority_certificate(&w, key, root, top, &again, &e) == 0);
        STACK_OF(X509) *above = sk_X509_new_null();
        assert_true(sk_X509_push(above, root) > 0);
        CHECK_ROW(kinds[i], issuer_check(ISSUER_ROOT, root, NULL, top, PKI_NOW_S, &e) == 0);
        CHECK_ROW(kinds[i], issuer_check(ISSUER_NEW, ca, above, key, PKI_NOW_S, &e) == 0);
        CHECK_ROW(kinds[i], end_of(root) == PKI_NOW_S + 10 * PKI_DAY_S);
        CHECK_ROW(kinds[i], end_of(ca) == end_of(root));
        CHECK_ROW(kinds[i], X509_get_pathlen(ca) == 0 && X509_get_pathlen(root) == 1);
        CHECK_ROW(kinds[i], X509_get_key_usage(ca) == (KU_KEY_CERT_SIGN | KU_CRL_SIGN));
        CHECK_ROW(kinds[i],
                  ASN1_INTEGER_cmp(X509_get0_serialNumber(ca), X509_get0_serialNumber(again)) != 0);
        sk_X509_free(above);
        X509_free(root);
        X509_free(ca);
        X509_free(again);
        EVP_PKEY_free(top);
    }
}

static void requests(void **state)
{
    struct err e = {0};
    X509_REQ *r = NULL;
    (void)state;
    assert_int_equal(authority_request(STR(""), STR("Acme"), key, &r, &e), -ERR_CRYPTO);
    assert_null(r);
    assert_int_equal(authority_request(STR(NAME65), STR("Acme"), key, &r, &e), -ERR_CRYPTO);
    assert_null(r);
    assert_int_equal(authority_request(STR("Issuing CA"), STR("Acme"), key, &r, &e), 0);
    assert_int_equal(X509_REQ_verify(r, key), 1);
    assert_int_equal(X509_REQ_get_version(r), X509_REQ_VERSION_1);
    STACK_OF(X509_EXTENSION) *wanted = X509_REQ_get_extensions(r);
    assert_int_equal(sk_X509_EXTENSION_num(wanted), 2);
    int at = X509v3_get_ext_by_NID(wanted, NID_basic_constraints, -1);
    BASIC_CONSTRAINTS *basic = X509V3_EXT_d2i(sk_X509_EXTENSION_value(wanted, at));
    assert_true(basic != NULL && basic->ca && ASN1_INTEGER_get(basic->pathlen) == 0);
    BASIC_CONSTRAINTS_free(basic);
    sk_X509_EXTENSION_pop_free(wanted, X509_EXTENSION_free);
    X509_REQ_free(r);
}

struct files {
    X509 *x;
    X509_REQ *r;
};

static int write_key(const char *path, const struct files *f, struct err *e)
{
    (void)f;
    return authority_write_key(path, key, STR("open"), e);
}

static int write_plain_key(const char *path, const struct files *f, struct err *e)
{
    (void)f;
    return authority_write_key(path, key, STR_NONE, e);
}

static int write_certificates(const char *path, const struct files *f, struct err *e)
{
    X509 *const both[] = {f->x, f->x};
    return authority_write_certificates(path, both, 2, e);
}

static int write_request(const char *path, const struct files *f, struct err *e)
{
    return authority_write_request(path, f->r, e);
}

static EVP_PKEY *read_key(const char *text, const char *passphrase)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    char word[32];
    (void)snprintf(word, sizeof(word), "%s", passphrase);
    EVP_PKEY *k = PEM_read_bio_PrivateKey(bio, NULL, NULL, word);
    BIO_free(bio);
    return k;
}

static void check_key(const char *says, const char *text, bool encrypted)
{
    CHECK_ROW(says, (strstr(text, "ENCRYPTED") != NULL) == encrypted);
    EVP_PKEY *wrong = read_key(text, "Open");
    EVP_PKEY *right = read_key(text, "open");
    CHECK_ROW(says, (wrong == NULL) == encrypted);
    CHECK_ROW(says, right != NULL && EVP_PKEY_eq(right, key) == 1);
    EVP_PKEY_free(wrong);
    EVP_PKEY_free(right);
}

/* What is there stays, whatever it is; what is written is whole, and a key nobody else's to read,
 * whatever the mask. */
static void files(void **state)
{
    static const struct {
        const char *says;
        int (*write)(const char *path, const struct files *f, struct err *e);
        mode_t mode;
        const char *word;
    } rows[] = {
        {"a key", write_key, 0600, "BEGIN ENCRYPTED PRIVATE KEY"},
        {"a plain key", write_plain_key, 0600, "BEGIN PRIVATE KEY"},
        {"certificates", write_certificates, 0644, "BEGIN CERTIFICATE"},
        {"a request", write_request, 0644, "BEGIN CERTIFICATE REQUEST"},
    };
    static const struct {
        const char *name;
        int rc;
    } refused[] = {{"there", -ERR_EXISTS},
                   {"link", -ERR_EXISTS},
                   {"directory", -ERR_EXISTS},
                   {"none/file", -ERR_IO},
                   {"there/file", -ERR_IO}};
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    struct files f = {.x = pki_ca("CA", root_key)};
    struct err e = {0};
    (void)state;
    assert_int_equal(authority_request(STR("CA"), STR_NONE, key, &f.r, &e), 0);
    tmpdir_make(&dir);
    tmpdir_write(&dir, "there", "mine", 4);
    assert_int_equal(symlink("target", tmpdir_path(&dir, "link", path)), 0);
    assert_int_equal(mkdir(tmpdir_path(&dir, "directory", path), 0755), 0);
    mode_t mask = umask(0);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct stat st;
        char name[8];
        for (size_t k = 0; k < ROWS(refused); k++) {
            (void)tmpdir_path(&dir, refused[k].name, path);
            CHECK_ROW(rows[i].says, rows[i].write(path, &f, &e) == refused[k].rc);
        }
        CHECK_ROW(rows[i].says, stat(tmpdir_path(&dir, "target", path), &st) != 0);
        (void)snprintf(name, sizeof(name), "new%zu", i);
        CHECK_ROW(rows[i].says, rows[i].write(tmpdir_path(&dir, name, path), &f, &e) == 0);
        CHECK_ROW(rows[i].says, stat(path, &st) == 0 && (st.st_mode & 0777) == rows[i].mode);
        char *text = tmpdir_read(&dir, name, NULL);
        CHECK_ROW(rows[i].says, strstr(text, rows[i].word) != NULL);
        if (i < 2) {
            check_key(rows[i].says, text, i == 0);
        }
        free(text);
    }
    (void)umask(mask);
    char *text = tmpdir_read(&dir, "there", NULL);
    assert_string_equal(text, "mine");
    free(text);
    X509_free(f.x);
    X509_REQ_free(f.r);
    tmpdir_remove(&dir);
}

static int set_up(void **state)
{
    (void)state;
    root_key = pki_key();
    key = pki_key();
    other_key = pki_key();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    EVP_PKEY_free(root_key);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),         cmocka_unit_test(certificates_refused),
        cmocka_unit_test(certificates), cmocka_unit_test(requests),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
