/* Owns: making sockets. */
#include "ca/local_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 64 };

/* A socket left behind by one that was killed is in the way of nobody. */
static int bind_at(const struct sockaddr_un *address, int type, struct err *e)
{
    struct stat s;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (lstat(address->sun_path, &s) == 0 && S_ISSOCK(s.st_mode)) {
        (void)unlink(address->sun_path);
    }
    if (fd < 0 || bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
        chmod(address->sun_path, 0666) != 0) {
        int rc = err_set_errno(e, ERR_IO, errno, "%s", address->sun_path);
        if (fd >= 0) {
            (void)close(fd);
        }
        return rc;
    }
    return fd;
}

int local_socket_listen(const char *path, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return err_set(e, ERR_CONFIG, "%s: too long for the name of a socket", path);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = bind_at(&address, SOCK_STREAM, e);
    if (fd >= 0 && listen(fd, BACKLOG) != 0) {
        int rc = err_set_errno(e, ERR_IO, errno, "%s", path);
        (void)close(fd);
        return rc;
    }
    return fd;
}

int local_socket_datagrams(const struct sockaddr_un *address, struct err *e)
{
    const int on = 1;
    int fd = bind_at(address, SOCK_DGRAM, e);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
        int rc = err_set_errno(e, ERR_IO, errno, "%s", address->sun_path);
        (void)close(fd);
        return rc;
    }
    return fd;
}
