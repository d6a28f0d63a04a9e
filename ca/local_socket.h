/* The Unix sockets of the CA's process. Who uses them is asked of the kernel by whoever reads. */
#ifndef CA_LOCAL_SOCKET_H
#define CA_LOCAL_SOCKET_H

#include <sys/un.h>

#include "base/err.h"

/* A socket at path that listens for connections, or one at address that takes datagrams with the
 * sender's credentials; open to all. One that was left behind is replaced. Return the descriptor,
 * non-blocking and close-on-exec, or -ERR_CONFIG (the path is too long) or -ERR_IO, with e. */
int local_socket_listen(const char *path, struct err *e) __attribute__((warn_unused_result));
int local_socket_datagrams(const struct sockaddr_un *address, struct err *e)
    __attribute__((warn_unused_result));

#endif
