/* One connection and the operation on it: connect, handshake, request and answer, close. It does as
 * much as it can without waiting and says what ended; what comes next is the owner's. One thread.
 */
#ifndef BENCH_CONN_H
#define BENCH_CONN_H

#include "base/list.h"
#include "bench/identities.h"
#include "bench/lot.h"
#include "bench/options.h"
#include "bench/reply.h"
#include "bench/result.h"
#include "bench/tls_client.h"

#define CONN_SCRATCH 65536

/* What all connections of a thread share; borrowed by them. */
struct conn_shared {
    const struct options *o;
    const struct identities *ids;
    struct tls_client tls;
    struct lot lot;
    int epoll;
    struct result_environment *env; /* told what was negotiated first */
    size_t source_next;             /* which of o->sources is next */
    uint64_t bytes_in, bytes_out;
    char scratch[CONN_SCRATCH]; /* what was read last, or is written next */
};

enum conn_state {
    CONN_CONNECTING = 0,
    CONN_HANDSHAKE,
    CONN_SHUTDOWN, /* handshake mode: our close_notify is out, until the server's comes */
    CONN_EXCHANGE, /* request and answer */
    CONN_IDLE,     /* open, between two requests */
    CONN_LINGER    /* all said, until the server closes */
};

/* One operation: what it was to be, and what became of it. Times are of the monotonic clock; those
 * of a fresh connection only if fresh. */
struct conn_op {
    uint64_t due_ns, begin_ns;
    uint64_t connected_ns, handshake_ns; /* ends of these parts; 0: not reached */
    uint64_t written_ns, first_ns;       /* the request's last octets go out; first of the answer */
    uint64_t end_ns;
    bool fresh;      /* began with a new connection */
    bool measured;   /* due in the measured part */
    bool mismatched; /* sent with another client's user */
    bool offered;    /* offered a session */
    bool wanted;     /* was to offer one */
    bool resumed;
    enum result_class outcome;
    unsigned alert, status;
};

enum conn_event {
    CONN_WAIT = 0, /* nothing ended */
    CONN_ENDED,    /* the operation ended; state IDLE: the connection is open; LINGER with fd >= 0:
                      the server will close it; else: it is of no more use */
    CONN_CLOSED    /* an idle or lingering connection is of no more use */
};

struct conn {
    struct list link; /* the owner's */
    struct conn_shared *shared;
    int fd; /* -1: none */
    SSL *ssl;
    struct tls_link tls;
    enum conn_state state;
    uint64_t requests;               /* answered on this connection */
    uint64_t linger_ns;              /* when lingering began */
    struct str head;                 /* of the request, borrowed from the identities */
    uint64_t written;                /* of head and body */
    enum result_class write_failure; /* RESULT_OK: none */
    struct reply reply;
    struct conn_op op;
};

/* Begin an operation, due at due_ns, on a new connection of client `identity` in the caller's c
 * (which need not be set). Always returns; c->op.outcome is set if the event is CONN_ENDED. */
enum conn_event conn_open(struct conn *c, struct conn_shared *shared, size_t identity,
                          uint64_t due_ns);

/* Begin the next operation on c, which is idle. */
enum conn_event conn_again(struct conn *c, uint64_t due_ns);

/* The socket of c is readable or writable, or has an error. */
enum conn_event conn_step(struct conn *c);

/* End the operation now, as c's time-out has come. */
void conn_expire(struct conn *c);

/* Close all that c holds. c may then be opened anew. */
void conn_close(struct conn *c);

#endif
