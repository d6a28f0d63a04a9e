/* Shared memory: zeroed, seen across fork. */
#include <stdatomic.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/shm.h"
#include "tests/support/check.h"

static void test_across_fork(void **state)
{
    (void)state;
    _Atomic int *shared = shm_map(5000);
    assert_non_null(shared);
    for (size_t i = 0; i < 5000 / sizeof(int); i++) {
        assert_int_equal(shared[i], 0);
    }
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        atomic_fetch_add(&shared[1000], 42);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(shared[1000], 42);
    shm_unmap(shared, 5000);
}

static void test_refused(void **state)
{
    (void)state;
    assert_null(shm_map(0));
    assert_null(shm_map(SIZE_MAX));
    assert_null(shm_map(SIZE_MAX / 2));
    shm_unmap(NULL, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_across_fork),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
