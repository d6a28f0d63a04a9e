/* Who the clients are. Certificates are read by the flow tests. */
#include "base/mem.h"
#include "bench/identities.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

static struct options basic(void)
{
    return (struct options){
        .method = "GET", .path = "/", .server = "localhost", .mode = MODE_REQUEST};
}

static void test_nobody_in_particular(void **state)
{
    (void)state;
    struct options o = basic();
    struct identities ids = {0};
    struct err e = {0};
    assert_int_equal(identities_load(&o, NULL, &ids, &e), 0);
    assert_int_equal(ids.n, 1);
    assert_null(ids.v[0].cert);
    assert_null(strstr(ids.v[0].request.p, "Authorization"));
    identities_free(&ids);
}

static void test_users_without_certificates(void **state)
{
    (void)state;
    static const char text[] = "b bob 1\na alice 2\n";
    struct tmpdir d;
    char path[TMPDIR_PATH_MAX];
    struct options o = basic();
    tmpdir_make(&d);
    tmpdir_write(&d, "users", text, sizeof(text) - 1);
    o.users = tmpdir_path(&d, "users", path);
    mem_fail_after(0, false);
    struct identities ids = {0};
    struct err e = {0};
    assert_int_equal(identities_load(&o, NULL, &ids, &e), 0);
    unsigned long n = mem_allocations();
    assert_int_equal(ids.n, 2);
    /* In the file's order: bob:1, alice:2. */
    assert_non_null(strstr(ids.v[0].request.p, "Basic Ym9iOjE=\r\n"));
    assert_non_null(strstr(ids.v[1].request.p, "Basic YWxpY2U6Mg==\r\n"));
    identities_free(&ids);
    for (unsigned long i = 1; i <= n; i++) {
        e = (struct err){0};
        mem_fail_after(i, false);
        int rc = identities_load(&o, NULL, &ids, &e);
        mem_fail_after(0, false);
        assert_int_equal(rc, -ERR_NOMEM);
        identities_free(&ids);
    }
    tmpdir_remove(&d);
}

static void test_mismatch_needs_two(void **state)
{
    (void)state;
    struct tmpdir d;
    char path[TMPDIR_PATH_MAX];
    struct options o = basic();
    struct identities ids = {0};
    struct err e = {0};
    tmpdir_make(&d);
    tmpdir_write(&d, "users", "a alice 2\n", 10);
    o.users = tmpdir_path(&d, "users", path);
    o.mismatch = 0.1;
    assert_int_equal(identities_load(&o, NULL, &ids, &e), -ERR_CONFIG);
    assert_non_null(strstr(e.text, "two clients"));
    identities_free(&ids);
    tmpdir_remove(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_in_particular),
        cmocka_unit_test(test_users_without_certificates),
        cmocka_unit_test(test_mismatch_needs_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
