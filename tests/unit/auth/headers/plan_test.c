/* Which fields go together, what is told once a connection and once a request, and its limit. */
#include "auth/headers/plan.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

static struct conf_text two_dialects[2];
static struct conf_pair two_fields[2];
static struct conf_text one_key[1] = {{.p = "k"}};

/* A configuration of up to two dialects and two fields; NULL: none. */
struct row {
    const char *says;
    const char *dialects[2];
    const char *fields[2];
    const char *templates[2];
    const char *token;
    bool signature;
    const char *error; /* NULL: fine */
};

static const struct row rows[] = {
    {"nothing", {NULL}, {NULL}, {NULL}, NULL, false, NULL},
    {"two dialects", {"rfc9440", "xfcc"}, {NULL}, {NULL}, NULL, false, NULL},
    {"nginx and haproxy",
     {"nginx", "haproxy"},
     {NULL},
     {NULL},
     NULL,
     false,
     "headers.dialects: nginx and haproxy both set the field X-SSL-Client-Verify"},
    {"a field of a dialect",
     {"rfc9440"},
     {"client_cert"},
     {"{user}"},
     NULL,
     false,
     "headers.fields.client_cert: a field of that name is given by rfc9440, too"},
    {"a field of our own",
     {NULL},
     {"X-client_User"},
     {"{user}"},
     NULL,
     false,
     "headers.fields.X-client_User: a field of that name is given by the dialect own, too"},
    {"the token's field",
     {NULL},
     {"X-T"},
     {"{user}"},
     "x-t",
     false,
     "headers.fields.X-T: a field of that name is given by token.header, too"},
    {"the token as a field of ours",
     {NULL},
     {NULL},
     {NULL},
     "X-Client-User",
     false,
     "token.header: a field of that name is given by the dialect own, too"},
    {"the signature's",
     {NULL},
     {"Signature"},
     {"{user}"},
     NULL,
     true,
     "headers.fields.Signature: a field of that name is given by signature, too"},
    {"two that are alike",
     {NULL},
     {"X-A.B", "X-A-B"},
     {"{user}", "{user}"},
     NULL,
     false,
     "headers.fields.X-A-B: upstreams may take it for the same field as X-A.B"},
    {"a template",
     {NULL},
     {"X-A"},
     {"a {b}"},
     NULL,
     false,
     "headers.fields.X-A: at character 3: there is no \"{b}\""},
};

static void fill(struct conf *c, const struct row *row)
{
    *c = (struct conf){.headers = {.user = {.p = "X-Client-User"},
                                   .dialects = {two_dialects, 0},
                                   .fields = two_fields}};
    for (size_t i = 0; i < 2 && row->dialects[i] != NULL; i++) {
        two_dialects[i].p = row->dialects[i];
        c->headers.dialects.n++;
    }
    for (size_t i = 0; i < 2 && row->fields[i] != NULL; i++) {
        two_fields[i] = (struct conf_pair){{.p = row->fields[i]}, {.p = row->templates[i]}};
        c->headers.field_count++;
    }
    if (row->token != NULL) {
        c->token.keys = (struct conf_texts){one_key, 1};
        c->token.header.p = row->token;
    }
    c->signature.keys = (struct conf_texts){one_key, row->signature ? 1 : 0};
}

static void test_plans(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct conf c;
        struct buf out;
        struct diags *diags = diags_new();
        fill(&c, &rows[i]);
        buf_init(&out, 65536);
        struct plan *p = plan_new(&c, diags);
        assert_int_equal(diags_render(diags, &out), 0);
        CHECK_ROW(rows[i].says, (p == NULL) == (rows[i].error != NULL));
        if (rows[i].error != NULL) {
            const char *error = rows[i].error;
            struct str text = buf_str(&out);
            CHECK_ROW(error, memmem(text.p, text.n, error, strlen(error)) != NULL);
        }
        buf_release(&out);
        plan_free(p);
        diags_free(diags);
    }
}

static const struct row mixed = {
    "", {"rfc9440", NULL}, {"X-Unit", "X-Who"}, {"{subject.CN}", "{user}"}, NULL, false, NULL};

struct lab {
    EVP_PKEY *key;
    X509 *leaf;
    struct conf conf;
    struct diags *diags;
    struct plan *plan;
    struct arena arena;
    struct fields out;
};

static void lab_open(struct lab *l)
{
    l->key = pki_key();
    X509 *ca = pki_ca("ca", l->key);
    l->leaf = pki_leaf("alice", l->key, ca, l->key);
    X509_free(ca);
    fill(&l->conf, &mixed);
    l->diags = diags_new();
    l->plan = plan_new(&l->conf, l->diags);
    assert_non_null(l->plan);
    arena_init(&l->arena, 65536);
    fields_init(&l->out, &l->arena);
}

static void lab_close(struct lab *l)
{
    arena_release(&l->arena);
    plan_free(l->plan);
    diags_free(l->diags);
    X509_free(l->leaf);
    EVP_PKEY_free(l->key);
}

static void test_told(void **state)
{
    (void)state;
    struct lab l;
    struct told *t = NULL;
    lab_open(&l);
    assert_int_equal(told_new(l.plan, l.leaf, NULL, &t), 0);
    assert_int_equal(told_add(t, STR("bob"), NULL, 0, &l.out), 0);
    assert_int_equal(l.out.n, 3);
    CHECK_STR("first", l.out.v[0].name, STR("Client-Cert"));
    CHECK_STR("of the certificate", fields_find(&l.out, STR("X-Unit"))->value, STR("alice"));
    CHECK_STR("of the request", fields_find(&l.out, STR("X-Who"))->value, STR("bob"));
    const char *first = l.out.v[0].value.p;
    fields_init(&l.out, &l.arena);
    assert_int_equal(told_add(t, STR_NONE, NULL, 0, &l.out), 0);
    assert_int_equal(l.out.n, 2); /* nobody: no X-Who */
    assert_ptr_equal(l.out.v[0].value.p, first);
    told_free(t);
    assert_int_equal(told_new(l.plan, NULL, NULL, &t), 0);
    fields_init(&l.out, &l.arena);
    assert_int_equal(told_add(t, STR("bob"), NULL, 0, &l.out), 0);
    assert_int_equal(l.out.n, 1);
    CHECK_STR("no certificate", l.out.v[0].name, STR("X-Who"));
    told_free(t);
    assert_int_equal(told_new(NULL, l.leaf, NULL, &t), 0);
    assert_null(t);
    assert_int_equal(told_add(NULL, STR("bob"), NULL, 0, &l.out), 0);
    lab_close(&l);
}

static void test_limit(void **state)
{
    (void)state;
    struct lab l;
    struct told *t = NULL;
    lab_open(&l);
    plan_free(l.plan);
    l.conf.headers.generated_bytes = 100;
    l.plan = plan_new(&l.conf, l.diags);
    assert_int_equal(told_new(l.plan, l.leaf, NULL, &t), -ERR_TOO_LARGE);
    assert_null(t);
    assert_int_equal(told_new(l.plan, NULL, NULL, &t), 0);
    char name[101];
    memset(name, 'a', sizeof(name));
    assert_int_equal(told_add(t, (struct str){name, 101}, NULL, 0, &l.out), -ERR_TOO_LARGE);
    told_free(t);
    lab_close(&l);
}

static void test_memory(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l);
    int rc = -1;
    for (unsigned long nth = 1; rc != 0 && nth < 300; nth++) {
        struct told *t = NULL;
        fields_init(&l.out, &l.arena);
        mem_fail_after(nth, false);
        rc = told_new(l.plan, l.leaf, NULL, &t);
        rc = rc == 0 ? told_add(t, STR("bob"), NULL, 0, &l.out) : rc;
        mem_fail_after(0, false);
        told_free(t);
        assert_true(rc == 0 || rc == -ERR_NOMEM || rc == -ERR_TOO_LARGE);
    }
    assert_int_equal(rc, 0);
    lab_close(&l);
}

static void test_reserved(void **state)
{
    (void)state;
    assert_true(plan_is_dialect_field(STR("x_ssl")));
    assert_true(plan_is_dialect_field(STR("CLIENT-CERT")));
    assert_true(plan_is_dialect_field(STR("ssl-client-s-dn-email")));
    assert_false(plan_is_dialect_field(STR("X-SS")));
    assert_false(plan_is_dialect_field(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),    cmocka_unit_test(test_told),
        cmocka_unit_test(test_limit),    cmocka_unit_test(test_memory),
        cmocka_unit_test(test_reserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
