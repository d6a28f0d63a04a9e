/* The table under the caches: its bound, its order, and that nothing of what is forgotten stays. */
#include "auth/recent.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/support/check.h"

struct thing {
    struct recent_entry head;
    unsigned char octets[24];
};

static void key_of(char name, unsigned char key[RECENT_KEY])
{
    memset(key, 0, RECENT_KEY);
    key[RECENT_KEY - 1] = (unsigned char)name; /* all in one bucket */
}

static bool knows(const struct recent *r, char name)
{
    unsigned char key[RECENT_KEY];
    key_of(name, key);
    return recent_find(r, key) != NULL;
}

static struct thing *add(struct recent *r, char name)
{
    unsigned char key[RECENT_KEY];
    key_of(name, key);
    struct thing *t = (struct thing *)(void *)recent_add(r, key);
    if (t != NULL) {
        memset(t->octets, name, sizeof(t->octets));
    }
    return t;
}

static void test_off(void **state)
{
    (void)state;
    struct recent r;
    recent_init(&r);
    for (int times = 0; times < 2; times++) {
        assert_false(recent_is_on(&r));
        assert_null(add(&r, 'a'));
        assert_false(knows(&r, 'a'));
        assert_null(recent_oldest(&r));
        assert_int_equal(recent_resize(&r, 0, sizeof(struct thing)), 0);
    }
    for (unsigned long nth = 1; nth <= 2; nth++) {
        mem_fail_after(nth, false);
        assert_int_equal(recent_resize(&r, 4, sizeof(struct thing)), -ERR_NOMEM);
        mem_fail_after(0, false);
        assert_false(recent_is_on(&r));
    }
    recent_fini(&r);
}

static void test_order(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        char add, use;
        const char *known, *gone;
    } rows[] = {
        {"one", 'a', 0, "a", "b"},
        {"three", 'b', 0, "ab", "c"},
        {"the bound", 'c', 0, "abc", "d"},
        {"the first goes", 'd', 0, "bcd", "a"},
        {"not the one that was used", 'e', 'b', "bde", "c"},
        {"but the next", 'f', 0, "bef", "d"},
    };
    struct recent r;
    recent_init(&r);
    assert_int_equal(recent_resize(&r, 3, sizeof(struct thing)), 0);
    for (size_t i = 0; i < ROWS(rows); i++) {
        unsigned char key[RECENT_KEY];
        key_of(rows[i].use, key);
        if (rows[i].use != 0) {
            recent_use(&r, recent_find(&r, key));
        }
        assert_non_null(add(&r, rows[i].add));
        for (const char *p = rows[i].known; *p != '\0'; p++) {
            CHECK_ROW(rows[i].says, knows(&r, *p));
        }
        CHECK_ROW(rows[i].says, !knows(&r, rows[i].gone[0]));
        CHECK_ROW(rows[i].says, r.count == strlen(rows[i].known));
    }
    assert_int_equal(recent_resize(&r, 3, sizeof(struct thing)), 0);
    assert_false(knows(&r, 'f'));
    assert_int_equal(r.count, 0);
    recent_fini(&r);
}

static void test_wiped(void **state)
{
    (void)state;
    static const unsigned char zeros[sizeof(struct thing)];
    struct recent r;
    recent_init(&r);
    assert_int_equal(recent_resize(&r, 2, sizeof(struct thing)), 0);
    struct thing *a = add(&r, 'a');
    struct thing *b = add(&r, 'b');
    recent_forget(&r, &a->head);
    assert_memory_equal(a->head.key, zeros, RECENT_KEY);
    assert_memory_equal(a->octets, zeros, sizeof(a->octets));
    assert_int_equal(b->octets[0], 'b');
    assert_true(knows(&r, 'b') && !knows(&r, 'a') && !knows(&r, '\0'));
    assert_ptr_equal(recent_oldest(&r), &b->head);
    recent_fini(&r);
}

/* All stay, in their order, whatever the bound was and is. */
static void test_moved(void **state)
{
    (void)state;
    static const size_t bounds[] = {3, 8, 3, 100, 4};
    struct recent r;
    recent_init(&r);
    assert_int_equal(recent_resize(&r, 4, sizeof(struct thing)), 0);
    assert_int_equal(recent_move(&r, 2), 0); /* empty */
    assert_true(add(&r, 'x') != NULL && add(&r, 'y') != NULL);
    recent_forget(&r, recent_oldest(&r));
    recent_forget(&r, recent_oldest(&r));
    assert_int_equal(recent_move(&r, 3), 0);
    assert_true(add(&r, 'a') != NULL && add(&r, 'b') != NULL && add(&r, 'c') != NULL);
    for (size_t i = 0; i < ROWS(bounds); i++) {
        for (unsigned long nth = 1; nth <= 2; nth++) {
            mem_fail_after(nth, false);
            assert_int_equal(recent_move(&r, bounds[i]), -ERR_NOMEM);
            mem_fail_after(0, false);
            assert_true(r.count == 3 && knows(&r, 'a') && knows(&r, 'b') && knows(&r, 'c'));
        }
        assert_int_equal(recent_move(&r, bounds[i]), 0);
        assert_true(r.count == 3 && knows(&r, 'b') && !knows(&r, 'x'));
        const struct thing *oldest = (const struct thing *)(const void *)recent_oldest(&r);
        assert_int_equal(oldest->octets[23], "abcab"[i]);
        const char next = (char)oldest->octets[0];
        recent_forget(&r, recent_oldest(&r));
        assert_true(add(&r, next) != NULL); /* the newest now */
    }
    assert_true(add(&r, 'd') != NULL && add(&r, 'e') != NULL);
    assert_true(r.count == 4 && knows(&r, 'd') && knows(&r, 'e') && !knows(&r, 'c'));
    while (r.count > 0) {
        recent_forget(&r, recent_oldest(&r));
    }
    assert_int_equal(recent_move(&r, 0), 0);
    assert_false(recent_is_on(&r));
    recent_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_wiped),
        cmocka_unit_test(test_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
