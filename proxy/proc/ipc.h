/* Messages between the master and a worker: datagrams on a socket pair, at most one descriptor
 * with each. Private to proxy/proc. */
#ifndef PROXY_PROC_IPC_H
#define PROXY_PROC_IPC_H

#include <stdint.h>

#include "base/str.h"

#define IPC_TEXT_MAX 4096

enum ipc_type {
    IPC_NONE = 0,
    /* worker to master */
    IPC_READY,    /* every listener is served */
    IPC_FAILED,   /* could not start; text says why */
    IPC_PREPARED, /* the new configuration is ready to be adopted */
    IPC_REFUSED,  /* it is not; text says why */
    IPC_ADOPTED,  /* it is in force */
    IPC_DENIED,   /* a deny list is in force; text: how many connections ended */
    /* master to worker */
    IPC_LISTENER,   /* text: address; with its descriptor; for the next IPC_PREPARE */
    IPC_PREPARE,    /* with the packed files */
    IPC_COMMIT,     /* adopt what was prepared */
    IPC_ABORT,      /* drop what was prepared */
    IPC_DENY,       /* with a sealed deny list and its own count of generations */
    IPC_NOT_READY,  /* fail the readiness check, go on serving */
    IPC_DRAIN,      /* accept no more, finish, exit */
    IPC_STOP,       /* close everything, exit */
    IPC_ERROR_LOG,  /* with the new descriptor of the error log */
    IPC_ACCESS_LOG, /* the same for the access log */
    IPC_TYPE_COUNT
};

struct ipc_message {
    enum ipc_type type;
    uint64_t generation; /* of the configuration that it is about; 0 where none is */
    int fd;              /* -1: none; the receiver's to close */
    size_t n;            /* octets in text */
    char text[IPC_TEXT_MAX];
};

/* A connected, non-blocking, close-on-exec pair. Returns 0 or -ERR_IO. */
int ipc_pair(int out[2]) __attribute__((warn_unused_result));

/* Send one message; text is cut at IPC_TEXT_MAX; fd -1: none (it stays the caller's). Returns 0,
 * -ERR_BUSY (the other side does not read), -ERR_CLOSED, -ERR_IO. */
int ipc_send(int socket, enum ipc_type type, uint64_t generation, struct str text, int fd)
    __attribute__((warn_unused_result));

/* Receive one message into m. Returns 1, 0 if there is none now, -ERR_CLOSED at the end, or
 * -ERR_MALFORMED (then no descriptor is left open). */
int ipc_receive(int socket, struct ipc_message *m) __attribute__((warn_unused_result));

#endif
