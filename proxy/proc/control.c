/* Owns: asking a running master. Not: what the answer means. Command line. */
#include "proxy/proc/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_BYTES = 4096, LINE_MAX_BYTES = 384 };

static int connect_to(const char *path, unsigned timeout_ms, struct err *e)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(to.sun_path)) {
        return err_set(e, ERR_MALFORMED, "%.150s: too long for a Unix socket", path);
    }
    memcpy(to.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_set_errno(e, ERR_IO, errno, "cannot make a socket");
    }
    struct timeval limit = {(time_t)(timeout_ms / 1000), (suseconds_t)(timeout_ms % 1000) * 1000};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0) {
        return fd;
    }
    int error = errno;
    (void)close(fd);
    if (error == ENOENT || error == ECONNREFUSED) {
        return err_set(e, ERR_NOT_FOUND, "nobody answers at %.150s: is countersign running?", path);
    }
    if (error == EACCES || error == EPERM) {
        return err_set(e, ERR_DENIED,
                       "no right to ask at %.120s: only root and the user that countersign runs "
                       "as may",
                       path);
    }
    return err_set_errno(e, ERR_IO, error, "cannot connect to %.150s", path);
}

static int read_answer(int fd, struct buf *answer, struct err *e)
{
    for (;;) {
        char piece[READ_BYTES];
        ssize_t n = recv(fd, piece, sizeof(piece), 0);
        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            return errno == EAGAIN ? err_set(e, ERR_BUSY, "no answer in time")
                                   : err_set_errno(e, ERR_IO, errno, "the answer broke off");
        }
        if (n > 0 && buf_append(answer, (struct str){piece, (size_t)n}) != 0) {
            return err_set(e, ERR_TOO_LARGE, "the answer is too large");
        }
    }
    struct str text = buf_str(answer);
    if (text.n == 0 || text.p[text.n - 1] != '\n') {
        return err_set(e, ERR_CLOSED, "countersign went away without an answer");
    }
    answer->tail--;
    return 0;
}

/* The names that JSON would escape are refused: no user can have them. */
static int write_line(const char *command, struct str user, char line[LINE_MAX_BYTES],
                      struct err *e)
{
    if (str_has_control(user) || str_chr(user, '"') != STR_NPOS ||
        str_chr(user, '\\') != STR_NPOS) {
        return err_set(e, ERR_MALFORMED, "a name with \" or \\ cannot be asked for");
    }
    int n = user.p == NULL
                ? snprintf(line, LINE_MAX_BYTES, "{\"command\":\"%s\"}\n", command)
                : snprintf(line, LINE_MAX_BYTES, "{\"command\":\"%s\",\"user\":\"%.*s\"}\n",
                           command, STR_ARG(user));
    return n > 0 && n < LINE_MAX_BYTES ? n : err_set(e, ERR_TOO_LARGE, "the name is too long");
}

int control_ask(const char *path, const char *command, struct str user, unsigned timeout_ms,
                struct buf *answer, struct err *e)
{
    char line[LINE_MAX_BYTES];
    int n = write_line(command, user, line, e);
    if (n < 0) {
        return n;
    }
    int fd = connect_to(path, timeout_ms, e);
    if (fd < 0) {
        return fd;
    }
    int rc;
    if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n) {
        rc = err_set_errno(e, ERR_IO, errno, "cannot ask at %.150s", path);
    } else {
        rc = read_answer(fd, answer, e);
    }
    (void)close(fd);
    return rc;
}
