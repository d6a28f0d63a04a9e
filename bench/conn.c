/* Owns: the states of a connection and the times of its operation. Not: when operations begin, how
 * they are counted. One thread. */
#include "bench/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/clock.h"

#define RECORD_MAX 16384
#define EVENTS     (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)
#define TURN_READS 64 /* who sends without end must not hold up time-outs and others */

static enum conn_event end_with(struct conn *c, enum result_class outcome)
{
    c->op.outcome = outcome;
    c->op.end_ns = clock_mono_ns();
    return CONN_ENDED;
}

void conn_close(struct conn *c)
{
    SSL_free(c->ssl);
    c->ssl = NULL;
    if (c->fd >= 0) {
        (void)close(c->fd);
        c->fd = -1;
    }
}

void conn_expire(struct conn *c)
{
    (void)end_with(c, RESULT_TIMEOUT);
}

/* Whether rc only means that the socket must become ready first. */
static bool would_wait(const struct conn *c, int rc)
{
    int why = SSL_get_error(c->ssl, rc);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

/* The class of a failure to read. Where writing had failed before, that tells more than the end of
 * the stream that followed. */
static enum result_class read_failure(struct conn *c, int rc)
{
    enum result_class failure = tls_client_failure(c->ssl, rc, &c->op.alert);
    bool told = c->write_failure != RESULT_OK && failure == RESULT_TRUNCATED;
    return told ? c->write_failure : failure;
}

static enum conn_event fail(struct conn *c, int rc)
{
    return end_with(c, read_failure(c, rc));
}

/* An SSL_ function could not write. If that is for good it is only noted: the alert or answer that
 * explains it may be there to be read. */
static void note_write_failure(struct conn *c, int rc)
{
    unsigned alert = 0;
    if (c->write_failure == RESULT_OK && !would_wait(c, rc)) {
        c->write_failure = tls_client_failure(c->ssl, rc, &alert);
    }
}

/* OpenSSL tells a system call's failure by errno alone, and an old one must not be taken for it. */
static void forget_errors(void)
{
    ERR_clear_error();
    errno = 0;
}

/* There may be more to read, but it is the turn of others: an edge that was used up is told again.
 */
static enum conn_event go_on_later(struct conn *c)
{
    struct epoll_event event = {.events = EVENTS, .data.ptr = c};
    (void)epoll_ctl(c->shared->epoll, EPOLL_CTL_MOD, c->fd, &event);
    return CONN_WAIT;
}

/* Waits for the server's close without more ado: the operation is over. */
static enum conn_event on_linger(struct conn *c)
{
    for (int i = 0; i < TURN_READS; i++) {
        ssize_t n = recv(c->fd, c->shared->scratch, CONN_SCRATCH, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return CONN_WAIT;
        }
        if (n <= 0) {
            return CONN_CLOSED;
        }
    }
    return go_on_later(c);
}

/* After the last answer on a connection: say so, and let the server close first, so that neither
 * side is reset and no port of ours waits. */
static void begin_linger(struct conn *c)
{
    forget_errors();
    (void)SSL_shutdown(c->ssl);
    forget_errors();
    SSL_free(c->ssl);
    c->ssl = NULL;
    c->state = CONN_LINGER;
    c->linger_ns = c->op.end_ns;
    (void)shutdown(c->fd, SHUT_WR);
    if (on_linger(c) == CONN_CLOSED) {
        conn_close(c);
    }
}

static unsigned expected(const struct conn *c)
{
    return c->op.mismatched ? 403 : c->shared->o->expect;
}

static enum result_class judge(const struct conn *c)
{
    unsigned status = c->op.status;
    unsigned want = expected(c);
    if (want != 0 ? status == want : status >= 200 && status <= 299) {
        return RESULT_OK;
    }
    return c->op.mismatched ? RESULT_PAIRING : RESULT_STATUS;
}

static enum conn_event answered(struct conn *c, uint64_t total)
{
    const struct options *o = c->shared->o;
    c->op.status = c->reply.status;
    c->requests++;
    (void)end_with(c, judge(c));
    bool more = o->per_connection == 0 || c->requests < o->per_connection;
    if (o->mode == MODE_KEEPALIVE && c->reply.keep && c->written == total && more) {
        c->state = CONN_IDLE;
    } else {
        begin_linger(c);
    }
    return CONN_ENDED;
}

/* The next octets of head and body from c->written on: the head and the beginning of the body go in
 * one record. After a write that could not be done it gives the same octets again. */
static struct str next_octets(struct conn *c, uint64_t total)
{
    uint64_t left = total - c->written;
    size_t n = left < RECORD_MAX ? (size_t)left : RECORD_MAX;
    size_t at = c->written < c->head.n ? (size_t)c->written : c->head.n;
    struct str head = str_slice(c->head, at, c->head.n);
    if (c->shared->o->body_bytes == 0) {
        return head;
    }
    size_t head_n = head.n < n ? head.n : n;
    memcpy(c->shared->scratch, head.p, head_n);
    memset(c->shared->scratch + head_n, 'x', n - head_n);
    return (struct str){c->shared->scratch, n};
}

/* Writes what the socket takes. */
static void write_request(struct conn *c, uint64_t total)
{
    while (c->written < total && c->write_failure == RESULT_OK) {
        struct str octets = next_octets(c, total);
        size_t n = 0;
        /* Before the call: the server may be at work before it returns. */
        uint64_t before = clock_mono_ns();
        forget_errors();
        if (SSL_write_ex(c->ssl, octets.p, octets.n, &n) != 1) {
            note_write_failure(c, 0);
            return;
        }
        c->written += n;
        c->shared->bytes_out += n;
        c->op.written_ns = c->written == total ? before : 0;
    }
}

/* What was read, into the answer. */
static enum conn_event on_octets(struct conn *c, size_t n, uint64_t total)
{
    size_t used = 0;
    if (c->op.first_ns == 0) {
        c->op.first_ns = clock_mono_ns();
    }
    c->shared->bytes_in += n;
    enum reply_result r = reply_feed(&c->reply, c->shared->scratch, n, &used);
    if (r == REPLY_BAD || (r == REPLY_DONE && used < n)) {
        return end_with(c, RESULT_PROTOCOL);
    }
    return r == REPLY_DONE ? answered(c, total) : CONN_WAIT;
}

static enum conn_event on_exchange(struct conn *c)
{
    uint64_t total = c->head.n + c->shared->o->body_bytes;
    write_request(c, total);
    for (int i = 0; i < TURN_READS; i++) {
        size_t n = 0;
        forget_errors();
        if (SSL_read_ex(c->ssl, c->shared->scratch, CONN_SCRATCH, &n) == 1) {
            enum conn_event event = on_octets(c, n, total);
            if (event != CONN_WAIT) {
                return event;
            }
            continue;
        }
        if (would_wait(c, 0)) {
            return CONN_WAIT;
        }
        if (SSL_get_error(c->ssl, 0) == SSL_ERROR_ZERO_RETURN &&
            reply_eof(&c->reply) == REPLY_DONE) {
            return answered(c, total);
        }
        return fail(c, 0);
    }
    return go_on_later(c);
}

/* TLS 1.3 servers check our certificate after our side is finished: only their orderly close shows
 * that they accepted it. Their tickets, if they send any, come before it and are taken here. */
static enum conn_event on_shutdown(struct conn *c)
{
    for (int i = 0; i < TURN_READS; i++) {
        size_t n = 0;
        forget_errors();
        if (SSL_read_ex(c->ssl, c->shared->scratch, CONN_SCRATCH, &n) == 1) {
            continue;
        }
        if (would_wait(c, 0)) {
            return CONN_WAIT;
        }
        int why = SSL_get_error(c->ssl, 0);
        enum result_class failure = read_failure(c, 0);
        /* Many close without close_notify: no data are missing, as none were asked for. */
        bool orderly = why == SSL_ERROR_ZERO_RETURN || failure == RESULT_TRUNCATED;
        return end_with(c, orderly ? RESULT_OK : failure);
    }
    return go_on_later(c);
}

static enum conn_event begin_shutdown(struct conn *c)
{
    forget_errors();
    c->state = CONN_SHUTDOWN;
    int rc = SSL_shutdown(c->ssl);
    if (rc < 0) {
        note_write_failure(c, rc);
    }
    (void)shutdown(c->fd, SHUT_WR);
    return on_shutdown(c);
}

/* The request of this operation, by lot that of another client. */
static void prepare_request(struct conn *c)
{
    struct conn_shared *s = c->shared;
    size_t who = c->tls.identity;
    c->op.mismatched = s->o->mismatch > 0.0 && lot_share(&s->lot) < s->o->mismatch;
    if (c->op.mismatched) {
        who = (who + 1 + (size_t)lot_below(&s->lot, s->ids->n - 1)) % s->ids->n;
    }
    c->head = s->ids->v[who].request;
    c->written = 0;
    reply_init(&c->reply, strcmp(s->o->method, "HEAD") == 0);
}

static enum conn_event handshake_done(struct conn *c)
{
    const struct options *o = c->shared->o;
    c->op.handshake_ns = clock_mono_ns();
    c->op.resumed = SSL_session_reused(c->ssl) == 1;
    tls_client_keep(&c->tls, c->ssl);
    if (c->shared->env->tls[0] == '\0') {
        tls_client_describe(c->ssl, c->shared->env);
    }
    if (o->mode != MODE_HANDSHAKE) {
        c->state = CONN_EXCHANGE;
        return on_exchange(c);
    }
    return begin_shutdown(c);
}

static enum conn_event on_handshake(struct conn *c)
{
    forget_errors();
    int rc = SSL_do_handshake(c->ssl);
    if (rc == 1) {
        return handshake_done(c);
    }
    return would_wait(c, rc) ? CONN_WAIT : fail(c, rc);
}

/* True if the host of the URL is a name: only names go into the greeting (RFC 6066 3). */
static const char *server_name(const struct options *o)
{
    struct in6_addr any;
    bool literal =
        inet_pton(AF_INET, o->host, &any) == 1 || inet_pton(AF_INET6, o->host, &any) == 1;
    return literal ? NULL : o->host;
}

static enum conn_event on_connected(struct conn *c)
{
    struct conn_shared *s = c->shared;
    int error = 0;
    socklen_t n = sizeof(error);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0) {
        return end_with(c, tls_client_errno(error));
    }
    c->op.connected_ns = clock_mono_ns();
    c->ssl = tls_client_new(&c->tls, &s->ids->v[c->tls.identity], c->fd, server_name(s->o));
    if (c->ssl == NULL) {
        return end_with(c, RESULT_LOCAL);
    }
    if (s->o->resume_ratio > 0.0) {
        c->op.wanted = lot_share(&s->lot) < s->o->resume_ratio;
        c->op.offered = c->op.wanted && tls_client_offer(&c->tls, c->ssl);
    }
    c->state = CONN_HANDSHAKE;
    return on_handshake(c);
}

/* A socket, from the next source address. Returns 0 or the errno. */
static int open_socket(struct conn *c)
{
    struct conn_shared *s = c->shared;
    const struct options *o = s->o;
    int one = 1;
    c->fd = socket(o->addr.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        return errno;
    }
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (o->source_count > 0) {
        const struct addr *from = &o->sources[s->source_next++ % o->source_count];
        /* The port is chosen at connect(), when the target is known: else each address would have
         * its ports only once. */
        (void)setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
        if (bind(c->fd, &from->sa, addr_len(from)) != 0) {
            return errno;
        }
    }
    struct epoll_event event = {.events = EVENTS, .data.ptr = c};
    if (connect(c->fd, &o->addr.sa, addr_len(&o->addr)) != 0 && errno != EINPROGRESS) {
        return errno;
    }
    return epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->fd, &event) == 0 ? 0 : errno;
}

enum conn_event conn_open(struct conn *c, struct conn_shared *shared, size_t identity,
                          uint64_t due_ns)
{
    *c = (struct conn){.shared = shared, .fd = -1, .state = CONN_CONNECTING};
    list_init(&c->link);
    c->tls = (struct tls_link){.client = &shared->tls, .identity = identity};
    c->op = (struct conn_op){.due_ns = due_ns, .begin_ns = clock_mono_ns(), .fresh = true};
    if (shared->o->mode != MODE_HANDSHAKE) {
        prepare_request(c);
    }
    int error = open_socket(c);
    return error == 0 ? CONN_WAIT : end_with(c, tls_client_errno(error));
}

enum conn_event conn_again(struct conn *c, uint64_t due_ns)
{
    c->op = (struct conn_op){.due_ns = due_ns, .begin_ns = clock_mono_ns()};
    prepare_request(c);
    c->state = CONN_EXCHANGE;
    return on_exchange(c);
}

/* Nothing is due from the server now, but it may close, or send a session late. */
static enum conn_event on_idle(struct conn *c)
{
    size_t n = 0;
    forget_errors();
    if (SSL_read_ex(c->ssl, c->shared->scratch, CONN_SCRATCH, &n) == 1 || !would_wait(c, 0)) {
        forget_errors();
        return CONN_CLOSED;
    }
    return CONN_WAIT;
}

enum conn_event conn_step(struct conn *c)
{
    switch (c->state) {
    case CONN_CONNECTING:
        return on_connected(c);
    case CONN_HANDSHAKE:
        return on_handshake(c);
    case CONN_SHUTDOWN:
        return on_shutdown(c);
    case CONN_EXCHANGE:
        return on_exchange(c);
    case CONN_IDLE:
        return on_idle(c);
    case CONN_LINGER:
    default:
        return on_linger(c);
    }
}
