/* Rows of header fields. */
#include "base/err.h"
#include "base/field.h"
#include "base/mem.h"
#include "tests/support/check.h"

static bool is_named(struct str name, void *arg)
{
    return str_ieq(name, str_of(arg));
}

static void test_find_and_remove(void **state)
{
    (void)state;
    struct arena a;
    struct fields f;
    char dropped[] = "cookie";
    arena_init(&a, 1 << 16);
    fields_init(&f, &a);
    assert_null(fields_find(&f, STR("host")));
    assert_int_equal(fields_add(&f, STR("Host"), STR("a")), 0);
    assert_int_equal(fields_add(&f, STR("Cookie"), STR("1")), 0);
    assert_int_equal(fields_add(&f, STR("Accept"), STR("x")), 0);
    assert_int_equal(fields_add(&f, STR("COOKIE"), STR("2")), 0);
    CHECK_STR("name folds", fields_find(&f, STR("hOST"))->value, STR("a"));
    CHECK_STR("the first of two", fields_find(&f, STR("cookie"))->value, STR("1"));
    assert_int_equal(fields_count(&f, STR("cookie")), 2);
    assert_int_equal(fields_count(&f, STR("cook")), 0);
    fields_remove_if(&f, is_named, dropped);
    assert_int_equal(f.n, 2);
    CHECK_STR("order stays", f.v[0].name, STR("Host"));
    CHECK_STR("order stays", f.v[1].name, STR("Accept"));
    arena_release(&a);
}

static void test_growth(void **state)
{
    (void)state;
    struct arena a;
    struct fields f;
    arena_init(&a, 1 << 20);
    fields_init(&f, &a);
    for (size_t i = 0; i < 500; i++) {
        struct str value = arena_printf(&a, "%zu", i);
        assert_int_equal(fields_add(&f, STR("n"), value), 0);
    }
    assert_int_equal(fields_count(&f, STR("N")), 500);
    CHECK_STR("first", f.v[0].value, STR("0"));
    CHECK_STR("last", f.v[499].value, STR("499"));
    arena_release(&a);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct arena a;
    struct fields f;
    arena_init(&a, 1 << 20);
    fields_init(&f, &a);
    mem_fail_after(1, true);
    assert_int_equal(fields_add(&f, STR("a"), STR("b")), -ERR_NOMEM);
    mem_fail_after(0, false);
    assert_int_equal(f.n, 0);
    assert_int_equal(fields_add(&f, STR("a"), STR("b")), 0);
    arena_release(&a);
}

static const struct {
    const char *name;
    const char *other;
    bool whole;
    bool beginning;
} alike[] = {
    {"X-Client-User", "X-Client-User", true, true},
    {"x_client.USER", "X-Client-User", true, true},
    {"x!client~user", "X.Client_User", true, true},
    {"x#$%&'*+^`|y", "x----------y", true, true},
    {"Accept2", "accept2", true, true},
    {"X-Client-User2", "X-Client-User", false, true},
    {"X-Client", "X-Client-User", false, false},
    {"XClientUser", "X-Client-User", false, false},
    {"X-Client-1ser", "X-Client-User", false, false},
    {"X--lient", "X-Client", false, false},
    {"", "", true, true},
    {"a", "", false, true},
    {"", "a", false, false},
};

static void test_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(alike); i++) {
        struct str name = str_of(alike[i].name);
        struct str other = str_of(alike[i].other);
        CHECK_ROW(alike[i].name, field_alike(name, other) == alike[i].whole);
        CHECK_ROW(alike[i].name, field_begins_alike(name, other) == alike[i].beginning);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_and_remove),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_alike),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
