/* Counting connections over workers and addresses. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "proxy/server/admit.h"
#include "tests/support/check.h"

static struct addr addr_of(const char *text)
{
    struct addr a;
    assert_int_equal(0, addr_parse(str_of(text), true, &a, NULL));
    return a;
}

static void test_limits_over_all_workers(void **state)
{
    (void)state;
    struct admit_region *r = admit_region_new(2, 64);
    struct admit *a = admit_open(r, 0);
    struct admit *b = admit_open(r, 1);
    struct addr x = addr_of("192.0.2.1:0");
    struct addr y = addr_of("192.0.2.2:0");
    assert_int_equal(REASON_OK, admit_enter(a, &x, 3, 2));
    assert_int_equal(REASON_OK, admit_enter(b, &x, 3, 2));
    assert_int_equal(REASON_CONNECTIONS_PER_ADDRESS_MAX, admit_enter(a, &x, 3, 2));
    assert_int_equal(REASON_CONNECTIONS_PER_ADDRESS_MAX, admit_enter(b, &x, 3, 2));
    assert_int_equal(REASON_OK, admit_enter(a, &y, 3, 2));
    assert_int_equal(REASON_CONNECTIONS_MAX, admit_enter(b, &y, 3, 2));
    admit_leave(b, &x);
    assert_int_equal(REASON_OK, admit_enter(b, &x, 3, 2));
    admit_free(a);
    admit_free(b);
    admit_region_free(r);
}

struct row {
    const char *says;
    const char *first;
    const char *second;
    bool same;
};

static const struct row rows[] = {
    {"another port", "192.0.2.1:1", "192.0.2.1:2", true},
    {"another address", "192.0.2.1:1", "192.0.2.2:1", false},
    {"one /64", "[2001:db8::1]:1", "[2001:db8::ffff]:1", true},
    {"another /64", "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
    {"mapped IPv4", "[::ffff:192.0.2.1]:1", "192.0.2.1:1", true},
};

static void test_what_is_one_address(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct admit_region *r = admit_region_new(1, 64);
        struct admit *a = admit_open(r, 0);
        struct addr x = addr_of(rows[i].first);
        struct addr y = addr_of(rows[i].second);
        assert_int_equal(REASON_OK, admit_enter(a, &x, 100, 1));
        CHECK_ROW(rows[i].says, (admit_enter(a, &y, 100, 1) != REASON_OK) == rows[i].same);
        admit_free(a);
        admit_region_free(r);
    }
}

static void test_no_limit_for_an_address(void **state)
{
    (void)state;
    struct admit_region *r = admit_region_new(1, 64);
    struct admit *a = admit_open(r, 0);
    struct addr x = addr_of("192.0.2.1:0");
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(REASON_OK, admit_enter(a, &x, 1000, 0));
    }
    assert_int_equal(REASON_CONNECTIONS_MAX, admit_enter(a, &x, 1000, 0));
    admit_free(a);
    admit_region_free(r);
}

/* More addresses than places: the total still holds, and leaving brings it back to zero. */
static void test_a_full_table(void **state)
{
    (void)state;
    struct admit_region *r = admit_region_new(1, 16);
    struct admit *a = admit_open(r, 0);
    char text[32];
    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof(text), "10.0.0.%u:0", i);
        struct addr x = addr_of(text);
        assert_int_equal(REASON_OK, admit_enter(a, &x, 200, 1));
    }
    struct addr y = addr_of("10.0.1.1:0");
    assert_int_equal(REASON_CONNECTIONS_MAX, admit_enter(a, &y, 200, 1));
    for (unsigned i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof(text), "10.0.0.%u:0", i);
        struct addr x = addr_of(text);
        admit_leave(a, &x);
    }
    assert_int_equal(REASON_OK, admit_enter(a, &y, 1, 1));
    admit_free(a);
    admit_region_free(r);
}

static void test_leaving_twice_counts_once(void **state)
{
    (void)state;
    struct admit_region *r = admit_region_new(1, 16);
    struct admit *a = admit_open(r, 0);
    struct addr x = addr_of("192.0.2.1:0");
    assert_int_equal(REASON_OK, admit_enter(a, &x, 1, 1));
    admit_leave(a, &x);
    admit_leave(a, &x);
    assert_int_equal(REASON_OK, admit_enter(a, &x, 1, 1));
    assert_int_equal(REASON_CONNECTIONS_MAX, admit_enter(a, &x, 1, 1));
    admit_free(a);
    admit_region_free(r);
}

static void test_a_dead_worker_is_forgotten(void **state)
{
    (void)state;
    struct admit_region *r = admit_region_new(2, 64);
    struct addr x = addr_of("192.0.2.1:0");
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct admit *dying = admit_open(r, 1);
        _exit(admit_enter(dying, &x, 1, 1) == REASON_OK ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(pid, waitpid(pid, &status, 0));
    assert_int_equal(0, status);
    struct admit *a = admit_open(r, 0);
    assert_int_equal(REASON_CONNECTIONS_MAX, admit_enter(a, &x, 1, 1));
    admit_clear(r, 1);
    assert_int_equal(REASON_OK, admit_enter(a, &x, 1, 1));
    admit_free(a);
    admit_region_free(r);
}

static void test_no_memory(void **state)
{
    (void)state;
    mem_fail_after(1, false);
    assert_null(admit_region_new(1, 16));
    mem_fail_after(0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_over_all_workers),
        cmocka_unit_test(test_what_is_one_address),
        cmocka_unit_test(test_no_limit_for_an_address),
        cmocka_unit_test(test_a_full_table),
        cmocka_unit_test(test_leaving_twice_counts_once),
        cmocka_unit_test(test_a_dead_worker_is_forgotten),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
