/* Allocation: overflow, injected failures, wiping, secret comparison. */
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "tests/support/check.h"

static void test_edges(void **state)
{
    (void)state;
    volatile size_t huge = SIZE_MAX;
    assert_null(mem_calloc(huge / 2, 3));
    assert_null(mem_dup("x", huge));
    void *none = mem_alloc(0);
    assert_non_null(none);
    none = mem_realloc(none, 0);
    assert_non_null(none);
    mem_free(none);
    mem_free(NULL);
    char *zeros = mem_calloc(0, 8);
    assert_non_null(zeros);
    mem_free(zeros);
    zeros = mem_calloc(2, 2);
    assert_memory_equal(zeros, "\0\0\0\0", 4);
    mem_free(zeros);
    char *copy = mem_dup("a\0b", 3);
    assert_memory_equal(copy, "a\0b", 4);
    mem_free(copy);
    copy = mem_dup(NULL, 0);
    assert_string_equal(copy, "");
    mem_free(copy);
}

static void test_injection(void **state)
{
    (void)state;
    mem_fail_after(2, false);
    void *first = mem_alloc(1);
    assert_non_null(first);
    assert_null(mem_alloc(1));
    void *third = mem_realloc(first, 10);
    assert_non_null(third);
    assert_int_equal(mem_allocations(), 3);
    mem_fail_after(1, true);
    assert_null(mem_alloc(1));
    assert_null(mem_calloc(1, 1));
    assert_null(mem_realloc(third, 20));
    assert_null(mem_dup("x", 1));
    mem_fail_after(0, false);
    assert_int_equal(mem_allocations(), 0);
    mem_free(third);
}

static void test_secrets(void **state)
{
    (void)state;
    char secret[] = "secret";
    assert_true(mem_equal_secret(secret, "secret", 6));
    assert_false(mem_equal_secret(secret, "secreT", 6));
    assert_false(mem_equal_secret(secret, "Secret", 6));
    assert_true(mem_equal_secret(NULL, NULL, 0));
    mem_wipe(secret, 6);
    assert_memory_equal(secret, "\0\0\0\0\0\0", 6);
    mem_wipe(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_injection),
        cmocka_unit_test(test_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
