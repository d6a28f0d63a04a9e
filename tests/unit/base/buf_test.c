/* The capped queue: never past its cap, never torn, same bytes whatever way they took. */
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/support/check.h"

static void test_cap(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 8);
    assert_null(b.p);
    assert_int_equal(buf_append(&b, STR("123456789")), -ERR_FULL);
    assert_int_equal(buf_len(&b), 0);
    assert_int_equal(buf_append(&b, STR("12345")), 0);
    assert_int_equal(buf_append(&b, STR("6789")), -ERR_FULL);
    CHECK_STR("nothing of it was appended", buf_str(&b), STR("12345"));
    assert_null(buf_reserve(&b, 4));
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_int_equal(buf_printf(&b, "%d", 6789), -ERR_FULL);
    assert_int_equal(buf_append(&b, STR("678")), 0);
    buf_consume(&b, 3);
    assert_int_equal(buf_append(&b, STR("9abc")), -ERR_FULL);
    assert_int_equal(buf_append(&b, STR("9ab")), 0);
    CHECK_STR("room again for what left", buf_str(&b), STR("456789ab"));
    buf_consume(&b, 99);
    assert_int_equal(buf_len(&b), 0);
    buf_release(&b);
    buf_init(&b, 0);
    assert_int_equal(buf_append(&b, STR("")), 0);
    assert_int_equal(buf_append(&b, STR("x")), -ERR_FULL);
    buf_release(&b);
}

static void test_queue(void **state)
{
    (void)state;
    struct buf b;
    unsigned char in = 0;
    unsigned char out = 0;
    buf_init(&b, 3000);
    for (size_t round = 0; round < 2000; round++) {
        size_t n = (round * 37) % 211;
        char *p = buf_reserve(&b, n);
        for (size_t i = 0; p != NULL && i < n; i++) {
            p[i] = (char)in++;
        }
        buf_commit(&b, p != NULL ? n : 0);
        size_t leave = (round * 53) % 199;
        struct str s = buf_str(&b);
        leave = leave < s.n ? leave : s.n;
        for (size_t i = 0; i < leave; i++) {
            assert_int_equal((unsigned char)s.p[i], out++);
        }
        buf_consume(&b, leave);
        assert_true(b.size <= 3000);
    }
    assert_true(buf_len(&b) > 2000);
    buf_release(&b);
}

static void test_printf(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    assert_int_equal(buf_printf(&b, "%s-%d", "a", 7), 0);
    CHECK_STR("short", buf_str(&b), STR("a-7"));
    buf_clear(&b);
    assert_int_equal(buf_printf(&b, "%01000d", 5), 0);
    assert_int_equal(buf_len(&b), 1000);
    assert_int_equal(buf_str(&b).p[999], '5');
    buf_release(&b);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 65536);
    assert_int_equal(buf_append(&b, STR("kept")), 0);
    mem_fail_after(1, true);
    assert_int_equal(buf_printf(&b, "%0600d", 5), -ERR_NOMEM);
    assert_null(buf_reserve(&b, 4096));
    char big[4096] = {0};
    assert_int_equal(buf_append(&b, (struct str){big, sizeof(big)}), -ERR_NOMEM);
    mem_fail_after(0, false);
    CHECK_STR("what was there stays", buf_str(&b), STR("kept"));
    buf_release(&b);
    mem_fail_after(1, true);
    assert_int_equal(buf_append(&b, STR("x")), -ERR_NOMEM);
    assert_null(buf_reserve(&b, 0));
    mem_fail_after(0, false);
    assert_non_null(buf_reserve(&b, 0));
    buf_wipe(&b);
    assert_null(b.p);
    CHECK_STR("usable again", buf_str(&b), STR(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_printf),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
