/* Owns: one blocking exchange with a TLS server, for the demonstration and the command line. Not
 * used by workers. */
#include "proxy/tls/client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "proxy/tls/tls_err.h"

struct client {
    const struct tls_client_options *options;
    uint64_t deadline_ms;
    int fd;
    SSL_CTX *context;
    SSL *ssl;
};

static int crypto_error(const char *what, struct err *e)
{
    struct tls_err words;
    tls_err_take(&words);
    return err_set(e, ERR_CRYPTO, "%s: %s", what, words.text);
}

/* Waits until the socket is ready for events or the time is over. */
static int wait_for(const struct client *c, short events, struct err *e)
{
    for (;;) {
        uint64_t now = clock_mono_ms();
        struct pollfd p = {.fd = c->fd, .events = events};
        int left = now < c->deadline_ms ? (int)(c->deadline_ms - now) : 0;
        int n = left > 0 ? poll(&p, 1, left) : 0;
        if (n > 0) {
            return 0;
        }
        if (n == 0) {
            return err_set(e, ERR_IO, "no answer within %u ms", c->options->timeout_ms);
        }
        if (errno != EINTR) {
            return err_set_errno(e, ERR_IO, errno, "cannot wait for the server");
        }
    }
}

static int connect_socket(struct client *c, struct err *e)
{
    const struct addr *a = &c->options->address;
    char text[ADDR_TEXT_MAX];
    struct str where = addr_text(a, text);
    c->fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        return err_set_errno(e, ERR_IO, errno, "cannot make a socket");
    }
    if (connect(c->fd, &a->sa, addr_len(a)) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return err_set_errno(e, ERR_IO, errno, "cannot connect to %.*s", STR_ARG(where));
    }
    int failed = wait_for(c, POLLOUT, e);
    if (failed != 0) {
        return failed;
    }
    int error = 0;
    socklen_t n = sizeof(error);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0) {
        error = errno;
    }
    return error == 0 ? 0
                      : err_set_errno(e, ERR_IO, error, "cannot connect to %.*s", STR_ARG(where));
}

/* Never ask for a passphrase on a terminal. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static int make_context(struct client *c, struct err *e)
{
    const struct tls_client_options *o = c->options;
    c->context = SSL_CTX_new(TLS_client_method());
    if (c->context == NULL || SSL_CTX_set_min_proto_version(c->context, TLS1_2_VERSION) != 1) {
        return crypto_error("cannot set up TLS", e);
    }
    SSL_CTX_set_default_passwd_cb(c->context, no_passphrase);
    SSL_CTX_set_verify(c->context, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_mode(c->context, SSL_MODE_AUTO_RETRY);
    if (SSL_CTX_load_verify_file(c->context, o->ca_file) != 1) {
        return crypto_error(o->ca_file, e);
    }
    if (o->certificate_file == NULL) {
        return 0;
    }
    if (SSL_CTX_use_certificate_chain_file(c->context, o->certificate_file) != 1) {
        return crypto_error(o->certificate_file, e);
    }
    if (SSL_CTX_use_PrivateKey_file(c->context, o->key_file, SSL_FILETYPE_PEM) != 1) {
        return crypto_error(o->key_file, e);
    }
    return 0;
}

/* SSL_set_tlsext_host_name() without its cast, which drops const: OpenSSL copies the name. */
static long set_server_name(SSL *ssl, const char *name)
{
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    (void *)(uintptr_t)name);
}

static int make_session(struct client *c, struct err *e)
{
    const char *name = c->options->server_name;
    c->ssl = SSL_new(c->context);
    if (c->ssl == NULL || set_server_name(c->ssl, name) != 1 || SSL_set1_host(c->ssl, name) != 1 ||
        SSL_set_fd(c->ssl, c->fd) != 1) {
        return crypto_error("cannot set up TLS", e);
    }
    return 0;
}

/* What a call of OpenSSL that returned ret without success means: 0: waited, try again. */
static int wait_or_fail(const struct client *c, int ret, struct err *e)
{
    int error = errno;
    switch (SSL_get_error(c->ssl, ret)) {
    case SSL_ERROR_WANT_READ:
        return wait_for(c, POLLIN, e);
    case SSL_ERROR_WANT_WRITE:
        return wait_for(c, POLLOUT, e);
    case SSL_ERROR_ZERO_RETURN:
        return err_set(e, ERR_CLOSED, "the server closed the connection");
    case SSL_ERROR_SYSCALL:
        if (ERR_peek_error() == 0) {
            return error == 0 ? err_set(e, ERR_CLOSED, "the server closed the connection")
                              : err_set_errno(e, ERR_CLOSED, error, "the connection broke");
        }
        break;
    default:
        break;
    }
    if (SSL_get_verify_result(c->ssl) != X509_V_OK) {
        ERR_clear_error();
        return err_set(e, ERR_DENIED, "the server's certificate is not accepted: %s",
                       X509_verify_cert_error_string(SSL_get_verify_result(c->ssl)));
    }
    struct tls_err words;
    tls_err_take(&words);
    return err_set(e, words.reason == REASON_TLS_CLIENT_ALERT ? ERR_DENIED : ERR_CRYPTO, "%s",
                   words.text[0] != '\0' ? words.text : "the server closed the connection");
}

static int handshake(const struct client *c, struct err *e)
{
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int ret = SSL_connect(c->ssl);
        if (ret == 1) {
            return 0;
        }
        int failed = wait_or_fail(c, ret, e);
        if (failed != 0) {
            return failed;
        }
    }
}

static int send_request(const struct client *c, struct str request, struct err *e)
{
    while (request.n > 0) {
        size_t n = 0;
        ERR_clear_error();
        errno = 0;
        int ret = SSL_write_ex(c->ssl, request.p, request.n, &n);
        request = str_slice(request, n, request.n);
        int failed = ret == 1 ? 0 : wait_or_fail(c, ret, e);
        if (failed != 0) {
            return failed;
        }
    }
    return 0;
}

/* Looks for the end of a head and its Content-Length: true once the answer is all there. The
 * answers are those of our own proxy: this is no parser for others. */
static bool is_complete(struct str answer)
{
    const char *end = memmem(answer.p, answer.n, "\r\n\r\n", 4);
    if (end == NULL) {
        return false;
    }
    struct str rest = {answer.p, (size_t)(end - answer.p)};
    size_t head_n = rest.n + 4;
    struct str line;
    while (rest.n > 0) {
        (void)str_cut(rest, '\n', &line, &rest);
        struct str name;
        struct str value;
        uint64_t length;
        if (!str_cut(line, ':', &name, &value) || !str_ieq(name, STR("content-length"))) {
            continue;
        }
        if (value.n > 0 && value.p[value.n - 1] == '\r') {
            value.n--;
        }
        return str_to_u64(str_trim(value), &length) && answer.n - head_n >= length;
    }
    return false;
}

static int read_answer(const struct client *c, struct buf *answer, struct err *e)
{
    while (!is_complete(buf_str(answer))) {
        size_t n = 0;
        char *space = buf_reserve(answer, 4096);
        if (space == NULL) {
            return err_set(e, ERR_TOO_LARGE, "the answer is too large");
        }
        ERR_clear_error();
        errno = 0;
        int ret = SSL_read_ex(c->ssl, space, 4096, &n);
        buf_commit(answer, ret == 1 ? n : 0);
        if (ret != 1 && SSL_get_error(c->ssl, ret) == SSL_ERROR_ZERO_RETURN &&
            buf_len(answer) > 0) {
            return 0;
        }
        int failed = ret == 1 ? 0 : wait_or_fail(c, ret, e);
        if (failed != 0) {
            return failed;
        }
    }
    return 0;
}

static int exchange(struct client *c, struct str request, struct buf *answer, struct err *e)
{
    int failed = connect_socket(c, e);
    failed = failed != 0 ? failed : make_context(c, e);
    failed = failed != 0 ? failed : make_session(c, e);
    failed = failed != 0 ? failed : handshake(c, e);
    if (failed != 0) {
        return failed;
    }
    /* A server of TLS 1.3 that refuses our certificate says so after our side of the handshake is
     * done: if sending fails, its alert may still be there to be read. */
    struct err while_sending = {.code = ERR_OK};
    failed = send_request(c, request, &while_sending);
    if (failed != 0 && failed != -ERR_CLOSED) {
        return err_set(e, while_sending.code, "%s", while_sending.text);
    }
    failed = read_answer(c, answer, e);
    if (failed == 0) {
        (void)SSL_shutdown(c->ssl);
    }
    return failed;
}

int tls_client_exchange(const struct tls_client_options *o, struct str request, struct buf *answer,
                        struct err *e)
{
    struct client c = {.options = o, .deadline_ms = clock_mono_ms() + o->timeout_ms, .fd = -1};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    (void)sigaction(SIGPIPE, &ignore, &before);
    int failed = exchange(&c, request, answer, e);
    SSL_free(c.ssl);
    SSL_CTX_free(c.context);
    if (c.fd >= 0) {
        (void)close(c.fd);
    }
    (void)sigaction(SIGPIPE, &before, NULL);
    ERR_clear_error();
    return failed;
}
