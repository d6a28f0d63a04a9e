/* The arena: alignment, the cap, what a reset keeps. */
#include <stdalign.h>

#include "base/arena.h"
#include "base/mem.h"
#include "tests/support/check.h"

static void test_alignment(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    char *before = arena_alloc(&a, 0);
    assert_non_null(before);
    for (size_t n = 1; n < 300; n++) {
        char *p = arena_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        memset(p, (int)n, n);
        assert_ptr_not_equal(p, before);
        before = p;
    }
    arena_release(&a);
    assert_int_equal(a.total, 0);
}

static void test_cap(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 10000);
    assert_null(arena_alloc(&a, 10001));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 8));
    assert_null(arena_dup(&a, (struct str){"", SIZE_MAX}).p);
    size_t got = 0;
    while (arena_alloc(&a, 100) != NULL) {
        got += 112;
        assert_true(a.total <= 10000);
    }
    assert_true(got > 9500 && got <= 10000);
    assert_null(arena_printf(&a, "%0200d", 1).p);
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 5000));
    arena_release(&a);
    arena_init(&a, 0);
    assert_null(arena_alloc(&a, 1));
}

static void test_reset_keeps_one_usual_block(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    assert_non_null(arena_alloc(&a, 100));
    assert_non_null(arena_alloc(&a, 200000));
    arena_reset(&a);
    assert_true(a.total > 0 && a.total < 10000);
    mem_fail_after(1, true);
    assert_non_null(arena_alloc(&a, 1000));
    mem_fail_after(0, false);
    arena_release(&a);
    assert_non_null(arena_alloc(&a, 200000));
    arena_reset(&a);
    assert_int_equal(a.total, 0);
    arena_release(&a);
}

static void test_texts(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 16);
    struct str s = arena_dup(&a, (struct str){"a\0b", 3});
    CHECK_STR("dup keeps a NUL inside", s, ((struct str){"a\0b", 3}));
    assert_int_equal(s.p[3], '\0');
    s = arena_dup(&a, STR_NONE);
    assert_non_null(s.p);
    assert_int_equal(s.n, 0);
    s = arena_printf(&a, "%s:%d", "host", 80);
    CHECK_STR("printf", s, STR("host:80"));
    assert_int_equal(s.p[s.n], '\0');
    arena_release(&a);
    mem_fail_after(1, true);
    assert_null(arena_dup(&a, STR("x")).p);
    assert_null(arena_printf(&a, "x").p);
    mem_fail_after(0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_reset_keeps_one_usual_block),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
