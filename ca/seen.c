/* Owns: whose datagrams count. Leaves what they come to to deliver. */
#include "ca/seen.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sighting.h"
#include "ca/deliver.h"
#include "ca/local_socket.h"

enum { BATCH = 64 };

struct seen {
    int fd;
    size_t peer_n;
    uid_t peers[];
};

int seen_open(const char *path, const uid_t *peers, size_t n, struct seen **out, struct err *e)
{
    struct sockaddr_un address;
    *out = NULL;
    if (!sighting_address(path, &address)) {
        return err_set(e, ERR_CONFIG, "%s.seen: too long for the name of a socket", path);
    }
    struct seen *s = mem_calloc(1, sizeof(*s) + n * sizeof(s->peers[0]));
    if (s == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    memcpy(s->peers, peers, n * sizeof(s->peers[0]));
    s->peer_n = n;
    s->fd = local_socket_datagrams(&address, e);
    if (s->fd < 0) {
        int rc = s->fd;
        mem_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void seen_close(struct seen *s)
{
    if (s != NULL) {
        (void)close(s->fd);
        mem_free(s);
    }
}

int seen_fd(const struct seen *s)
{
    return s != NULL ? s->fd : -1;
}

/* The kernel says who has sent it. */
static bool is_peer(const struct seen *s, struct msghdr *m)
{
    const struct cmsghdr *c = CMSG_FIRSTHDR(m);
    struct ucred who;
    if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS ||
        c->cmsg_len != CMSG_LEN(sizeof(who))) {
        return false;
    }
    memcpy(&who, CMSG_DATA(c), sizeof(who));
    for (size_t i = 0; i < s->peer_n; i++) {
        if (s->peers[i] == who.uid) {
            return true;
        }
    }
    return false;
}

/* Returns 1 with a sighting, 0 for what is none, -1 if there is nothing more. */
static int receive(const struct seen *s, struct sighting *out)
{
    char octets[SIGHTING_MAX + 1];
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
    struct iovec part = {octets, sizeof(octets)};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(s->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0) {
        return -1;
    }
    return is_peer(s, &m) && sighting_read((struct str){octets, (size_t)n}, out) ? 1 : 0;
}

int seen_take(struct seen *s, const struct life *l, struct err *e)
{
    struct sighting told[BATCH];
    size_t n = 0;
    int got = 0;
    for (size_t i = 0; s != NULL && i < BATCH && got >= 0; i++) {
        got = receive(s, &told[n]);
        n += got > 0 ? 1 : 0;
    }
    return n > 0 ? deliver_sighted(l, told, n, e) : 0;
}
