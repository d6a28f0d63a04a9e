/* The control socket: what is a command, who gets an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/proc/control.h"
#include "proxy/proc/control_server.h"

static void commands(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *command; /* NULL: refused */
    } rows[] = {
        {"{\"command\":\"status\"}", "status"},
        {" { \"command\" : \"reload\" } ", "reload"},
        {"{\"command\":\"status\"}\r", "status"},
        {"", NULL},
        {"{", NULL},
        {"{}", NULL},
        {"status", NULL},
        {"{\"command\"}", NULL},
        {"{\"command\":}", NULL},
        {"{\"command\":\"", NULL},
        {"{\"command\":\"\"}", NULL},
        {"{\"command\":\"status", NULL},
        {"{\"command\":\"status\"", NULL},
        {"{\"command\":\"status\"}}", NULL},
        {"{\"command\":\"status\"}x", NULL},
        {"{\"command\":\"status\",\"command\":\"reload\"}", NULL},
        {"{\"command\":\"Status\"}", NULL},
        {"{\"command\":\"sta\\u0074us\"}", NULL},
        {"{\"Command\":\"status\"}", NULL},
        {"[\"status\"]", NULL},
        {"{\"user\":\"alice\"}", NULL},
        {"{\"user\":\"alice\",\"command\":\"unlock\"}", NULL},
        {"{\"command\":\"unlock\",}", NULL},
        {"{\"command\":\"unlock\",\"user\"}", NULL},
        {"{\"command\":\"unlock\",\"user\":\"\"}", NULL},
        {"{\"command\":\"unlock\",\"user\":\"a\\\"b\"}", NULL},
        {"{\"command\":\"unlock\",\"user\":\"a\\\\b\"}", NULL},
        {"{\"command\":\"unlock\",\"user\":\"a\tb\"}", NULL},
        {"{\"command\":\"unlock\",\"user\":\"\xff\"}", NULL},
        {"{\"command\":\"unlock\",\"user\":\"a\",\"user\":\"b\"}", NULL},
        {"{\"command\":\"unlock\",\"user\":\"alice@example.com\"}", "unlock"},
        {"{\"command\":\"unlock\",\"user\":\"j\xc3\xbcrgen\"}", "unlock"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str command = STR_NONE;
        struct str user = STR_NONE;
        int rc = control_parse(str_of(rows[i].line), &command, &user);
        if ((rc == 0) != (rows[i].command != NULL) ||
            (rc == 0 && !str_eq(command, str_of(rows[i].command)))) {
            fail_msg("%s: %d", rows[i].line, rc);
        }
    }
}

struct scene {
    char directory[32];
    char path[64];
    struct control_server *server;
    int told;
};

static int make_scene(void **state)
{
    static struct scene s;
    struct err e = {0};
    (void)snprintf(s.directory, sizeof(s.directory), "/tmp/control-XXXXXX");
    assert_non_null(mkdtemp(s.directory));
    (void)snprintf(s.path, sizeof(s.path), "%s/sock", s.directory);
    s.told = 0;
    s.server = control_server_open(s.path, &e);
    assert_non_null(s.server);
    *state = &s;
    return 0;
}

static int drop_scene(void **state)
{
    struct scene *s = *state;
    control_server_close(s->server);
    assert_int_equal(access(s->path, F_OK), -1);
    (void)rmdir(s->directory);
    return 0;
}

static void on_command(void *arg, unsigned client, struct str command, struct str user)
{
    (void)user;
    struct scene *s = arg;
    s->told++;
    char text[64];
    int n = snprintf(text, sizeof(text), "{\"asked\":\"%.*s\"}", STR_ARG(command));
    control_server_answer(s->server, client, (struct str){text, (size_t)n});
}

static int dial(const struct scene *s)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    (void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", s->path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void turns(struct scene *s, int n)
{
    struct pollfd polls[CONTROL_POLLS_MAX];
    for (int i = 0; i < n; i++) {
        assert_true(control_server_polls(s->server, polls) >= 1);
        control_server_turn(s->server, NULL, on_command, s);
    }
}

static void expect_answer(int fd, const char *answer)
{
    char got[256];
    ssize_t n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
    got[n > 0 ? n : 0] = '\0';
    assert_string_equal(got, answer);
    if (answer[0] != '\0') {
        assert_int_equal(recv(fd, got, 1, MSG_DONTWAIT), 0);
    }
}

static void asked_in_pieces(void **state)
{
    struct scene *s = *state;
    int fd = dial(s);
    static const char line[] = "{\"command\":\"status\"}\n";
    for (size_t i = 0; i < sizeof(line) - 1; i++) {
        assert_int_equal(s->told, 0);
        assert_int_equal(send(fd, line + i, 1, 0), 1);
        turns(s, 1);
    }
    assert_int_equal(s->told, 1);
    expect_answer(fd, "{\"asked\":\"status\"}\n");
    (void)close(fd);
}

static void nonsense_is_refused(void **state)
{
    struct scene *s = *state;
    int fd = dial(s);
    assert_int_equal(send(fd, "GET / HTTP/1.1\r\n", 16, 0), 16);
    turns(s, 2);
    expect_answer(fd, "{\"error\":\"that is no command\"}\n");
    (void)close(fd);
    char big[CONTROL_LINE_MAX + 1];
    memset(big, 'x', sizeof(big));
    fd = dial(s);
    assert_int_equal(send(fd, big, sizeof(big), 0), (ssize_t)sizeof(big));
    turns(s, 2);
    /* What was not read makes the close a reset; the answer came before. */
    assert_int_equal(s->told, 0);
    (void)close(fd);
}

static void many_clients(void **state)
{
    struct scene *s = *state;
    int fds[CONTROL_CLIENTS_MAX + 1];
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX + 1; i++) {
        fds[i] = dial(s);
        turns(s, 1);
    }
    expect_answer(fds[CONTROL_CLIENTS_MAX],
                  "{\"error\":\"too many clients ask at once, try again\"}\n");
    expect_answer(fds[0], "");
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX + 1; i++) {
        (void)close(fds[i]);
    }
    turns(s, 1);
    int fd = dial(s);
    assert_int_equal(send(fd, "{\"command\":\"reload\"}\n", 21, 0), 21);
    turns(s, 2);
    expect_answer(fd, "{\"asked\":\"reload\"}\n");
    (void)close(fd);
}

static void only_for_the_owner(void **state)
{
    struct scene *s = *state;
    struct stat st;
    assert_int_equal(stat(s->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    if (geteuid() != 0) {
        skip();
    }
    /* Past the file's rights, the peer's user still counts. */
    assert_int_equal(chmod(s->directory, 0755), 0);
    assert_int_equal(chmod(s->path, 0666), 0);
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char got[128] = "";
        char c;
        struct timeval limit = {5, 0};
        if (setresuid(65534, 65534, 65534) != 0) {
            _exit(2);
        }
        int fd = dial(s);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        (void)!write(pipe_fds[1], "x", 1);
        (void)!read(fd, &c, 1);
        (void)!read(fd, got, sizeof(got) - 1);
        _exit(strstr(got, "only root") != NULL ? 0 : 1);
    }
    char c;
    int status;
    assert_int_equal(read(pipe_fds[0], &c, 1), 1);
    turns(s, 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(s->told, 0);
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
}

static void second_server_is_refused(void **state)
{
    struct scene *s = *state;
    struct err e = {0};
    assert_null(control_server_open(s->path, &e));
    assert_non_null(strstr(e.text, "admin.socket"));
}

static void nobody_there(void **state)
{
    (void)state;
    struct buf answer;
    struct err e = {0};
    buf_init(&answer, 4096);
    assert_int_equal(
        control_ask("/tmp/no-such-directory/sock", "status", STR_NONE, 1000, &answer, &e),
        -ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "is countersign running?"));
    buf_release(&answer);
}

static void whole_way(void **state)
{
    struct scene *s = *state;
    pid_t pid = fork();
    if (pid == 0) {
        struct buf answer;
        struct err e = {0};
        buf_init(&answer, 4096);
        int rc = control_ask(s->path, "status", STR_NONE, 5000, &answer, &e);
        bool right = rc == 0 && str_eq(buf_str(&answer), STR("{\"asked\":\"status\"}"));
        buf_release(&answer);
        _exit(right ? 0 : 1);
    }
    while (s->told == 0) {
        struct pollfd polls[CONTROL_POLLS_MAX];
        nfds_t n = control_server_polls(s->server, polls);
        assert_true(poll(polls, n, 5000) > 0);
        control_server_turn(s->server, NULL, on_command, s);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, make_scene, drop_scene)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands),      WITH_SCENE(asked_in_pieces),
        WITH_SCENE(nonsense_is_refused), WITH_SCENE(many_clients),
        WITH_SCENE(only_for_the_owner),  WITH_SCENE(second_server_is_refused),
        cmocka_unit_test(nobody_there),  WITH_SCENE(whole_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
