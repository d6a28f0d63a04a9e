/* Owns: connections of the proxy's workers, bodies up to their limit, and who may connect. Leaves
 * what is asked to the handler. */
#include "ca/http.h"

#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    CONNECTIONS_MAX = 256,
    IDLE_S = 60,
    REPLY_MAX = 16 * 1024 * 1024, /* a list of 100,000 certificates comes in pages */
};

struct http_server {
    struct MHD_Daemon *daemon;
    http_serve_fn serve;
    void *arg;
    size_t peer_n;
    uid_t peers[];
};

/* A request that is being read. */
struct incoming {
    struct buf body;
    bool too_large;
    void (*sent)(void *arg, const char *note); /* as in the reply */
    void *sent_arg;
    char sent_note[HTTP_NOTE_MAX];
};

struct str http_query(const struct http_request *r, const char *name)
{
    return str_of(MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name));
}

struct str http_field(const struct http_request *r, const char *name)
{
    return str_of(MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name));
}

void http_reply_field(struct http_reply *r, const char *name, const char *value)
{
    if (r->field_count < HTTP_FIELDS) {
        struct http_pair *pair = &r->fields[r->field_count++];
        pair->name = name;
        (void)snprintf(pair->value, sizeof(pair->value), "%s", value);
    }
}

static bool is_peer(const struct http_server *s, struct MHD_Connection *c)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info == NULL || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0) {
        return false;
    }
    for (size_t i = 0; i < s->peer_n; i++) {
        if (s->peers[i] == peer.uid) {
            return true;
        }
    }
    return false;
}

/* A body that is being sent; wiped after that, as it may hold a code or a key. */
struct sending {
    size_t n;
    char octets[];
};

static void on_sent(void *arg)
{
    struct sending *s = arg;
    mem_wipe(s->octets, s->n);
    mem_free(s);
}

static struct MHD_Response *response_of(struct str body)
{
    struct sending *s = mem_alloc(sizeof(*s) + body.n);
    if (s == NULL) {
        return NULL;
    }
    s->n = body.n;
    memcpy(s->octets, body.n > 0 ? body.p : "", body.n);
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback_cls(s->n, s->octets, on_sent, s);
    if (response == NULL) {
        on_sent(s);
    }
    return response;
}

static enum MHD_Result send_reply(struct MHD_Connection *c, const struct http_reply *r)
{
    struct MHD_Response *response = response_of(buf_str(&r->body));
    bool ok = response != NULL;
    if (r->type != NULL) {
        ok = ok && MHD_add_response_header(response, "Content-Type", r->type) == MHD_YES;
    }
    ok = ok && MHD_add_response_header(response, "Cache-Control",
                                       r->cache != NULL ? r->cache : "no-store") == MHD_YES;
    for (size_t i = 0; i < r->field_count; i++) {
        ok = ok &&
             MHD_add_response_header(response, r->fields[i].name, r->fields[i].value) == MHD_YES;
    }
    enum MHD_Result result = ok ? MHD_queue_response(c, r->status, response) : MHD_NO;
    if (response != NULL) {
        MHD_destroy_response(response);
    }
    return result;
}

static enum MHD_Result serve(struct http_server *s, struct MHD_Connection *c,
                             const struct http_request *r, struct incoming *in)
{
    struct http_reply reply = {.status = MHD_HTTP_INTERNAL_SERVER_ERROR};
    buf_init(&reply.body, REPLY_MAX);
    s->serve(s->arg, r, &reply);
    enum MHD_Result result = send_reply(c, &reply);
    if (result == MHD_YES) {
        in->sent = reply.sent;
        in->sent_arg = reply.sent_arg;
        memcpy(in->sent_note, reply.sent_note, sizeof(in->sent_note));
    }
    buf_wipe(&reply.body); /* may hold a key */
    return result;
}

/* Called first with the head, then with each piece of the body, then at its end.
 * NOLINTNEXTLINE(readability-function-size): the library says what it is called with */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *n, void **state)
{
    struct http_server *s = arg;
    struct incoming *in = *state;
    (void)version;
    if (in == NULL) {
        in = mem_calloc(1, sizeof(*in));
        if (in == NULL || !is_peer(s, c)) {
            mem_free(in);
            return MHD_NO;
        }
        buf_init(&in->body, HTTP_BODY_MAX);
        *state = in;
        return MHD_YES;
    }
    if (*n > 0) {
        in->too_large = in->too_large || buf_append(&in->body, (struct str){data, *n}) != 0;
        *n = 0;
        return MHD_YES;
    }
    bool head = str_eq(str_of(method), STR("HEAD"));
    const struct http_request r = {.method = head ? STR("GET") : str_of(method),
                                   .path = str_of(url),
                                   .body = in->too_large ? STR_NONE : buf_str(&in->body),
                                   .too_large = in->too_large,
                                   .connection = c};
    return serve(s, c, &r, in);
}

static void on_completed(void *arg, struct MHD_Connection *c, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct incoming *in = *state;
    (void)arg;
    (void)c;
    if (in != NULL) {
        if (in->sent != NULL && code == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
            in->sent(in->sent_arg, in->sent_note);
        }
        buf_wipe(&in->body); /* may hold a code */
        mem_free(in);
        *state = NULL;
    }
}

int http_start(const struct http_socket *at, http_serve_fn serve_fn, void *arg,
               struct http_server **out, struct err *e)
{
    size_t peers_size = at->peer_n * sizeof(at->peer_uids[0]);
    struct http_server *s = mem_calloc(1, sizeof(*s) + peers_size);
    *out = NULL;
    if (s == NULL) {
        (void)close(at->fd);
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    s->serve = serve_fn;
    s->arg = arg;
    s->peer_n = at->peer_n;
    memcpy(s->peers, at->peer_uids, peers_size);
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, at->fd,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_END);
    if (s->daemon == NULL) {
        (void)close(at->fd);
        mem_free(s);
        return err_set(e, ERR_IO, "cannot serve HTTP on the CA's socket");
    }
    *out = s;
    return 0;
}

/* As long as nothing happens, but no longer than the library allows. */
static void wait_for(struct http_server *s, unsigned wait_ms, int other)
{
    const union MHD_DaemonInfo *epoll = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd fds[2] = {{epoll != NULL ? epoll->epoll_fd : -1, POLLIN, 0}, {other, POLLIN, 0}};
    unsigned long long own_ms = 0;
    if (MHD_get_timeout(s->daemon, &own_ms) == MHD_YES && own_ms < wait_ms) {
        wait_ms = (unsigned)own_ms;
    }
    (void)poll(fds, 2, (int)wait_ms);
}

void http_run(struct http_server *s, unsigned wait_ms, int other)
{
    wait_for(s, wait_ms, other);
    (void)MHD_run(s->daemon);
}

void http_stop(struct http_server *s)
{
    if (s != NULL) {
        MHD_stop_daemon(s->daemon);
        mem_free(s);
    }
}

const char *http_library(void)
{
    static char text[40];
    (void)snprintf(text, sizeof(text), "libmicrohttpd %s", MHD_get_version());
    return text;
}
