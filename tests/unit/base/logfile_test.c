/* Log files: full disk, slow and closed pipes, rotation; no line is torn, no loss is silent. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/logfile.h"
#include "base/mem.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

static struct tmpdir dir;

static int set_up(void **state)
{
    (void)state;
    tmpdir_make(&dir);
    clock_fake(0, 0);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    clock_fake(-1, -1);
    tmpdir_remove(&dir);
    return 0;
}

static struct logfile *open_in_dir(const char *name, size_t batch_bytes)
{
    char path[TMPDIR_PATH_MAX];
    struct err e = {0};
    struct logfile *f = logfile_open(tmpdir_path(&dir, name, path), batch_bytes, &e);
    if (f == NULL) {
        fail_msg("%s", e.text);
    }
    return f;
}

static void assert_file(const char *name, const char *wanted)
{
    char *got = tmpdir_read(&dir, name, NULL);
    assert_string_equal(got, wanted);
    free(got);
}

static void test_appends(void **state)
{
    (void)state;
    char path[TMPDIR_PATH_MAX];
    struct stat st;
    mode_t before = umask(077);
    struct logfile *f = open_in_dir("a", 0);
    (void)umask(before);
    assert_int_equal(stat(tmpdir_path(&dir, "a", path), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    logfile_line(f, STR("one"));
    assert_file("a", "one\n");
    logfile_line(f, STR_NONE);
    logfile_close(f);
    f = open_in_dir("a", 0);
    logfile_line(f, STR("two"));
    logfile_close(f);
    assert_file("a", "one\n\ntwo\n");
}

static void test_batches(void **state)
{
    (void)state;
    struct logfile *f = open_in_dir("b", 10);
    assert_false(logfile_is_waiting(f));
    logfile_line(f, STR("1234"));
    assert_true(logfile_is_waiting(f));
    assert_file("b", "");
    logfile_line(f, STR("5678"));
    assert_file("b", "1234\n5678\n");
    assert_false(logfile_is_waiting(f));
    logfile_line(f, STR("x"));
    logfile_flush(f);
    assert_file("b", "1234\n5678\nx\n");
    logfile_line(f, STR("y"));
    logfile_close(f);
    assert_file("b", "1234\n5678\nx\ny\n");
}

/* In the handler of a signal, while all else stands still. */
static void test_rescue(void **state)
{
    (void)state;
    struct logfile *f = open_in_dir("r", 100);
    logfile_rescue(f);
    logfile_line(f, STR("a"));
    logfile_line(f, STR("b"));
    logfile_rescue(f);
    assert_file("r", "a\nb\n");
    assert_true(logfile_is_waiting(f));
    logfile_close(f);
    struct err e = {0};
    f = logfile_open("off", 100, &e);
    logfile_line(f, STR("a"));
    logfile_rescue(f);
    assert_false(logfile_is_waiting(f));
    logfile_close(f);
}

static void test_cannot_open(void **state)
{
    (void)state;
    struct err e = {0};
    assert_null(logfile_open("/nonexistent/x", 0, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "\"/nonexistent/x\""));
    err_clear(&e);
    assert_null(logfile_open("/", 0, &e));
    assert_int_equal(e.code, ERR_IO);
    for (unsigned long nth = 1; nth <= 2; nth++) {
        char path[TMPDIR_PATH_MAX];
        err_clear(&e);
        mem_fail_after(nth, false);
        assert_null(logfile_open(tmpdir_path(&dir, "c", path), 0, &e));
        mem_fail_after(0, false);
        assert_int_equal(e.code, ERR_NOMEM);
    }
    logfile_close(NULL);
}

static void test_off(void **state)
{
    (void)state;
    struct logfile *f = logfile_open("off", 0, NULL);
    assert_non_null(f);
    logfile_line(f, STR("x"));
    logfile_flush(f);
    assert_int_equal(logfile_reopen(f, NULL), 0);
    assert_int_equal(logfile_lost(f), 0);
    logfile_close(f);
}

static void test_full_disk(void **state)
{
    (void)state;
    struct logfile *f = logfile_open("/dev/full", 0, NULL);
    assert_non_null(f);
    for (unsigned i = 1; i <= 5; i++) {
        logfile_line(f, STR("x"));
        assert_int_equal(logfile_lost(f), i);
    }
    logfile_close(f);
}

static void limit_file_size(rlim_t n)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = n;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_disk_full_inside_a_line(void **state)
{
    (void)state;
    struct logfile *f = open_in_dir("d", 0);
    logfile_line(f, STR("1234"));
    limit_file_size(8);
    logfile_line(f, STR("abcdef"));
    logfile_line(f, STR("lost 1"));
    logfile_line(f, STR("lost 2"));
    limit_file_size(RLIM_INFINITY);
    assert_file("d", "1234\nabc");
    assert_int_equal(logfile_lost(f), 2);
    logfile_line(f, STR("again"));
    logfile_line(f, STR("and again"));
    logfile_close(f);
    assert_file("d", "1234\nabcdef\n"
                     "time=1970-01-01T00:00:00.000Z level=warning event=log_lines_lost lines=2\n"
                     "again\nand again\n");
}

static void test_disk_full_inside_the_notice(void **state)
{
    (void)state;
    struct logfile *f = open_in_dir("n", 0);
    logfile_set_json(f, true);
    limit_file_size(0);
    logfile_line(f, STR("{}"));
    limit_file_size(10);
    logfile_line(f, STR("{\"x\":1}"));
    limit_file_size(RLIM_INFINITY);
    assert_int_equal(logfile_lost(f), 2);
    logfile_line(f, STR("{\"y\":1}"));
    logfile_line(f, STR("{\"z\":1}"));
    logfile_close(f);
    assert_file("n", "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"warning\","
                     "\"event\":\"log_lines_lost\",\"lines\":1}\n"
                     "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"warning\","
                     "\"event\":\"log_lines_lost\",\"lines\":1}\n"
                     "{\"y\":1}\n{\"z\":1}\n");
}

static void test_rotation(void **state)
{
    (void)state;
    char path[TMPDIR_PATH_MAX];
    char moved[TMPDIR_PATH_MAX];
    struct err e = {0};
    assert_int_equal(mkdir(tmpdir_path(&dir, "r", path), 0755), 0);
    struct logfile *f = open_in_dir("r/log", 100);
    logfile_line(f, STR("old"));
    assert_int_equal(rename(tmpdir_path(&dir, "r/log", path), tmpdir_path(&dir, "r.1", moved)), 0);
    assert_int_equal(rmdir(tmpdir_path(&dir, "r", path)), 0);
    assert_int_equal(logfile_reopen(f, &e), -ERR_NOT_FOUND);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    logfile_line(f, STR("still old"));
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(logfile_reopen(f, NULL), 0);
    logfile_line(f, STR("new"));
    logfile_close(f);
    assert_file("r.1", "old\nstill old\n");
    assert_file("r/log", "new\n");
}

static void test_rotation_inside_a_line(void **state)
{
    (void)state;
    char path[TMPDIR_PATH_MAX];
    char moved[TMPDIR_PATH_MAX];
    struct logfile *f = open_in_dir("h", 0);
    limit_file_size(3);
    logfile_line(f, STR("abcdef"));
    assert_int_equal(rename(tmpdir_path(&dir, "h", path), tmpdir_path(&dir, "h.1", moved)), 0);
    assert_int_equal(logfile_reopen(f, NULL), 0);
    limit_file_size(RLIM_INFINITY);
    logfile_line(f, STR("new"));
    assert_int_equal(logfile_lost(f), 1);
    logfile_close(f);
    assert_file("h.1", "abc");
    assert_file("h", "time=1970-01-01T00:00:00.000Z level=warning event=log_lines_lost lines=1\n"
                     "new\n");
}

static void test_rotation_inside_the_notice(void **state)
{
    (void)state;
    char path[TMPDIR_PATH_MAX];
    char moved[TMPDIR_PATH_MAX];
    struct logfile *f = open_in_dir("i", 0);
    limit_file_size(0);
    logfile_line(f, STR("lost"));
    limit_file_size(4);
    logfile_line(f, STR("lost too"));
    limit_file_size(RLIM_INFINITY);
    assert_int_equal(rename(tmpdir_path(&dir, "i", path), tmpdir_path(&dir, "i.1", moved)), 0);
    /* The end of the notice still goes where its beginning is. */
    assert_int_equal(logfile_reopen(f, NULL), 0);
    logfile_line(f, STR("new"));
    logfile_close(f);
    assert_file("i.1",
                "time=1970-01-01T00:00:00.000Z level=warning event=log_lines_lost lines=1\n"
                "time=1970-01-01T00:00:00.000Z level=warning event=log_lines_lost lines=1\n");
    assert_file("i", "new\n");

    f = open_in_dir("j", 0);
    limit_file_size(0);
    logfile_line(f, STR("lost"));
    limit_file_size(4);
    logfile_line(f, STR("lost too"));
    assert_int_equal(rename(tmpdir_path(&dir, "j", path), tmpdir_path(&dir, "j.1", moved)), 0);
    assert_int_equal(logfile_reopen(f, NULL), 0);
    limit_file_size(RLIM_INFINITY);
    logfile_line(f, STR("new"));
    logfile_close(f);
    assert_file("j", "time=1970-01-01T00:00:00.000Z level=warning event=log_lines_lost lines=2\n"
                     "new\n");
}

static void test_adopted_descriptor(void **state)
{
    (void)state;
    char path[TMPDIR_PATH_MAX];
    struct logfile *f = open_in_dir("x", 100);
    struct logfile *opener = open_in_dir("y", 0);
    logfile_line(f, STR("old"));
    logfile_adopt(f, dup(logfile_descriptor(opener)));
    logfile_line(f, STR("new"));
    logfile_close(opener);
    logfile_close(f);
    assert_file("x", "old\n");
    assert_file("y", "new\n");

    f = logfile_open("off", 0, NULL);
    assert_non_null(f);
    assert_int_equal(logfile_descriptor(f), -1);
    int fd = open(tmpdir_path(&dir, "x", path), O_WRONLY | O_CLOEXEC);
    logfile_adopt(f, fd);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    logfile_close(f);
}

/* What a reader of fd has seen: lines "N xxx..." counted up, and lines that tell of losses. */
struct reading {
    int fd;
    char line[8192];
    size_t line_n;
    unsigned long seen;
    unsigned long told;
    unsigned long next;
};

static void read_line(struct reading *r)
{
    static const char notice[] =
        "time=1970-01-01T00:00:00.000Z level=warning event=log_lines_lost lines=";
    char *end = NULL;
    r->line[r->line_n] = '\0';
    if (strncmp(r->line, notice, sizeof(notice) - 1) == 0) {
        r->told += strtoul(r->line + sizeof(notice) - 1, &end, 10);
        assert_int_equal(*end, '\0');
        return;
    }
    unsigned long n = strtoul(r->line, &end, 10);
    assert_true(n >= r->next);
    assert_int_equal(*end, ' ');
    assert_int_equal(strspn(end + 1, "x"), 4990);
    assert_int_equal(strlen(end + 1), 4990);
    r->next = n + 1;
    r->seen++;
}

static void read_all(struct reading *r)
{
    char c[4096];
    struct pollfd p = {.fd = r->fd, .events = POLLIN};
    while (poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0) {
        ssize_t n = read(r->fd, c, sizeof(c));
        assert_true(n >= 0);
        for (ssize_t i = 0; i < n; i++) {
            if (c[i] == '\n') {
                read_line(r);
                r->line_n = 0;
            } else {
                assert_true(r->line_n < sizeof(r->line) - 1);
                r->line[r->line_n++] = c[i];
            }
        }
    }
}

static void write_numbered(struct logfile *f, unsigned long number)
{
    char line[5100];
    char xs[4991];
    memset(xs, 'x', sizeof(xs));
    int n = snprintf(line, sizeof(line), "%lu %.*s", number, 4990, xs);
    logfile_line(f, (struct str){line, (size_t)n});
}

/* Fills what f leads to until lines get lost, reads, writes again: all accounted for, none torn. */
static void check_slow_reader(struct logfile *f, int fd)
{
    struct reading r = {.fd = fd};
    unsigned long sent = 0;
    while (logfile_lost(f) < 20 && sent < 10000) {
        write_numbered(f, sent++);
    }
    assert_int_equal(logfile_lost(f), 20);
    for (int i = 0; i < 100; i++) {
        read_all(&r);
        logfile_flush(f);
    }
    write_numbered(f, sent++);
    read_all(&r);
    assert_int_equal(r.line_n, 0);
    assert_int_equal(r.told, 20);
    assert_int_equal(r.told, logfile_lost(f));
    assert_int_equal(r.seen + r.told, sent);
}

static void test_slow_fifo(void **state)
{
    (void)state;
    char path[TMPDIR_PATH_MAX];
    struct err e = {0};
    assert_int_equal(mkfifo(tmpdir_path(&dir, "fifo", path), 0600), 0);
    assert_null(logfile_open(path, 0, &e)); /* nobody reads */
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    struct logfile *f = open_in_dir("fifo", 0);
    check_slow_reader(f, fd);
    (void)close(fd);
    logfile_line(f, STR("into the void"));
    logfile_line(f, STR("and more"));
    assert_int_equal(logfile_lost(f), 22);
    fd = open(path, O_RDONLY | O_NONBLOCK);
    write_numbered(f, 0);
    struct reading r = {.fd = fd};
    read_all(&r);
    assert_int_equal(r.told, 2);
    assert_int_equal(r.seen, 1);
    logfile_close(f);
    (void)close(fd);
}

/* Puts fds[1] in the place of stderr, opens it as a log, puts stderr back. */
static struct logfile *open_as_stderr(int writer)
{
    int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0 && dup2(writer, STDERR_FILENO) == STDERR_FILENO);
    struct logfile *f = logfile_open("stderr", 0, NULL);
    assert_true(dup2(saved, STDERR_FILENO) == STDERR_FILENO);
    (void)close(saved);
    assert_non_null(f);
    return f;
}

static void test_slow_stderr(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct logfile *f = open_as_stderr(fds[1]);
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    check_slow_reader(f, fds[0]);
    assert_int_equal(logfile_reopen(f, NULL), 0);
    logfile_close(f);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void test_slow_stderr_socket(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct logfile *f = open_as_stderr(fds[1]);
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    check_slow_reader(f, fds[0]);
    (void)close(fds[0]);
    uint64_t before = logfile_lost(f);
    logfile_line(f, STR("x"));
    assert_int_equal(logfile_lost(f), before + 1);
    logfile_close(f);
    (void)close(fds[1]);
}

static void test_stderr_that_is_a_file(void **state)
{
    (void)state;
    char path[TMPDIR_PATH_MAX];
    int fd = open(tmpdir_path(&dir, "e", path), O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "before\n", 7), 7);
    struct logfile *f = open_as_stderr(fd);
    logfile_line(f, STR("line"));
    logfile_close(f);
    assert_int_equal(write(fd, "after\n", 6), 6);
    (void)close(fd);
    assert_file("e", "before\nline\nafter\n");
}

static void test_no_memory(void **state)
{
    (void)state;
    struct logfile *f = open_in_dir("m", 0);
    mem_fail_after(1, true);
    logfile_line(f, STR("lost"));
    mem_fail_after(0, false);
    assert_int_equal(logfile_lost(f), 1);
    logfile_line(f, STR("kept"));
    static char huge[100000];
    logfile_line(f, (struct str){huge, sizeof(huge)});
    assert_int_equal(logfile_lost(f), 2);
    logfile_close(f);
    char *text = tmpdir_read(&dir, "m", NULL);
    assert_non_null(strstr(text, "event=log_lines_lost lines=1\nkept\n"));
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_appends),
        TEST(test_batches),
        TEST(test_rescue),
        TEST(test_cannot_open),
        TEST(test_off),
        TEST(test_full_disk),
        TEST(test_disk_full_inside_a_line),
        TEST(test_disk_full_inside_the_notice),
        TEST(test_rotation),
        TEST(test_rotation_inside_a_line),
        TEST(test_rotation_inside_the_notice),
        TEST(test_adopted_descriptor),
        TEST(test_slow_fifo),
        TEST(test_slow_stderr),
        TEST(test_slow_stderr_socket),
        TEST(test_stderr_that_is_a_file),
        TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
