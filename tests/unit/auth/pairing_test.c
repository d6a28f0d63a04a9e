/* When two names are the same user, and when they never are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/pairing.h"

#define EXACT                                                                                      \
    (struct conf_identity)                                                                         \
    {                                                                                              \
        0                                                                                          \
    }
#define DOMAIN                                                                                     \
    (struct conf_identity)                                                                         \
    {                                                                                              \
        .fold_domain = true                                                                        \
    }
#define LOCAL                                                                                      \
    (struct conf_identity)                                                                         \
    {                                                                                              \
        .fold_local_part = true                                                                    \
    }
#define ALL                                                                                        \
    (struct conf_identity)                                                                         \
    {                                                                                              \
        .fold_domain = true, .fold_local_part = true                                               \
    }

struct row {
    const char *what;
    struct str a;
    struct str b;
    struct conf_identity rule;
    bool same;
};

static void test_same(void **state)
{
    (void)state;
    const struct row rows[] = {
        {"equal names", STR("alice"), STR("alice"), EXACT, true},
        {"equal addresses", STR("alice@example.com"), STR("alice@example.com"), EXACT, true},
        {"case counts by default", STR("alice"), STR("Alice"), EXACT, false},
        {"case of the domain counts if not folded", STR("a@EXAMPLE.com"), STR("a@example.com"),
         EXACT, false},
        {"case of the domain is folded", STR("a@EXAMPLE.com"), STR("a@example.COM"), DOMAIN, true},
        {"but not of the local part", STR("A@example.com"), STR("a@example.com"), DOMAIN, false},
        {"a name without @ is a local part", STR("ALICE"), STR("alice"), DOMAIN, false},
        {"the local part is folded", STR("ALICE"), STR("alice"), LOCAL, true},
        {"but not the domain then", STR("a@B"), STR("a@b"), LOCAL, false},
        {"both are folded", STR("A@B"), STR("a@b"), ALL, true},
        {"the domain begins behind the last @", STR("A@b@C"), STR("A@b@c"), DOMAIN, true},
        {"what is before the last @ is local", STR("a@B@c"), STR("a@b@c"), DOMAIN, false},
        {"only ASCII is folded", STR("\xc3\x84"), STR("\xc3\xa4"), ALL, false},
        {"the Kelvin sign is no k", STR("\xe2\x84\xaa"), STR("k"), ALL, false},
        {"a Cyrillic a is no a", STR("\xd0\xb0lice"), STR("alice"), ALL, false},
        {"a prefix is not enough", STR("alice"), STR("alicex"), ALL, false},
        {"nor is one with a blank", STR("alice"), STR("alice "), ALL, false},
        {"nothing equals nothing", STR(""), STR(""), ALL, false},
        {"a NUL makes no user", STR("a\0b"), STR("a\0b"), ALL, false},
        {"a line feed makes no user", STR("a\n"), STR("a\n"), ALL, false},
        {"a colon makes no user", STR("a:b"), STR("a:b"), ALL, false},
        {"DEL makes no user", STR("a\x7f"), STR("a\x7f"), ALL, false},
        {"octets that are no UTF-8 make no user", STR("a\xff"), STR("a\xff"), ALL, false},
        {"an overlong slash makes no user", STR("\xc0\xaf"), STR("\xc0\xaf"), ALL, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (pairing_same(rows[i].a, rows[i].b, &rows[i].rule) != rows[i].same ||
            pairing_same(rows[i].b, rows[i].a, &rows[i].rule) != rows[i].same) {
            fail_msg("%s", rows[i].what);
        }
    }
}

static void test_length(void **state)
{
    (void)state;
    char name[PAIRING_NAME_MAX + 1];
    char out[PAIRING_NAME_MAX];
    size_t n = 7;
    memset(name, 'a', sizeof(name));
    assert_true(pairing_normalise((struct str){name, PAIRING_NAME_MAX}, &ALL, out, &n));
    assert_int_equal(n, PAIRING_NAME_MAX);
    assert_false(pairing_normalise((struct str){name, PAIRING_NAME_MAX + 1}, &ALL, out, &n));
    assert_int_equal(n, 0);
    assert_false(
        pairing_same((struct str){name, sizeof(name)}, (struct str){name, sizeof(name)}, &ALL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
