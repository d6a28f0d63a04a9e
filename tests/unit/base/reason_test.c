/* The table of reasons: zero refuses, tokens are unique and fit for labels, texts fit statuses. */
#include <string.h>

#include "base/reason.h"
#include "tests/support/check.h"

static void test_zero_refuses(void **state)
{
    (void)state;
    enum reason cleared;
    memset(&cleared, 0, sizeof(cleared));
    assert_int_equal(cleared, REASON_INTERNAL);
    assert_int_equal(reason_status(cleared), 500);
    assert_int_equal(reason_class(cleared), REASON_CLASS_SELF);
    assert_int_equal(reason_status(REASON_COUNT), 500);
    assert_string_equal(reason_token((enum reason)(REASON_COUNT + 7)), "internal");
}

static void test_rows(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        enum reason r = (enum reason)i;
        const char *token = reason_token(r);
        unsigned status = reason_status(r);
        CHECK_ROW(token,
                  strlen(token) > 1 &&
                      strspn(token, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(token));
        CHECK_ROW(token, status == 0 || status == 200 || (status >= 400 && status <= 599));
        CHECK_ROW(token, (status == 0) == (reason_text(r)[0] == '\0'));
        CHECK_ROW(token, (status == 200) == (r == REASON_OK));
        for (unsigned j = 0; j < i; j++) {
            CHECK_ROW(token, strcmp(token, reason_token((enum reason)j)) != 0);
        }
    }
}

static void test_factors_look_alike(void **state)
{
    (void)state;
    /* The client must not learn from the answer which factor failed. */
    assert_string_equal(reason_text(REASON_USER_UNKNOWN), reason_text(REASON_PASSWORD_WRONG));
    assert_int_equal(reason_status(REASON_USER_UNKNOWN), reason_status(REASON_PASSWORD_WRONG));
    assert_string_equal(reason_text(REASON_PAIRING_MISMATCH),
                        reason_text(REASON_CERT_REQUIRED_BY_ROUTE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero_refuses),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_factors_look_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
