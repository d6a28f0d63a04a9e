/* The book of workers: places, deadlines, and the rest of one that dies too often. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "proxy/proc/children.h"

static void places(void **state)
{
    (void)state;
    struct children c;
    assert_int_equal(children_init(&c, 3), 0);
    assert_int_equal(children_alive(&c), 0);
    int fd = open("/dev/null", O_RDONLY);
    children_add(&c, 1, 4711, fd, 100);
    assert_int_equal(children_alive(&c), 1);
    assert_int_equal(children_ready(&c), 0);
    c.v[1].state = CHILD_READY;
    assert_int_equal(children_ready(&c), 1);
    c.v[1].state = CHILD_DRAINING;
    assert_int_equal(children_ready(&c), 0);
    children_remove(&c, 1);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(children_alive(&c), 0);
    children_fini(&c);
}

static void without_memory(void **state)
{
    (void)state;
    struct children c;
    mem_fail_after(1, false);
    assert_int_equal(children_init(&c, 3), -ERR_NOMEM);
    mem_fail_after(0, false);
    children_fini(&c);
}

/* Ten deaths in ten seconds are let pass, the eleventh is not; each place counts for itself. */
static void rest_after_many_deaths(void **state)
{
    (void)state;
    struct children c;
    assert_int_equal(children_init(&c, 2), 0);
    for (unsigned i = 0; i < CHILDREN_DEATHS_MAX; i++) {
        assert_false(children_died(&c, 0, 1000 + i));
        assert_int_equal(c.v[0].rest_until_ms, 0);
    }
    assert_true(children_died(&c, 0, 2000));
    assert_int_equal(c.v[0].rest_until_ms, 2000 + CHILDREN_REST_MS);
    assert_false(children_died(&c, 1, 2000));
    assert_int_equal(children_deadline(&c, 2), 0);
    c.v[1].state = CHILD_READY;
    assert_int_equal(children_deadline(&c, 2), 2000 + CHILDREN_REST_MS);
    assert_int_equal(children_deadline(&c, 0), UINT64_MAX);
    children_fini(&c);
}

static void slow_deaths_need_no_rest(void **state)
{
    (void)state;
    struct children c;
    assert_int_equal(children_init(&c, 1), 0);
    for (uint64_t i = 0; i < 100; i++) {
        assert_false(children_died(&c, 0, i * (CHILDREN_WINDOW_MS / CHILDREN_DEATHS_MAX)));
    }
    children_fini(&c);
}

static void deadlines(void **state)
{
    (void)state;
    struct children c;
    assert_int_equal(children_init(&c, 3), 0);
    assert_int_equal(children_deadline(&c, 0), UINT64_MAX);
    children_add(&c, 0, 1, -1, 0);
    children_add(&c, 1, 2, -1, 0);
    children_add(&c, 2, 3, -1, 0);
    assert_int_equal(children_deadline(&c, 3), UINT64_MAX);
    c.v[0].state = CHILD_DRAINING;
    c.v[0].deadline_ms = 500;
    c.v[2].state = CHILD_STOPPING;
    c.v[2].deadline_ms = 300;
    assert_int_equal(children_deadline(&c, 3), 300);
    c.v[2].state = CHILD_KILLED;
    assert_int_equal(children_deadline(&c, 3), 500);
    children_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(rest_after_many_deaths),
        cmocka_unit_test(slow_deaths_need_no_rest),
        cmocka_unit_test(deadlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
