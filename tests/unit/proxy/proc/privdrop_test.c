/* Giving up root: found by name, done for good, refused where it cannot be done. */
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/proc/privdrop.h"

static void nothing_wanted(void **state)
{
    (void)state;
    struct privdrop p;
    struct err e = {0};
    assert_int_equal(privdrop_find(NULL, NULL, &p, &e), 0);
    assert_false(p.wanted);
    assert_int_equal(privdrop_now(&p, &e), 0);
}

static void unknown_names(void **state)
{
    (void)state;
    struct privdrop p;
    struct err e = {0};
    assert_int_equal(privdrop_find("no-such-user-here", NULL, &p, &e), -ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "process.user"));
    err_clear(&e);
    assert_int_equal(privdrop_find(NULL, "no-such-group-here", &p, &e), -ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "process.group"));
}

static int in_child(int (*what)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(what());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int become_nobody(void)
{
    struct privdrop p;
    struct err e = {0};
    gid_t groups[64];
    if (privdrop_find("nobody", NULL, &p, &e) != 0 || !p.wanted) {
        return 1;
    }
    if (privdrop_now(&p, &e) != 0) {
        return 2;
    }
    if (getuid() != p.uid || geteuid() != p.uid || getegid() != p.gid || setuid(0) == 0) {
        return 3;
    }
    int n = getgroups(64, groups);
    for (int i = 0; i < n; i++) {
        if (groups[i] == 0) {
            return 4;
        }
    }
    return 0;
}

static int group_only(void)
{
    struct privdrop p;
    struct err e = {0};
    if (privdrop_find(NULL, "nogroup", &p, &e) != 0 || !p.wanted || privdrop_now(&p, &e) != 0) {
        return 1;
    }
    return getegid() == p.gid && getuid() == 0 ? 0 : 2;
}

static int not_root(void)
{
    struct privdrop p;
    struct err e = {0};
    if (setresuid(65534, 65534, 65534) != 0) {
        return 1;
    }
    return privdrop_find("daemon", NULL, &p, &e) == -ERR_DENIED ? 0 : 2;
}

static int not_allowed(void)
{
    struct privdrop p = {.wanted = true, .uid = 1, .gid = 1};
    struct err e = {0};
    if (setresuid(65534, 65534, 65534) != 0) {
        return 1;
    }
    return privdrop_now(&p, &e) == -ERR_DENIED ? 0 : 2;
}

static void as_root(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(in_child(become_nobody), 0);
    assert_int_equal(in_child(group_only), 0);
    assert_int_equal(in_child(not_root), 0);
    assert_int_equal(in_child(not_allowed), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_wanted),
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(as_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
