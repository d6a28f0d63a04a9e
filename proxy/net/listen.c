/* Owns: opening of listening sockets. Not: accepting (listener.c). At start and reload, in a
 * process with one thread: the umask is changed for a moment. */
#include "proxy/net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/net/listen_systemd.h"

static int set_flag(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value));
}

static int bind_error(const struct addr *a, int error, struct err *e)
{
    char text[ADDR_TEXT_MAX];
    struct str where = addr_text(a, text);
    switch (error) {
    case EADDRINUSE:
        return err_set(e, ERR_BUSY,
                       "another process listens on %.*s; stop it or choose another address",
                       STR_ARG(where));
    case EADDRNOTAVAIL:
        return err_set(e, ERR_NOT_FOUND,
                       "cannot listen on %.*s: no interface of this machine has that address",
                       STR_ARG(where));
    case EACCES:
    case EPERM:
        return err_set(e, ERR_DENIED,
                       a->kind == ADDR_UNIX
                           ? "no right to make the socket %.*s: check the owner of its directory"
                           : "no right to listen on %.*s: ports below 1024 need "
                             "CAP_NET_BIND_SERVICE; grant it or choose a higher port",
                       STR_ARG(where));
    case ENOENT:
        return err_set(e, ERR_IO,
                       "cannot listen on %.*s: No such file or directory; make its directory",
                       STR_ARG(where));
    default:
        return err_set_errno(e, ERR_IO, error, "cannot listen on %.*s", STR_ARG(where));
    }
}

/* Sees whether path may be bound: nothing is there, or a socket that nobody listens on, which is
 * removed. */
static int clear_stale(const struct addr *a, struct err *e)
{
    const char *path = a->un.sun_path;
    struct stat st;
    if (lstat(path, &st) != 0) {
        return 0; /* not there; any other trouble shows when binding */
    }
    if (!S_ISSOCK(st.st_mode)) {
        return err_set(e, ERR_EXISTS,
                       "%s is there and is no socket; remove it or choose another path", path);
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe < 0) {
        return err_set_errno(e, ERR_IO, errno, "cannot make a socket");
    }
    int error = connect(probe, &a->sa, addr_len(a)) == 0 ? 0 : errno;
    (void)close(probe);
    if (error == 0 || error == EAGAIN) {
        return bind_error(a, EADDRINUSE, e);
    }
    if (error != ECONNREFUSED) {
        return err_set_errno(e, ERR_DENIED, error,
                             "cannot tell whether another process listens on %s", path);
    }
    if (unlink(path) != 0 && errno != ENOENT) {
        return err_set_errno(e, ERR_DENIED, errno, "cannot remove the unused socket %s", path);
    }
    return 0;
}

/* The mode is right from the first moment on, as connect(2) asks for write permission. */
static int bind_unix(int fd, const struct addr *a, unsigned mode, struct err *e)
{
    int failed = clear_stale(a, e);
    if (failed != 0) {
        return failed;
    }
    mode_t before = umask((mode_t)(~mode & 0777));
    int error = bind(fd, &a->sa, addr_len(a)) == 0 ? 0 : errno;
    (void)umask(before);
    return error == 0 ? 0 : bind_error(a, error, e);
}

static int bind_inet(int fd, const struct addr *a, bool v6_only, struct err *e)
{
    if (set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0 ||
        (a->sa.sa_family == AF_INET6 && set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6_only) != 0)) {
        return bind_error(a, errno, e);
    }
    return bind(fd, &a->sa, addr_len(a)) == 0 ? 0 : bind_error(a, errno, e);
}

static int open_fresh(const struct addr *a, const struct listen_options *o, struct err *e)
{
    int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return bind_error(a, errno, e);
    }
    int failed =
        a->kind == ADDR_UNIX ? bind_unix(fd, a, o->unix_mode, e) : bind_inet(fd, a, o->v6_only, e);
    if (failed == 0 && listen(fd, o->backlog) != 0) {
        failed = bind_error(a, errno, e);
    }
    if (failed != 0) {
        (void)close(fd);
        return failed;
    }
    return fd;
}

static bool socket_option_is(int fd, int option, int wanted)
{
    int value = -1;
    socklen_t n = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, option, &value, &n) == 0 && value == wanted;
}

static int open_handed_over(const struct addr *a, struct err *e)
{
    int original = listen_systemd_find(a->name, e);
    if (original < 0) {
        return original;
    }
    if (!socket_option_is(original, SO_TYPE, SOCK_STREAM) ||
        !socket_option_is(original, SO_ACCEPTCONN, 1)) {
        return err_set(e, ERR_CONFIG,
                       "the descriptor \"%s\" that systemd handed over is no listening stream "
                       "socket; use ListenStream= with Accept=no",
                       a->name);
    }
    /* A copy: the original stays for the next reload. */
    int fd = fcntl(original, F_DUPFD_CLOEXEC, 0);
    int flags = fd >= 0 ? fcntl(fd, F_GETFL) : -1;
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        fcntl(original, F_SETFD, FD_CLOEXEC) != 0) {
        int failed = err_set_errno(e, ERR_IO, errno, "cannot use the descriptor \"%s\"", a->name);
        if (fd >= 0) {
            (void)close(fd);
        }
        return failed;
    }
    return fd;
}

int listen_open(const struct addr *a, const struct listen_options *o, struct err *e)
{
    switch (a->kind) {
    case ADDR_INET:
    case ADDR_UNIX:
        return open_fresh(a, o, e);
    case ADDR_SYSTEMD:
        return open_handed_over(a, e);
    case ADDR_NAME:
        return err_set(e, ERR_CONFIG,
                       "cannot listen on the name \"%s\"; give an address such as 0.0.0.0:%u",
                       a->name, a->port);
    case ADDR_NONE:
        break;
    }
    return err_set(e, ERR_CONFIG, "no address to listen on");
}
