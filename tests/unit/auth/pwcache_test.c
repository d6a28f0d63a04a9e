/* Proven credentials are remembered for their time, in their number, and by all four parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth/pwcache.h"
#include "base/mem.h"

static void digest(struct pwcache *c, const char *user, unsigned char out[PWCACHE_DIGEST])
{
    assert_int_equal(pwcache_digest(c, str_of(user), STR("h"), STR("p"), NULL, out), 0);
}

static void test_binding(void **state)
{
    (void)state;
    const unsigned char one[32] = {1};
    const unsigned char zero[32] = {0};
    const struct {
        const char *what;
        struct str user, hash, password;
        const unsigned char *cert;
    } rows[] = {
        {"the credential itself", STR("u"), STR("h"), STR("p"), one},
        {"another user", STR("v"), STR("h"), STR("p"), one},
        {"another stored hash", STR("u"), STR("i"), STR("p"), one},
        {"another password", STR("u"), STR("h"), STR("q"), one},
        {"another certificate", STR("u"), STR("h"), STR("p"), zero},
        {"no certificate", STR("u"), STR("h"), STR("p"), NULL},
        {"a border that moved", STR("uh"), STR(""), STR("p"), one},
        {"an empty password", STR("u"), STR("hp"), STR(""), one},
    };
    enum { N = sizeof(rows) / sizeof(rows[0]) };
    unsigned char d[N][PWCACHE_DIGEST];
    struct pwcache *c = pwcache_new(4, 1000);
    struct pwcache *other = pwcache_new(4, 1000);
    assert_non_null(c);
    assert_non_null(other);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(
            pwcache_digest(c, rows[i].user, rows[i].hash, rows[i].password, rows[i].cert, d[i]), 0);
        for (size_t k = 0; k < i; k++) {
            if (memcmp(d[i], d[k], PWCACHE_DIGEST) == 0) {
                fail_msg("%s has the digest of %s", rows[i].what, rows[k].what);
            }
        }
    }
    unsigned char again[PWCACHE_DIGEST];
    assert_int_equal(pwcache_digest(c, STR("u"), STR("h"), STR("p"), one, again), 0);
    assert_memory_equal(again, d[0], PWCACHE_DIGEST);
    assert_int_equal(pwcache_digest(other, STR("u"), STR("h"), STR("p"), one, again), 0);
    assert_memory_not_equal(again, d[0], PWCACHE_DIGEST);
    pwcache_put(c, d[0], 1);
    assert_true(pwcache_known(c, d[0], 2));
    for (size_t i = 1; i < N; i++) {
        assert_false(pwcache_known(c, d[i], 2));
    }
    pwcache_free(c);
    pwcache_free(other);
}

static void test_time(void **state)
{
    (void)state;
    unsigned char d[PWCACHE_DIGEST];
    struct pwcache *c = pwcache_new(2, 1000);
    digest(c, "u", d);
    assert_false(pwcache_known(c, d, 0));
    pwcache_put(c, d, 5000);
    assert_true(pwcache_known(c, d, 5000));
    assert_true(pwcache_known(c, d, 5999));
    assert_false(pwcache_known(c, d, 6000));
    assert_false(pwcache_known(c, d, 5999)); /* gone for good */
    pwcache_put(c, d, 5000);
    pwcache_put(c, d, 5900); /* put again: a new time */
    assert_true(pwcache_known(c, d, 6800));
    assert_false(pwcache_known(c, d, 5800)); /* a clock that went back trusts nothing */
    pwcache_free(c);
}

static void test_number(void **state)
{
    (void)state;
    unsigned char d[4][PWCACHE_DIGEST];
    struct pwcache *c = pwcache_new(3, 1000);
    const char *const users[] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < 4; i++) {
        digest(c, users[i], d[i]);
    }
    pwcache_put(c, d[0], 1);
    pwcache_put(c, d[1], 2);
    pwcache_put(c, d[2], 3);
    pwcache_put(c, d[0], 4); /* a is the newest now, b the oldest */
    pwcache_put(c, d[3], 5);
    assert_true(pwcache_known(c, d[0], 6));
    assert_false(pwcache_known(c, d[1], 6));
    assert_true(pwcache_known(c, d[2], 6));
    assert_true(pwcache_known(c, d[3], 6));
    for (unsigned i = 0; i < 1000; i++) {
        char user[2] = {(char)('A' + i % 26), '\0'};
        digest(c, user, d[0]);
        pwcache_put(c, d[0], 10);
        assert_true(pwcache_known(c, d[0], 10));
    }
    pwcache_free(c);
}

static void test_reset_and_off(void **state)
{
    (void)state;
    unsigned char d[PWCACHE_DIGEST];
    struct pwcache *c = pwcache_new(2, 1000);
    digest(c, "u", d);
    pwcache_put(c, d, 1);
    assert_int_equal(pwcache_reset(c, 2, 1000), 0);
    assert_false(pwcache_known(c, d, 1));
    pwcache_put(c, d, 1);
    assert_true(pwcache_known(c, d, 1));
    assert_int_equal(pwcache_reset(c, 2, 0), 0);
    pwcache_put(c, d, 1);
    assert_false(pwcache_known(c, d, 1));
    assert_int_equal(pwcache_reset(c, 0, 1000), 0);
    pwcache_put(c, d, 1);
    assert_false(pwcache_known(c, d, 1));
    digest(c, "u", d); /* the digest works all the same */
    pwcache_free(c);
    pwcache_free(NULL);
}

static void test_memory(void **state)
{
    (void)state;
    unsigned char d[PWCACHE_DIGEST];
    for (unsigned long nth = 1; nth <= 3; nth++) {
        mem_fail_after(nth, false);
        assert_null(pwcache_new(2, 1000));
    }
    mem_fail_after(0, false);
    struct pwcache *c = pwcache_new(2, 1000);
    digest(c, "u", d);
    pwcache_put(c, d, 1);
    for (unsigned long nth = 1; nth <= 2; nth++) {
        mem_fail_after(nth, false);
        assert_int_not_equal(pwcache_reset(c, 8, 1000), 0);
        mem_fail_after(0, false);
        assert_false(pwcache_known(c, d, 1));
        pwcache_put(c, d, 1);
        assert_false(pwcache_known(c, d, 1));
    }
    pwcache_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binding), cmocka_unit_test(test_time),
        cmocka_unit_test(test_number),  cmocka_unit_test(test_reset_and_off),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
