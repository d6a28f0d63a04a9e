/* Remembered answers: bounded, the longest unasked goes first, records outlive them. */
#include <stdio.h>

#include "auth/users_cache.h"
#include "base/mem.h"
#include "tests/support/check.h"

static const struct user *record(const char *name)
{
    const struct user *u = user_new(&(struct user){.name = str_of(name), .hash = STR("x")});
    assert_non_null(u);
    return u;
}

static bool knows(struct users_cache *c, const char *name, bool is_user)
{
    const struct user *u = NULL;
    bool found = users_cache_get(c, str_of(name), &u);
    assert_true(!found || (u != NULL) == is_user);
    user_unref(u);
    return found;
}

static void put(struct users_cache *c, const char *name)
{
    const struct user *u = record(name);
    users_cache_put(c, str_of(name), u);
    user_unref(u);
}

static void test_bound(void **state)
{
    (void)state;
    struct users_cache *c = users_cache_new(3);
    put(c, "a");
    put(c, "b");
    users_cache_put(c, STR("nobody"), NULL);
    assert_true(knows(c, "a", true) && knows(c, "nobody", false));
    assert_false(knows(c, "ab", true));
    assert_false(knows(c, "", true));
    put(c, "c"); /* b was not asked for longest */
    assert_int_equal(users_cache_count(c), 3);
    assert_false(knows(c, "b", true));
    assert_true(knows(c, "a", true) && knows(c, "c", true) && knows(c, "nobody", false));
    users_cache_put(c, STR("a"), NULL); /* the first answer stays */
    assert_true(knows(c, "a", true));
    users_cache_clear(c);
    assert_int_equal(users_cache_count(c), 0);
    assert_false(knows(c, "a", true));
    put(c, "a");
    assert_true(knows(c, "a", true));
    users_cache_free(c);
    users_cache_free(NULL);
}

static void test_many(void **state)
{
    (void)state;
    struct users_cache *c = users_cache_new(100);
    char name[16];
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "user%d", i);
        put(c, name);
    }
    assert_int_equal(users_cache_count(c), 100);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "user%d", i);
        assert_true(knows(c, name, true) == (i >= 900));
    }
    users_cache_free(c);
}

static void test_none(void **state)
{
    (void)state;
    struct users_cache *c = users_cache_new(0);
    put(c, "a");
    assert_false(knows(c, "a", true));
    users_cache_free(c);
    mem_fail_after(1, false);
    assert_null(users_cache_new(4));
    mem_fail_after(0, false);
    c = users_cache_new(4);
    const struct user *u = record("a");
    mem_fail_after(1, true);
    users_cache_put(c, STR("a"), u);
    mem_fail_after(0, false);
    assert_false(knows(c, "a", true));
    users_cache_put(c, STR("a"), u);
    users_cache_free(c);
    CHECK_STR("a record outlives the cache", u->name, STR("a"));
    user_unref(u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
