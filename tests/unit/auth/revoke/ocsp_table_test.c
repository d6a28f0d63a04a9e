/* Answers in shared memory: what is kept, what gives way, what a second process sees. */
#include <sys/wait.h>
#include <unistd.h>

#include "auth/revoke/ocsp_table.h"
#include "base/mem.h"
#include "tests/support/check.h"

static void make_key(unsigned n, unsigned char key[OCSP_KEY])
{
    memset(key, 0, OCSP_KEY);
    memcpy(key, &n, sizeof(n));
    memcpy(key + 16, &n, sizeof(n));
}

static void put(struct ocsp_table *t, unsigned n, enum ocsp_status status, int64_t until_s)
{
    unsigned char key[OCSP_KEY];
    make_key(n, key);
    ocsp_table_put(t, key, &(struct ocsp_entry){status, until_s, until_s - 1, until_s - 2});
}

static enum ocsp_status get(const struct ocsp_table *t, unsigned n)
{
    unsigned char key[OCSP_KEY];
    make_key(n, key);
    return ocsp_table_get(t, key).status;
}

static void test_kept(void **state)
{
    (void)state;
    unsigned char key[OCSP_KEY];
    struct ocsp_table *t = ocsp_table_new(64);
    assert_int_equal(get(t, 1), OCSP_STATUS_NONE);
    put(t, 1, OCSP_STATUS_GOOD, 100);
    make_key(1, key);
    struct ocsp_entry e = ocsp_table_get(t, key);
    assert_int_equal(e.status, OCSP_STATUS_GOOD);
    assert_int_equal(e.until_s, 100);
    assert_int_equal(e.refresh_s, 99);
    assert_int_equal(e.this_s, 98);
    key[OCSP_KEY - 1] ^= 1;
    assert_int_equal(ocsp_table_get(t, key).status, OCSP_STATUS_NONE);
    assert_int_equal(ocsp_table_revocations(t), 0);
    put(t, 1, OCSP_STATUS_REVOKED, 100);
    put(t, 1, OCSP_STATUS_REVOKED, 200);
    assert_int_equal(get(t, 1), OCSP_STATUS_REVOKED);
    assert_int_equal(ocsp_table_revocations(t), 1);
    ocsp_table_free(t);
    ocsp_table_free(NULL);
}

/* One set of four: the fifth takes the place that ends first, a revoked one stays. */
static void test_full(void **state)
{
    (void)state;
    struct ocsp_table *t = ocsp_table_new(1);
    put(t, 1, OCSP_STATUS_REVOKED, 1);
    put(t, 2, OCSP_STATUS_GOOD, 30);
    put(t, 3, OCSP_STATUS_GOOD, 20);
    put(t, 4, OCSP_STATUS_GOOD, 40);
    put(t, 5, OCSP_STATUS_GOOD, 50);
    assert_int_equal(get(t, 3), OCSP_STATUS_NONE);
    assert_int_equal(get(t, 1), OCSP_STATUS_REVOKED);
    assert_int_equal(get(t, 2), OCSP_STATUS_GOOD);
    assert_int_equal(get(t, 5), OCSP_STATUS_GOOD);
    ocsp_table_free(t);
}

static void test_another_process(void **state)
{
    (void)state;
    struct ocsp_table *t = ocsp_table_new(1024);
    pid_t pid = fork();
    if (pid == 0) {
        for (unsigned i = 0; i < 20000; i++) {
            put(t, 7, i % 2 == 0 ? OCSP_STATUS_GOOD : OCSP_STATUS_UNKNOWN, i % 2 == 0 ? 1 : 2);
        }
        _exit(0);
    }
    assert_true(pid > 0);
    unsigned char key[OCSP_KEY];
    make_key(7, key);
    for (unsigned i = 0; i < 20000; i++) {
        struct ocsp_entry e = ocsp_table_get(t, key);
        /* Never half of one and half of the other. */
        assert_true(
            e.status == OCSP_STATUS_NONE ||
            (e.until_s == (e.status == OCSP_STATUS_GOOD ? 1 : 2) && e.this_s == e.until_s - 2));
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(get(t, 7), OCSP_STATUS_UNKNOWN);
    ocsp_table_free(t);
}

static void test_memory(void **state)
{
    (void)state;
    mem_fail_after(1, false);
    assert_null(ocsp_table_new(64));
    mem_fail_after(0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_another_process),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
