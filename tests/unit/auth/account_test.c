/* What a record says against its owner, in which order. */
#include "auth/account.h"
#include "tests/support/check.h"

static const unsigned char mine[32] = {1};
static const struct user_pin pins[] = {{{2}}, {{3}}};
static const struct user_pin pins_with_mine[] = {{{2}}, {{1}}};

static void test_rows(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct user user;
        const unsigned char *certificate;
        enum reason reason;
    } rows[] = {
        {"disabled", {.disabled = true}, NULL, REASON_USER_DISABLED},
        {"disabled goes first",
         {.disabled = true, .expires_ms = 1, .pins = pins, .pin_count = 2},
         mine,
         REASON_USER_DISABLED},
        {"over at this moment", {.expires_ms = 1000}, NULL, REASON_USER_EXPIRED},
        {"over goes before pins",
         {.expires_ms = 999, .pins = pins, .pin_count = 2},
         mine,
         REASON_USER_EXPIRED},
        {"others are pinned", {.pins = pins, .pin_count = 2}, mine, REASON_CERT_NOT_PINNED},
        {"pins, and no certificate", {.pins = pins, .pin_count = 2}, NULL, REASON_OK},
        {"this one is pinned", {.pins = pins_with_mine, .pin_count = 2}, mine, REASON_OK},
        {"over in a moment", {.expires_ms = 1001}, mine, REASON_OK},
        {"in order", {.expires_ms = 0}, mine, REASON_OK},
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK_STR(rows[i].says,
                  str_of(reason_token(account_ask(&rows[i].user, rows[i].certificate, 1000))),
                  str_of(reason_token(rows[i].reason)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
