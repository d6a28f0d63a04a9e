/* EST (RFC 7030): who is refused, what waits, and what comes back. The fields of a request are
 * those of a table here, in place of those of the server of http.h. */
#include "ca/est.h"

#include <string.h>

#include <openssl/pkcs7.h>

#include "tests/unit/ca/ca_lab.h"

#define HASH "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="

static const struct str groups[] = {{"operators", 9}};
static const struct request_operator operators[] = {
    {{{"op1@example.com", 15}, {"192.0.2.7", 9}}, groups, 1},
    {{{"op2@example.com", 15}, {"192.0.2.8", 9}}, groups, 1},
};

/* What the proxy says of the one who asks. */
static const char *asks;
static char shown[65]; /* fingerprint of the certificate; empty: none */

struct str http_field(const struct http_request *r, const char *name)
{
    (void)r;
    if (strcmp(name, "X-User") == 0) {
        return asks != NULL ? str_of(asks) : STR_NONE;
    }
    return strcmp(name, "X-Fingerprint") == 0 && shown[0] != '\0' ? str_of(shown) : STR_NONE;
}

struct str http_query(const struct http_request *r, const char *name)
{
    (void)r;
    (void)name;
    return STR_NONE;
}

void http_reply_field(struct http_reply *r, const char *name, const char *value)
{
    struct http_pair *p = &r->fields[r->field_count++];
    assert_true(r->field_count <= HTTP_FIELDS);
    p->name = name;
    (void)snprintf(p->value, sizeof(p->value), "%s", value);
}

struct lab {
    struct ca_lab ca;
    struct service service;
    char *csr; /* alice's */
};

static void est_open(struct lab *l)
{
    static const char text[] = ALICE ":" HASH "\nbob:" HASH "\n";
    static const struct conf_identity rule = {.fold_domain = true};
    char path[TMPDIR_PATH_MAX];
    struct lab_request wish = {.subject = lab_subject, .subject_count = 2};
    lab_open(&l->ca);
    tmpdir_write(&l->ca.dir, "users", text, sizeof(text) - 1);
    const struct conf_users conf = {.htpasswd = {.p = tmpdir_path(&l->ca.dir, "users", path)}};
    assert_int_equal(people_open(&conf, &rule, &l->ca.life.people, NULL), 0);
    l->service = (struct service){
        .life = l->ca.life, .user_field = "X-User", .fingerprint_field = "X-Fingerprint"};
    X509_REQ *req = lab_req(&wish);
    l->csr = lab_pem(req, false);
    X509_REQ_free(req);
    asks = ALICE;
    shown[0] = '\0';
}

static void est_close(struct lab *l)
{
    people_close(l->ca.life.people);
    free(l->csr);
    lab_close(&l->ca);
}

struct answer {
    int rc;
    struct err err;
    struct http_reply reply;
};

static struct answer ask(struct lab *l, const char *method, const char *path, const char *body)
{
    struct answer a = {.rc = 0};
    const struct http_request r = {
        .method = str_of(method), .path = str_of(path), .body = str_of(body)};
    buf_init(&a.reply.body, HTTP_BODY_MAX);
    struct call c = {.service = &l->service, .request = &r, .reply = &a.reply};
    a.rc = est_call(&c, str_of(path));
    a.err = c.err;
    call_end(&c);
    return a;
}

static void drop(struct answer *a)
{
    buf_release(&a->reply.body);
}

static int take_count(void *arg, const struct db_row *row)
{
    *(int64_t *)arg = db_number(row, 0);
    return 0;
}

static int64_t requests_of(const struct lab *l)
{
    int64_t n = -1;
    assert_int_equal(db_query(l->ca.life.db, "SELECT count(*) FROM request",
                              ((struct db_values){NULL, 0}), take_count, &n, NULL),
                     0);
    return n;
}

static const char *field_of(const struct answer *a, const char *name)
{
    for (size_t i = 0; i < a->reply.field_count; i++) {
        if (strcmp(a->reply.fields[i].name, name) == 0) {
            return a->reply.fields[i].value;
        }
    }
    return "";
}

static void refused(void **state)
{
    static const char of_nobody[] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    static const struct {
        const char *says;
        const char *method, *path;
        const char *who, *shown;
        const char *body; /* NULL: alice's request */
        int rc;
        unsigned status; /* where rc is 0 */
    } rows[] = {
        {"nothing at all", "GET", "", ALICE, "", "", -ERR_NOT_FOUND, 0},
        {"another operation", "GET", "serverkeygen", ALICE, "", "", -ERR_NOT_FOUND, 0},
        {"two labels", "GET", "a/b/cacerts", ALICE, "", "", -ERR_NOT_FOUND, 0},
        {"something behind it", "GET", "cacerts/x", ALICE, "", "", -ERR_NOT_FOUND, 0},
        {"cacerts is got", "POST", "cacerts", ALICE, "", "", 0, 405},
        {"csrattrs is got", "PUT", "auto/csrattrs", ALICE, "", "", 0, 405},
        {"simpleenroll is posted", "GET", "simpleenroll", ALICE, "", "", 0, 405},
        {"simplereenroll is posted", "DELETE", "auto/simplereenroll", ALICE, "", "", 0, 405},
        {"the proxy names nobody", "POST", "auto/simpleenroll", NULL, "", NULL, -ERR_DENIED, 0},
        {"it names an empty one", "POST", "auto/simpleenroll", "", "", NULL, -ERR_DENIED, 0},
        {"half an octet in the name", "POST", "auto/simpleenroll", "alice%4", "", NULL, -ERR_DENIED,
         0},
        {"no such account", "POST", "auto/simpleenroll", "eve@example.com", "", NULL, -ERR_DENIED,
         0},
        {"another user's name in the request", "POST", "auto/simpleenroll", "bob", "", NULL,
         -ERR_DENIED, 0},
        {"no such label", "POST", "nothing/simpleenroll", ALICE, "", NULL, -ERR_MALFORMED, 0},
        {"no label where there are two", "POST", "simpleenroll", ALICE, "", NULL, -ERR_MALFORMED,
         0},
        {"no request", "POST", "auto/simpleenroll", ALICE, "", "", -ERR_MALFORMED, 0},
        {"no base64", "POST", "auto/simpleenroll", ALICE, "", "!", -ERR_MALFORMED, 0},
        {"base64 of something else", "POST", "auto/simpleenroll", ALICE, "",
         "aGVsbG8=", -ERR_MALFORMED, 0},
        {"again, by password alone", "POST", "auto/simplereenroll", ALICE, "", NULL, -ERR_DENIED,
         0},
        {"again, with a fingerprint that is none", "POST", "auto/simplereenroll", ALICE, "00", NULL,
         -ERR_DENIED, 0},
        {"again, with a certificate of another CA", "POST", "auto/simplereenroll", ALICE, of_nobody,
         NULL, -ERR_NOT_FOUND, 0},
    };
    (void)state;
    struct lab l;
    est_open(&l);
    for (size_t i = 0; i < ROWS(rows); i++) {
        asks = rows[i].who;
        (void)snprintf(shown, sizeof(shown), "%s", rows[i].shown);
        struct answer a =
            ask(&l, rows[i].method, rows[i].path, rows[i].body != NULL ? rows[i].body : l.csr);
        CHECK_ROW(rows[i].says, a.rc == rows[i].rc);
        CHECK_ROW(rows[i].says, a.rc != 0 || a.reply.status == rows[i].status);
        CHECK_ROW(rows[i].says, a.rc == 0 || a.err.text[0] != '\0');
        CHECK_ROW(rows[i].says, a.reply.type == NULL || a.reply.status >= 400);
        drop(&a);
    }
    assert_int_equal(requests_of(&l), 0);
    est_close(&l);
}

/* The certificates in an answer; sk_X509_pop_free(). */
static STACK_OF(X509) * certificates_of(const char *says, const struct answer *a)
{
    struct str s = buf_str(&a->reply.body);
    CHECK_ROW(says, a->rc == 0 && a->reply.status == 200);
    CHECK_STR(says, str_of(a->reply.type), STR("application/pkcs7-mime; smime-type=certs-only"));
    CHECK_STR(says, str_of(field_of(a, "Content-Transfer-Encoding")), STR("base64"));
    BIO *memory = BIO_new_mem_buf(s.p, (int)s.n);
    BIO *base64 = BIO_push(BIO_new(BIO_f_base64()), memory);
    PKCS7 *p = d2i_PKCS7_bio(base64, NULL);
    CHECK_ROW(says, p != NULL && PKCS7_type_is_signed(p));
    CHECK_ROW(says, sk_PKCS7_SIGNER_INFO_num(p->d.sign->signer_info) <= 0);
    STACK_OF(X509) *all = X509_chain_up_ref(p->d.sign->cert);
    PKCS7_free(p);
    BIO_free_all(base64);
    return all;
}

static void for_everybody(void **state)
{
    static const char *const labels[] = {"", "auto/", "nothing/"};
    (void)state;
    struct lab l;
    est_open(&l);
    asks = NULL;
    for (size_t i = 0; i < ROWS(labels); i++) {
        char path[32];
        (void)snprintf(path, sizeof(path), "%scacerts", labels[i]);
        struct answer a = ask(&l, "GET", path, "");
        STACK_OF(X509) *all = certificates_of(path, &a);
        CHECK_ROW(path, sk_X509_num(all) == 1);
        CHECK_ROW(path, X509_cmp(sk_X509_value(all, 0), l.ca.key.certificate) == 0);
        sk_X509_pop_free(all, X509_free);
        drop(&a);
        (void)snprintf(path, sizeof(path), "%scsrattrs", labels[i]);
        a = ask(&l, "GET", path, "");
        CHECK_ROW(path, a.rc == 0 && a.reply.status == 204 && buf_len(&a.reply.body) == 0);
        drop(&a);
    }
    est_close(&l);
}

static int take_id(void *arg, const struct db_row *row)
{
    struct life_id *id = arg;
    (void)snprintf(id->text, sizeof(id->text), "%.*s", STR_ARG(db_octets(row, 0)));
    return 0;
}

static struct life_id id_of(const struct lab *l)
{
    struct life_id id = {""};
    assert_int_equal(db_query(l->ca.life.db, "SELECT id FROM request",
                              ((struct db_values){NULL, 0}), take_id, &id, NULL),
                     0);
    return id;
}

static void check_waits(const char *says, struct lab *l)
{
    struct answer a = ask(l, "POST", "client/simpleenroll", l->csr);
    CHECK_ROW(says, a.rc == 0 && a.reply.status == 202);
    CHECK_STR(says, str_of(field_of(&a, "Retry-After")), STR("60"));
    CHECK_ROW(says, buf_len(&a.reply.body) == 0);
    drop(&a);
    CHECK_ROW(says, requests_of(l) == 1); /* asked again, it is the same */
}

static void waits_for_operators(void **state)
{
    (void)state;
    for (int yes = 0; yes < 2; yes++) {
        struct lab l;
        est_open(&l);
        check_waits("filed", &l);
        check_waits("nobody has looked", &l);
        struct life_id id = id_of(&l);
        if (yes == 0) {
            assert_int_equal(
                request_deny(&l.ca.life, &operators[0], str_of(id.text), STR("not today"), NULL),
                0);
        } else {
            assert_int_equal(request_approve(&l.ca.life, &operators[0], str_of(id.text), NULL), 0);
            check_waits("one has agreed", &l);
            assert_int_equal(request_approve(&l.ca.life, &operators[1], str_of(id.text), NULL), 0);
            check_waits("it is not signed yet", &l);
            assert_int_equal(issue(&l.ca.life, str_of(id.text), NULL), 0);
        }
        struct answer a = ask(&l, "POST", "client/simpleenroll", l.csr);
        if (yes == 0) {
            assert_int_equal(a.rc, -ERR_DENIED);
            assert_non_null(strstr(a.err.text, "not today"));
        } else {
            STACK_OF(X509) *all = certificates_of("both have", &a);
            assert_int_equal(sk_X509_num(all), 2); /* and the CA's */
            sk_X509_pop_free(all, X509_free);
        }
        drop(&a);
        assert_int_equal(requests_of(&l), 1);
        est_close(&l);
    }
}

/* The certificate in the answer that is not the CA's; X509_free(). */
static X509 *leaf_of(const char *says, const struct lab *l, const struct answer *a)
{
    STACK_OF(X509) *all = certificates_of(says, a);
    X509 *leaf = NULL;
    for (int i = 0; i < sk_X509_num(all); i++) {
        if (X509_cmp(sk_X509_value(all, i), l->ca.key.certificate) != 0) {
            CHECK_ROW(says, leaf == NULL);
            leaf = sk_X509_value(all, i);
        }
    }
    CHECK_ROW(says, leaf != NULL && X509_up_ref(leaf) == 1);
    sk_X509_pop_free(all, X509_free);
    return leaf;
}

static void show(X509 *x)
{
    unsigned char digest[32];
    unsigned n = 0;
    assert_int_equal(X509_digest(x, EVP_sha256(), digest, &n), 1);
    for (size_t i = 0; i < sizeof(digest); i++) {
        (void)snprintf(shown + 2 * i, 3, "%02x", digest[i]);
    }
}

/* By the certificate that is shown, for the user of it alone, and once. */
static void again(void **state)
{
    (void)state;
    struct lab l;
    struct lab_request wish = {.subject = lab_subject, .subject_count = 2};
    est_open(&l);
    struct answer a = ask(&l, "POST", "auto/simpleenroll", l.csr);
    X509 *first = leaf_of("enrolled", &l, &a);
    drop(&a);
    show(first);
    X509_REQ *req = lab_req(&wish);
    char *next = lab_pem(req, false);
    X509_REQ_free(req);

    asks = "bob";
    a = ask(&l, "POST", "simplereenroll", next);
    assert_int_equal(a.rc, -ERR_DENIED); /* with alice's certificate and bob's password */
    drop(&a);
    assert_int_equal(requests_of(&l), 1);
    asks = ALICE;
    a = ask(&l, "POST", "client/simplereenroll", next);
    assert_int_equal(a.rc, -ERR_DENIED); /* to another kind, which operators decide about */
    drop(&a);

    a = ask(&l, "POST", "simplereenroll", next); /* its kind need not be said */
    X509 *second = leaf_of("renewed", &l, &a);
    drop(&a);
    assert_int_not_equal(X509_cmp(first, second), 0);
    a = ask(&l, "POST", "simplereenroll", next);
    X509 *same = leaf_of("asked again: the same", &l, &a);
    drop(&a);
    assert_int_equal(X509_cmp(second, same), 0);
    assert_int_equal(requests_of(&l), 2);

    free(next);
    req = lab_req(&wish);
    next = lab_pem(req, false);
    X509_REQ_free(req);
    a = ask(&l, "POST", "simplereenroll", next);
    assert_int_not_equal(a.rc, 0); /* the first was renewed already */
    drop(&a);
    assert_int_equal(requests_of(&l), 2);
    free(next);
    X509_free(first);
    X509_free(second);
    X509_free(same);
    est_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(for_everybody),
        cmocka_unit_test(waits_for_operators),
        cmocka_unit_test(again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
