/* Owns: the form of a message between the master and a worker. Not: what either does with it. Any
 * single thread. */
#include "proxy/proc/ipc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"

struct wire_head {
    uint32_t type;
    uint32_t text_n;
    uint64_t generation;
};

int ipc_pair(int out[2])
{
    int rc = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out);
    return rc == 0 ? 0 : -ERR_IO;
}

int ipc_send(int socket, enum ipc_type type, uint64_t generation, struct str text, int fd)
{
    text = str_slice(text, 0, IPC_TEXT_MAX);
    struct wire_head head = {(uint32_t)type, (uint32_t)text.n, generation};
    struct iovec parts[2] = {{&head, sizeof(head)}, {(void *)(uintptr_t)text.p, text.n}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = text.n > 0 ? 2 : 1};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    if (fd >= 0) {
        memset(control, 0, sizeof(control));
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    ssize_t n;
    do {
        n = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n >= 0) {
        return 0;
    }
    if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS) {
        return -ERR_BUSY;
    }
    return errno == EPIPE || errno == ECONNRESET ? -ERR_CLOSED : -ERR_IO;
}

/* Take the descriptors that came: the first into *fd, further ones are nobody's and closed. */
static void take_descriptors(struct msghdr *message, int *fd)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int got;
            memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (*fd < 0) {
                *fd = got;
            } else {
                (void)close(got);
            }
        }
    }
}

int ipc_receive(int socket, struct ipc_message *m)
{
    struct wire_head head = {0};
    struct iovec parts[2] = {{&head, sizeof(head)}, {m->text, sizeof(m->text)}};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
    struct msghdr message = {.msg_iov = parts,
                             .msg_iovlen = 2,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    m->fd = -1;
    ssize_t n;
    do {
        n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN ? 0 : -ERR_CLOSED;
    }
    take_descriptors(&message, &m->fd);
    if (n == 0 && m->fd < 0) {
        return -ERR_CLOSED;
    }
    bool whole = (size_t)n >= sizeof(head) && (size_t)n - sizeof(head) == head.text_n &&
                 (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
    if (!whole || head.type == IPC_NONE || head.type >= IPC_TYPE_COUNT) {
        if (m->fd >= 0) {
            (void)close(m->fd);
            m->fd = -1;
        }
        return -ERR_MALFORMED;
    }
    m->type = (enum ipc_type)head.type;
    m->generation = head.generation;
    m->n = head.text_n;
    return 1;
}
