/* Tests of ca/child.c with small shell scripts. The kill() of this program stands before the C
 * library's, so that no group is signalled that could be another's. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "ca/child.h"
#include "tests/support/check.h"

static unsigned kills;        /* of groups */
static unsigned kills_astray; /* of one whose number its leader no longer holds */

int kill(pid_t pid, int number)
{
    siginfo_t end;
    if (pid < 0) {
        kills++;
        kills_astray += waitid(P_PID, (id_t)-pid, &end, WEXITED | WNOHANG | WNOWAIT) != 0;
    }
    return (int)syscall(SYS_kill, pid, number);
}

static struct child_wish wish(const char *const *argv, struct str input)
{
    return (struct child_wish){
        .path = argv[0], .argv = argv, .input = input, .words = true, .limit_ms = 1000};
}

/* Ask until it has ended. */
static void await(struct child *c, int *status, char words[CHILD_WORDS_MAX + 1])
{
    while (!child_ended(c, status, words)) {
        (void)poll(NULL, 0, 1);
    }
}

static void refused(void **state)
{
    static const char much[CHILD_INPUT_MAX + 1] = {0};
    static const struct {
        const char *says;
        const char *path;
        size_t input;
    } rows[] = {
        {"there is no such program", "/nonexistent/program", 0},
        {"a directory is none", "/", 0},
        {"more input than a pipe takes", "/bin/true", CHILD_INPUT_MAX + 1},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct err e = {0};
        struct child c;
        const char *const argv[] = {rows[i].path, NULL};
        struct child_wish w = wish(argv, (struct str){much, rows[i].input});
        CHECK_ROW(rows[i].says, child_start(&c, &w, &e) == -ERR_IO);
        CHECK_ROW(rows[i].says, strstr(e.text, rows[i].path) != NULL && c.pid == 0);
        child_kill(&c); /* nothing runs: nobody is signalled */
        CHECK_ROW(rows[i].says, kills == 0);
    }
}

static void ends(void **state)
{
    static const struct {
        const char *says;
        const char *script;
        const char *input;
        int status; /* of exit, or less than 0: of a signal */
        const char *words;
    } rows[] = {
        {"it fails", "exit 3", "", 3, ""},
        {"a signal ends it", "kill -TERM $$", "", -SIGTERM, ""},
        {"what it says is its first line", "echo one >&2; echo two >&2; exit 1", "", 1, "one"},
        {"it is cut", "printf '%0300d' 0 >&2", "", 0,
         "00000000000000000000000000000000000000000000000000"
         "00000000000000000000000000000000000000000000000000"
         "00000000000000000000000000000000000000000000000000"
         "00000000000000000000000000000000000000000000000000"},
        {"what goes to standard output is nobody's", "echo secret", "", 0, ""},
        {"nothing else is open", "[ \"$(ls /proc/self/fd | wc -l)\" -le 4 ]", "", 0, ""},
        {"nothing of the environment is", "[ -z \"$SECRET\" ]", "", 0, ""},
        {"it reads its input to the end", "read a; ! read b && [ \"$a\" = word ]", "word\n", 0, ""},
    };
    (void)state;
    assert_int_equal(setenv("SECRET", "x", 1), 0);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *const argv[] = {"/bin/sh", "-c", rows[i].script, NULL};
        struct child_wish w = wish(argv, str_of(rows[i].input));
        char words[CHILD_WORDS_MAX + 1];
        struct err e = {0};
        struct child c;
        int status = 0;
        clock_fake(1000, 0);
        assert_int_equal(child_start(&c, &w, &e), 0);
        await(&c, &status, words);
        int how = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
        CHECK_ROW(rows[i].says, how == rows[i].status);
        CHECK_STR(rows[i].says, str_of(words), str_of(rows[i].words));
        CHECK_ROW(rows[i].says, c.pid == 0 && c.words_fd < 0);
    }
    assert_int_equal(kills_astray, 0);
}

/* Wait for all that is left of the group; what a leader left behind is our child, see set_up(). If
 * it were not killed, this would take ten minutes. */
static void await_rest(pid_t group)
{
    int status = 0;
    while (waitpid(-group, &status, 0) > 0) {
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
}

/* The clock stands still until the child has begun, and then is past its time. */
static void late(void **state)
{
    static const char *const argv[] = {"/bin/sh", "-c", "sleep 600 & sleep 600", NULL};
    struct child_wish w = wish(argv, STR_NONE);
    char words[CHILD_WORDS_MAX + 1];
    struct child c;
    int status = 0;
    (void)state;
    clock_fake(1000, 0);
    assert_int_equal(child_start(&c, &w, NULL), 0);
    pid_t group = c.pid;
    clock_fake(1999, 0);
    kills = 0;
    assert_false(child_ended(&c, &status, words));
    assert_int_equal(kills, 0);
    clock_fake(2000, 0);
    assert_false(child_ended(&c, &status, words));
    assert_true(kills > 0);
    await(&c, &status, words);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    await_rest(group);
    assert_int_equal(kills_astray, 0);
}

/* Its leader has ended, and is reaped only behind the signal to the rest. */
static void left_behind(void **state)
{
    static const char *const argv[] = {"/bin/sh", "-c", "sleep 600 >&2 & exit 0", NULL};
    struct child_wish w = wish(argv, STR_NONE);
    char words[CHILD_WORDS_MAX + 1];
    struct child c;
    int status = -1;
    (void)state;
    clock_fake(1000, 0);
    assert_int_equal(child_start(&c, &w, NULL), 0);
    pid_t group = c.pid;
    kills = 0;
    await(&c, &status, words);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(kills, 1);
    assert_int_equal(kills_astray, 0);
    await_rest(group);
}

/* Where somebody else has reaped it, its number may be anybody's. */
static void reaped_elsewhere(void **state)
{
    static const char *const argv[] = {"/bin/sh", "-c", "exit 0", NULL};
    struct child_wish w = wish(argv, STR_NONE);
    char words[CHILD_WORDS_MAX + 1];
    struct child c;
    int status = 0;
    (void)state;
    assert_int_equal(child_start(&c, &w, NULL), 0);
    assert_int_equal(waitpid(c.pid, NULL, 0), c.pid);
    kills = 0;
    assert_true(child_ended(&c, &status, words));
    assert_int_equal(kills, 0);
    assert_int_equal(status, -1); /* not a success */
    assert_int_equal(c.pid, 0);
    assert_int_equal(child_start(&c, &w, NULL), 0);
    assert_int_equal(waitpid(c.pid, NULL, 0), c.pid);
    child_kill(&c);
    assert_int_equal(kills, 0);
}

static void killed(void **state)
{
    static const char *const argv[] = {"/bin/sh", "-c", "sleep 600 & sleep 600", NULL};
    struct child_wish w = wish(argv, STR_NONE);
    struct child c;
    (void)state;
    assert_int_equal(child_start(&c, &w, NULL), 0);
    pid_t group = c.pid;
    child_kill(&c);
    assert_int_equal(c.pid, 0);
    await_rest(group);
    kills = 0;
    child_kill(&c); /* again: nothing */
    assert_int_equal(kills, 0);
    assert_int_equal(kills_astray, 0);
}

static int set_up(void **state)
{
    (void)state;
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

static int tear_down(void **state)
{
    (void)state;
    clock_fake(-1, -1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(ends),
        cmocka_unit_test(late),
        cmocka_unit_test(left_behind),
        cmocka_unit_test(reaped_elsewhere),
        cmocka_unit_test(killed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
