/* Changing htpasswd files: nothing else is touched, and nothing is lost. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/store/htpasswd.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#define H1 "$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2"
#define H2 "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="

static const struct {
    const char *says;
    const char *before; /* NULL: no file */
    const char *name;
    const char *hash;
    enum htpasswd_change what;
    int rc;
    const char *after; /* NULL: no file */
} rows[] = {
    {"the first user makes the file", NULL, "alice", H1, HTPASSWD_ADD, 0, "alice:" H1 "\n"},
    {"a further user goes to the end", "a:" H1 "\n", "b", H2, HTPASSWD_ADD, 0,
     "a:" H1 "\nb:" H2 "\n"},
    {"a missing line feed is added", "a:" H1, "b", H2, HTPASSWD_ADD, 0, "a:" H1 "\nb:" H2 "\n"},
    {"comments and order stay", "# x\n\nb:" H1 "\n#a:old\na:" H1 "\n", "b", H2, HTPASSWD_REPLACE, 0,
     "# x\n\nb:" H2 "\n#a:old\na:" H1 "\n"},
    {"lines that are wrong stay too", "junk\nb:plain\na:" H1 "\n", "a", H2, HTPASSWD_REPLACE, 0,
     "junk\nb:plain\na:" H2 "\n"},
    {"a wrong line can be mended", "b:plain\n", "b", H1, HTPASSWD_REPLACE, 0, "b:" H1 "\n"},
    {"line ends of other systems stay", "b:" H1 "\r\na:" H1 "\r\n", "b", H2, HTPASSWD_REPLACE, 0,
     "b:" H2 "\r\na:" H1 "\r\n"},
    {"delete the one, not those alike", "al:" H1 "\nali:" H1 "\nalic:" H1 "\n", "ali", NULL,
     HTPASSWD_DELETE, 0, "al:" H1 "\nalic:" H1 "\n"},
    {"delete the last", "a:" H1, "a", NULL, HTPASSWD_DELETE, 0, ""},
    {"a name twice is replaced by one", "a:" H1 "\nb:" H1 "\na:" H1 "\n", "a", H2, HTPASSWD_REPLACE,
     0, "a:" H2 "\nb:" H1 "\n"},
    {"add one that is there", "a:" H1 "\n", "a", H2, HTPASSWD_ADD, -ERR_EXISTS, "a:" H1 "\n"},
    {"replace one that is not", "a:" H1 "\n", "A", H2, HTPASSWD_REPLACE, -ERR_NOT_FOUND,
     "a:" H1 "\n"},
    {"delete one that is not", "#a:x\n", "a", NULL, HTPASSWD_DELETE, -ERR_NOT_FOUND, "#a:x\n"},
    {"replace in no file", NULL, "a", H2, HTPASSWD_REPLACE, -ERR_NOT_FOUND, NULL},
    {"delete in no file", NULL, "a", NULL, HTPASSWD_DELETE, -ERR_NOT_FOUND, NULL},
    {"an empty name", "a:" H1 "\n", "", H1, HTPASSWD_ADD, -ERR_MALFORMED, "a:" H1 "\n"},
    {"a colon", NULL, "a:b", H1, HTPASSWD_ADD, -ERR_MALFORMED, NULL},
    {"a line feed", NULL, "a\nroot", H1, HTPASSWD_ADD, -ERR_MALFORMED, NULL},
    {"a name that would be a comment", NULL, "#a", H1, HTPASSWD_ADD, -ERR_MALFORMED, NULL},
    {"a blank in front", NULL, " a", H1, HTPASSWD_ADD, -ERR_MALFORMED, NULL},
    {"a hash that is none", NULL, "a", "secret", HTPASSWD_ADD, -ERR_MALFORMED, NULL},
    {"a hash with a line feed", NULL, "a", H1 "\nb:" H1, HTPASSWD_ADD, -ERR_MALFORMED, NULL},
    {"no hash", NULL, "a", "", HTPASSWD_ADD, -ERR_MALFORMED, NULL},
};

static void test_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tmpdir dir;
        char path[TMPDIR_PATH_MAX];
        char new_path[TMPDIR_PATH_MAX];
        struct err e = {0};
        tmpdir_make(&dir);
        (void)tmpdir_path(&dir, "users", path);
        (void)tmpdir_path(&dir, "users.new", new_path);
        if (rows[i].before != NULL) {
            tmpdir_write(&dir, "users", rows[i].before, strlen(rows[i].before));
        }
        int rc =
            htpasswd_change(path, rows[i].what, str_of(rows[i].name), str_of(rows[i].hash), &e);
        CHECK_ROW(rows[i].says, rc == rows[i].rc);
        CHECK_ROW(rows[i].says, (rc == 0) == (e.text[0] == '\0'));
        CHECK_ROW(rows[i].says, (access(path, F_OK) == 0) == (rows[i].after != NULL));
        CHECK_ROW(rows[i].says, access(new_path, F_OK) != 0);
        if (rows[i].after != NULL) {
            char *text = tmpdir_read(&dir, "users", NULL);
            CHECK_STR(rows[i].says, str_of(text), str_of(rows[i].after));
            free(text);
        }
        tmpdir_remove(&dir);
    }
}

static void test_mode_and_leftover(void **state)
{
    (void)state;
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    char link_path[TMPDIR_PATH_MAX];
    struct stat st;
    tmpdir_make(&dir);
    (void)tmpdir_path(&dir, "users", path);
    (void)tmpdir_path(&dir, "link", link_path);
    assert_int_equal(htpasswd_change(path, HTPASSWD_ADD, STR("a"), STR(H1), NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(chmod(path, 0604), 0);
    /* What a writer that was killed left behind does no harm. */
    tmpdir_write(&dir, "users.new", "half a li", 9);
    assert_int_equal(htpasswd_change(path, HTPASSWD_ADD, STR("b"), STR(H1), NULL), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0604);
    /* A link stays a link to the changed file. */
    assert_int_equal(symlink("users", link_path), 0);
    assert_int_equal(htpasswd_change(link_path, HTPASSWD_DELETE, STR("a"), STR_NONE, NULL), 0);
    assert_int_equal(lstat(link_path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    char *text = tmpdir_read(&dir, "users", NULL);
    assert_string_equal(text, "b:" H1 "\n");
    free(text);
    tmpdir_remove(&dir);
}

static void test_nowhere(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(htpasswd_change("/nonexistent/users", HTPASSWD_ADD, STR("a"), STR(H1), &e),
                     -ERR_IO);
    assert_non_null(strstr(e.text, "/nonexistent/users"));
}

/* Writers at the same time: every user is there afterwards. */
static void test_many_writers(void **state)
{
    (void)state;
    enum { WRITERS = 4, USERS = 8 };
    struct tmpdir dir;
    char path[TMPDIR_PATH_MAX];
    tmpdir_make(&dir);
    (void)tmpdir_path(&dir, "users", path);
    pid_t children[WRITERS];
    for (int w = 0; w < WRITERS; w++) {
        children[w] = fork();
        assert_true(children[w] >= 0);
        if (children[w] == 0) {
            int rc = 0;
            for (int u = 0; u < USERS; u++) {
                char name[32];
                (void)snprintf(name, sizeof(name), "w%du%d", w, u);
                rc |= htpasswd_change(path, HTPASSWD_ADD, str_of(name), STR(H1), NULL);
            }
            _exit(rc == 0 ? 0 : 1);
        }
    }
    for (int w = 0; w < WRITERS; w++) {
        int status = -1;
        assert_int_equal(waitpid(children[w], &status, 0), children[w]);
        assert_int_equal(status, 0);
    }
    size_t n = 0;
    size_t users = 0;
    char *text = tmpdir_read(&dir, "users", &n);
    struct diags *d = diags_new();
    struct htpasswd *h = NULL;
    assert_int_equal(htpasswd_read("users", (struct str){text, n}, d, &h), 0);
    (void)htpasswd_entries(h, &users);
    assert_int_equal(users, WRITERS * USERS);
    htpasswd_free(h);
    diags_free(d);
    free(text);
    tmpdir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_mode_and_leftover),
        cmocka_unit_test(test_nowhere),
        cmocka_unit_test(test_many_writers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
