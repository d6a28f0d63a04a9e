/* Error records: the first text stays, long texts are cut, every code has a name. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "tests/support/check.h"

static void test_first_stays(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_set(&e, ERR_MALFORMED, "line %d", 3), -ERR_MALFORMED);
    assert_int_equal(err_set(&e, ERR_CONFIG, "outer"), -ERR_CONFIG);
    assert_int_equal(err_set_errno(&e, ERR_IO, ENOENT, "outer"), -ERR_IO);
    assert_int_equal(e.code, ERR_MALFORMED);
    assert_string_equal(e.text, "line 3");
    err_clear(&e);
    assert_int_equal(e.code, ERR_OK);
    assert_int_equal(err_set_errno(&e, ERR_IO, ENOENT, "open %s", "x"), -ERR_IO);
    assert_string_equal(e.text, "open x: No such file or directory");
    assert_int_equal(err_set(NULL, ERR_NOMEM, "nobody listens"), -ERR_NOMEM);
    assert_int_equal(err_set_errno(NULL, ERR_IO, ENOENT, "nobody listens"), -ERR_IO);
}

static void test_long_texts(void **state)
{
    (void)state;
    struct err e = {0};
    (void)err_set(&e, ERR_CONFIG, "%0500d", 7);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
    err_clear(&e);
    (void)err_set_errno(&e, ERR_IO, EACCES, "%0500d", 7);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

static void test_names(void **state)
{
    (void)state;
    for (int code = 0; code < ERR_CODE_COUNT; code++) {
        assert_true(strlen(err_name(code)) > 2);
        assert_string_equal(err_name(code), err_name(-code));
    }
    assert_string_equal(err_name(ERR_NOMEM), "out of memory");
    assert_string_equal(err_name(ERR_CODE_COUNT), "unknown error");
    assert_string_equal(err_name(INT32_MIN), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_stays),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
