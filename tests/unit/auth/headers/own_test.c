/* Our identity fields: their values, and that no two users have the same one. */
#include "auth/headers/own.h"
#include "base/mem.h"
#include "tests/support/check.h"

static const struct conf_headers all = {
    .user = {.p = "X-Client-User"},
    .subject = {.p = "X-Client-Subject"},
    .issuer = {.p = "X-Client-Issuer"},
    .serial = {.p = "X-Client-Serial"},
    .fingerprint = {.p = "X-Client-Fingerprint"},
    .verify = {.p = "X-Client-Verify"},
};

static void test_user(void **state)
{
    (void)state;
    const struct {
        const char *says;
        struct str user;
        const char *value;
    } rows[] = {
        {"plain", STR("alice"), "alice"},
        {"an address", STR("alice@example.com"), "alice@example.com"},
        {"inner spaces stay", STR("Alice Liddell"), "Alice Liddell"},
        {"UTF-8 is encoded", STR("b\xc3\xa4r"), "b%C3%A4r"},
        {"and the spaces of such a name too", STR("b\xc3\xa4r a"), "b%C3%A4r%20a"},
        {"percent is always encoded", STR("b%C3%A4r"), "b%25C3%25A4r"},
        {"outer spaces do not get lost", STR(" alice"), "%20alice"},
        {"nor at the end", STR("alice "), "alice%20"},
        {"a line feed cannot make a field", STR("a\r\nX: y"), "a%0D%0AX:%20y"},
        {"a NUL cannot end one", STR("a\0b"), "a%00b"},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena a;
        struct fields out;
        arena_init(&a, 65536);
        fields_init(&out, &a);
        assert_int_equal(own_fields_add(&all, &(struct own_facts){.user = rows[i].user}, &out), 0);
        const struct field *f = fields_find(&out, STR("X-Client-User"));
        CHECK_ROW(rows[i].says, f != NULL);
        CHECK_STR(rows[i].says, f != NULL ? f->value : STR_NONE, str_of(rows[i].value));
        arena_release(&a);
    }
}

static void test_fields(void **state)
{
    (void)state;
    struct arena a;
    struct fields out;
    char subject[] = "CN=alice";
    arena_init(&a, 65536);
    fields_init(&out, &a);
    struct own_facts facts = {
        .user = STR("alice"),
        .subject = {subject, 8},
        .issuer = STR("CN=ca"),
        .serial = STR("0A"),
        .fingerprint = STR("ff"),
        .certificate = true,
    };
    assert_int_equal(own_fields_add(&all, &facts, &out), 0);
    assert_int_equal(out.n, 6);
    memset(subject, 'x', sizeof(subject)); /* values are copies */
    CHECK_STR("subject", fields_find(&out, STR("X-Client-Subject"))->value, STR("CN=alice"));
    CHECK_STR("issuer", fields_find(&out, STR("X-Client-Issuer"))->value, STR("CN=ca"));
    CHECK_STR("serial", fields_find(&out, STR("X-Client-Serial"))->value, STR("0A"));
    CHECK_STR("fingerprint", fields_find(&out, STR("X-Client-Fingerprint"))->value, STR("ff"));
    CHECK_STR("verify", fields_find(&out, STR("X-Client-Verify"))->value, STR("SUCCESS"));
    arena_release(&a);
}

static void test_left_out(void **state)
{
    (void)state;
    struct arena a;
    struct fields out;
    arena_init(&a, 65536);
    fields_init(&out, &a);
    assert_int_equal(own_fields_add(&all, &(struct own_facts){0}, &out), 0);
    assert_int_equal(out.n, 1);
    CHECK_STR("without a certificate", out.v[0].value, STR("NONE"));
    fields_init(&out, &a);
    const struct conf_headers some = {.user = {.p = ""}, .subject = {.p = "S"}};
    struct own_facts facts = {.user = STR("alice"), .subject = STR("CN=a"), .issuer = STR("CN=b")};
    assert_int_equal(own_fields_add(&some, &facts, &out), 0);
    assert_int_equal(out.n, 1);
    CHECK_STR("only what has a name", out.v[0].name, STR("S"));
    arena_release(&a);
}

static void test_memory(void **state)
{
    (void)state;
    struct own_facts facts = {.user = STR("b\xc3\xa4r"), .subject = STR("CN=a")};
    struct arena a;
    struct fields out;
    arena_init(&a, 65536);
    fields_init(&out, &a);
    mem_fail_after(1, true);
    assert_int_not_equal(own_fields_add(&all, &facts, &out), 0);
    mem_fail_after(0, false);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
