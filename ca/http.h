/* The CA's side of HTTP: a small server on a Unix socket, which only the proxy's workers reach.
 * What TLS, passwords and limits are about was done by the proxy; what comes here says who asks in
 * fields that no client can set. One request at a time. */
#ifndef CA_HTTP_H
#define CA_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define HTTP_BODY_MAX 65536
#define HTTP_FIELDS   12

/* Borrowed for the call that serves it. */
struct http_request {
    struct str method; /* "GET" for a HEAD, whose reply is sent without its body */
    struct str path;   /* decoded, without the query */
    struct str body;
    bool too_large;   /* the body was longer than HTTP_BODY_MAX, and is not there */
    void *connection; /* for http_query() and http_field() */
};

/* A value of the query, or of a form in the body (application/x-www-form-urlencoded), by its name:
 * the first; p NULL: none. */
struct str http_query(const struct http_request *r, const char *name);

/* The value of a field; p NULL: none. */
struct str http_field(const struct http_request *r, const char *name);

struct http_pair {
    const char *name;
    char value[512];
};

#define HTTP_NOTE_MAX 64

/* What a handler fills; its body may be secret. Cleared: 500 without a body. */
struct http_reply {
    unsigned status;
    const char *type;  /* of the body; NULL: none */
    const char *cache; /* Cache-Control; NULL: no-store */
    struct buf body;   /* ready for use; wiped by the server */
    struct http_pair fields[HTTP_FIELDS];
    size_t field_count;
    void (*sent)(void *arg, const char *note); /* called when all of it has been sent; NULL: none */
    void *sent_arg;
    char sent_note[HTTP_NOTE_MAX];
};

/* Add a field to the reply; a full one drops it, and a value that is too long is cut. */
void http_reply_field(struct http_reply *r, const char *name, const char *value);

typedef void (*http_serve_fn)(void *arg, const struct http_request *r, struct http_reply *reply);

struct http_server;

/* Where it serves, and whom. */
struct http_socket {
    int fd;                 /* a listening Unix socket; taken over */
    const uid_t *peer_uids; /* users whose processes may ask, and nobody else; borrowed */
    size_t peer_n;
};

/* Serve there. Returns 0 with *out, or -ERR_NOMEM or -ERR_IO with e: the socket is closed then. */
int http_start(const struct http_socket *at, http_serve_fn serve, void *arg,
               struct http_server **out, struct err *e) __attribute__((warn_unused_result));

/* Serve what is there; wait at most so long for more, or until other (a descriptor; -1: none) can
 * be read. */
void http_run(struct http_server *s, unsigned wait_ms, int other);

/* "libmicrohttpd 0.9.75": the library that runs. */
const char *http_library(void);

/* Close everything. NULL is fine. */
void http_stop(struct http_server *s);

#endif
