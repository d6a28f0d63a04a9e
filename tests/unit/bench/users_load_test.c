/* The file of users: refused first; no secret in what is said about it. */
#include "base/mem.h"
#include "bench/users_load.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

static const struct {
    const char *says;
    const char *text;
    const char *line; /* that the error names */
} refused[] = {
    {"empty", "", "nobody"},
    {"only a comment", "# nobody\n\n", "nobody"},
    {"a name alone", "a\n", ":1"},
    {"no password", "a b\n", ":1"},
    {"an empty password", "a b \n", ":1"},
    {"an empty user", "a  hush-hush\n", ":1"},
    {"an empty name", " b hush-hush\n", ":1"},
    {"a colon in the user", "a b c\nd e:f hush-hush\n", ":2"},
    {"a control in the password", "a b hush-\thush\n", ":1"},
    {"a line of DOS", "a b hush-hush\r\n", ":1"},
};

static void test_refused(void **state)
{
    (void)state;
    struct tmpdir d;
    char path[TMPDIR_PATH_MAX];
    tmpdir_make(&d);
    for (size_t i = 0; i < ROWS(refused); i++) {
        struct user_list l = {0};
        struct err e = {0};
        tmpdir_write(&d, "users", refused[i].text, strlen(refused[i].text));
        CHECK_ROW(refused[i].says,
                  user_list_load(tmpdir_path(&d, "users", path), &l, &e) == -ERR_CONFIG);
        CHECK_ROW(refused[i].says, strstr(e.text, refused[i].line) != NULL);
        CHECK_ROW(refused[i].says, strstr(e.text, "hush") == NULL);
        user_list_free(&l);
    }
    struct user_list l = {0};
    struct err e = {0};
    assert_int_equal(user_list_load(d.path, &l, &e), -ERR_CONFIG);
    user_list_free(&l);
    e = (struct err){0};
    assert_int_equal(user_list_load(tmpdir_path(&d, "none", path), &l, &e), -ERR_CONFIG);
    user_list_free(&l);
    tmpdir_remove(&d);
}

static void test_found_by_name(void **state)
{
    (void)state;
    static const char text[] = "# who\nzoe z@x pass word: with blanks\n\nadam a 1\nzo q 2";
    struct tmpdir d;
    char path[TMPDIR_PATH_MAX];
    struct user_list l = {0};
    struct err e = {0};
    tmpdir_make(&d);
    tmpdir_write(&d, "users", text, sizeof(text) - 1);
    assert_int_equal(user_list_load(tmpdir_path(&d, "users", path), &l, &e), 0);
    assert_int_equal(l.n, 3);
    CHECK_STR("in the file's order", l.v[0].name, STR("zoe"));
    CHECK_STR("blanks belong to the password", l.v[0].password, STR("pass word: with blanks"));
    CHECK_STR("found", user_list_find(&l, STR("adam"))->user, STR("a"));
    CHECK_STR("found though it begins another", user_list_find(&l, STR("zo"))->password, STR("2"));
    assert_null(user_list_find(&l, STR("zoey")));
    assert_null(user_list_find(&l, STR("")));
    user_list_free(&l);
    assert_null(user_list_find(&l, STR("adam")));
    tmpdir_remove(&d);
}

static void test_without_memory(void **state)
{
    (void)state;
    struct tmpdir d;
    char path[TMPDIR_PATH_MAX];
    tmpdir_make(&d);
    tmpdir_write(&d, "users", "a b c\n", 6);
    for (unsigned long n = 1; n <= 3; n++) {
        struct user_list l = {0};
        struct err e = {0};
        mem_fail_after(n, false);
        int rc = user_list_load(tmpdir_path(&d, "users", path), &l, &e);
        mem_fail_after(0, false);
        assert_int_equal(rc, -ERR_NOMEM);
        user_list_free(&l);
    }
    tmpdir_remove(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_found_by_name),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
