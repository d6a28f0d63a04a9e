/* The demonstration's upstream: one connection at a time, one request a connection. */
#include "cli/demo_upstream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buf.h"

#define HEAD_MAX   65536
#define PATIENCE_S 10

/* Read until the head's empty line. Returns its length without that line, or 0. */
static size_t read_head(int fd, struct buf *head)
{
    for (;;) {
        struct str seen = buf_str(head);
        const char *end = seen.n > 0 ? memmem(seen.p, seen.n, "\r\n\r\n", 4) : NULL;
        if (end != NULL) {
            return (size_t)(end - seen.p) + 2;
        }
        char *room = buf_reserve(head, 4096);
        ssize_t got = room != NULL ? recv(fd, room, 4096, 0) : -1;
        if (got <= 0) {
            return 0;
        }
        buf_commit(head, (size_t)got);
    }
}

static void send_all(int fd, struct str octets)
{
    while (octets.n > 0) {
        ssize_t sent = send(fd, octets.p, octets.n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        octets = str_slice(octets, (size_t)sent, octets.n);
    }
}

static void serve(int fd)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    struct buf head;
    struct buf answer;
    buf_init(&head, HEAD_MAX);
    buf_init(&answer, HEAD_MAX + 4096);
    size_t n = read_head(fd, &head);
    static const char intro[] = "The upstream saw:\n";
    if (n > 0 &&
        buf_printf(&answer,
                   "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                   "Connection: close\r\n\r\n%s",
                   sizeof intro - 1 + n, intro) == 0 &&
        buf_append(&answer, str_slice(buf_str(&head), 0, n)) == 0) {
        send_all(fd, buf_str(&answer));
    }
    buf_release(&head);
    buf_release(&answer);
}

static void serve_forever(int listener)
{
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0) {
            serve(fd);
            close(fd);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            _exit(1);
        }
    }
}

static int open_listener(unsigned *port, struct err *e)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        int why = errno;
        if (fd >= 0) {
            close(fd);
        }
        return err_set_errno(e, ERR_IO, why, "the demonstration's upstream cannot listen");
    }
    *port = ntohs(address.sin_port);
    return fd;
}

pid_t demo_upstream_start(unsigned *port, struct err *e)
{
    int listener = open_listener(port, e);
    if (listener < 0) {
        return listener;
    }
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGINT, SIG_IGN);
        serve_forever(listener);
    }
    close(listener);
    return child > 0 ? child : err_set(e, ERR_IO, "cannot start the demonstration's upstream");
}
