/* proxy/net/listen.c, listen_systemd.c: what can be listened on, and what is said when not. */
#include <sys/stat.h>
#include <sys/wait.h>

#include "proxy/net/listen.h"
#include "tests/support/tmpdir.h"
#include "tests/unit/proxy/net/turn.h"

static struct tmpdir directory;

static struct addr address(const char *text)
{
    struct addr a;
    struct err e = {.code = ERR_OK};
    assert_int_equal(addr_parse(str_of(text), true, &a, &e), 0);
    return a;
}

static struct addr unix_address(const char *name)
{
    char text[TMPDIR_PATH_MAX + 8];
    char path[TMPDIR_PATH_MAX];
    (void)snprintf(text, sizeof(text), "unix:%s", tmpdir_path(&directory, name, path));
    return address(text);
}

static const struct listen_options options = {.backlog = 16, .unix_mode = 0660};

static int open_ok(const struct addr *a)
{
    struct err e = {.code = ERR_OK};
    int fd = listen_open(a, &options, &e);
    if (fd < 0) {
        fail_msg("%s", e.text);
    }
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    return fd;
}

static void open_refused(const struct addr *a, int code, const char *words)
{
    struct err e = {.code = ERR_OK};
    int r = listen_open(a, &options, &e);
    assert_int_equal(r, -code);
    if (strstr(e.text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", e.text, words);
    }
}

static struct addr bound(int fd)
{
    struct addr a = {.kind = ADDR_INET};
    socklen_t n = sizeof(a.in6);
    assert_int_equal(getsockname(fd, &a.sa, &n), 0);
    return a;
}

static void internet(void **state)
{
    (void)state;
    struct addr any = address("127.0.0.1:0");
    int fd = open_ok(&any);
    struct addr taken = bound(fd);
    open_refused(&taken, ERR_BUSY, "another process listens on 127.0.0.1:");
    assert_int_equal(close(fd), 0);
    fd = open_ok(&taken); /* SO_REUSEADDR: free at once */
    assert_int_equal(close(fd), 0);
    struct addr elsewhere = address("192.0.2.1:8443");
    open_refused(&elsewhere, ERR_NOT_FOUND, "no interface of this machine");
    struct addr name = address("localhost:8443");
    open_refused(&name, ERR_CONFIG, "give an address");
    struct addr none = {.kind = ADDR_NONE};
    open_refused(&none, ERR_CONFIG, "no address");
}

static void only_ipv6(void **state)
{
    (void)state;
    struct addr any = address("[::]:0");
    for (int only = 0; only < 2; only++) {
        struct err e = {.code = ERR_OK};
        const struct listen_options o = {.backlog = 1, .v6_only = only != 0};
        int fd = listen_open(&any, &o, &e);
        if (fd == -ERR_IO) {
            skip(); /* this machine has no IPv6 */
        }
        int value = -1;
        socklen_t n = sizeof(value);
        assert_int_equal(getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, &n), 0);
        assert_int_equal(value, only);
        assert_int_equal(close(fd), 0);
    }
}

static void unix_sockets(void **state)
{
    (void)state;
    struct addr a = unix_address("one.sock");
    mode_t before = umask(022);
    int fd = open_ok(&a);
    assert_int_equal(umask(before), 022); /* put back */
    struct stat st;
    assert_int_equal(stat(a.un.sun_path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    open_refused(&a, ERR_BUSY, "another process listens on unix:");
    assert_int_equal(close(fd), 0);
    fd = open_ok(&a); /* nobody listened any more: replaced */
    assert_int_equal(close(fd), 0);

    struct addr file = unix_address("file");
    int f = open(file.un.sun_path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(f, "precious", 8), 8);
    assert_int_equal(close(f), 0);
    open_refused(&file, ERR_EXISTS, "no socket");
    assert_int_equal(stat(file.un.sun_path, &st), 0);
    assert_int_equal(st.st_size, 8);

    struct addr nowhere = unix_address("none/x.sock");
    open_refused(&nowhere, ERR_IO, "No such file or directory");
}

/* --- systemd: in a child, as descriptor 3 must be ours --- */

static const struct systemd_row {
    const char *what;
    const char *pid; /* NULL: our own; "": not set */
    const char *count;
    const char *names;
    const char *wanted;
    int result; /* 0: a descriptor; else the code of the error */
} systemd_rows[] = {
    {"the only one", NULL, "1", "web", "web", 0},
    {"the second", NULL, "2", "other:web", "web", 0},
    {"another name", NULL, "1", "web", "api", ERR_NOT_FOUND},
    {"a name past the count", NULL, "1", "other:web", "web", ERR_NOT_FOUND},
    {"a name twice", NULL, "2", "web:web", "web", ERR_CONFIG},
    {"no names", NULL, "1", "", "web", ERR_NOT_FOUND},
    {"for another process", "1", "1", "web", "web", ERR_NOT_FOUND},
    {"nothing handed over", "", "", "", "web", ERR_NOT_FOUND},
    {"a count that is no number", NULL, "many", "web", "web", ERR_MALFORMED},
    {"an endless count", NULL, "99999999999", "web", "web", ERR_MALFORMED},
    {"no socket", NULL, "3", "other:web:file", "file", ERR_CONFIG},
    {"a connected socket", NULL, "4", "other:web:file:pair", "pair", ERR_CONFIG},
};

/* In the child, which has one thread. */
static void set_or_unset(const char *name, const char *value)
{
    if (value[0] != '\0') {
        (void)setenv(name, value, 1); /* NOLINT(concurrency-mt-unsafe) */
    } else {
        (void)unsetenv(name); /* NOLINT(concurrency-mt-unsafe) */
    }
}

/* Exits with the code of the error, or 100 for something odd. */
static void child(const struct systemd_row *row, const int fds[4])
{
    char pid[24];
    (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    for (int i = 0; i < 4; i++) {
        if (dup2(fds[i], 3 + i) < 0) {
            _exit(100);
        }
    }
    set_or_unset("LISTEN_PID", row->pid != NULL ? row->pid : pid);
    set_or_unset("LISTEN_FDS", row->count);
    set_or_unset("LISTEN_FDNAMES", row->names);
    struct addr a = {.kind = ADDR_SYSTEMD};
    (void)snprintf(a.name, sizeof(a.name), "%s", row->wanted);
    struct err e = {.code = ERR_OK};
    int fd = listen_open(&a, &options, &e);
    if (fd >= 0) {
        bool right = fd > 6 && (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 &&
                     (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
        _exit(right ? 0 : 100);
    }
    _exit(e.text[0] != '\0' ? -fd : 100);
}

static void handed_over(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct addr a = address("127.0.0.1:0");
    int first = open_ok(&a);
    int second = open_ok(&a);
    int file = open("/dev/null", O_RDONLY);
    int fds[4];
    const int sources[4] = {first, second, file, pair[0]};
    for (int i = 0; i < 4; i++) {
        fds[i] = fcntl(sources[i], F_DUPFD, 20); /* out of the way of 3 to 6 */
    }
    for (size_t i = 0; i < sizeof(systemd_rows) / sizeof(systemd_rows[0]); i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            child(&systemd_rows[i], fds);
        }
        int status = -1;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != systemd_rows[i].result) {
            fail_msg("%s: status %d", systemd_rows[i].what, status);
        }
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(close(sources[i]), 0);
        assert_int_equal(close(fds[i]), 0);
    }
    assert_int_equal(close(pair[1]), 0);
}

static int set_up(void **state)
{
    (void)state;
    tmpdir_make(&directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tmpdir_remove(&directory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(internet),
        cmocka_unit_test(only_ipv6),
        cmocka_unit_test(unix_sockets),
        cmocka_unit_test(handed_over),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
