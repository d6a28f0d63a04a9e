/* Owns: the control socket, who may ask, and the single line that a client sends. Not: what a
 * command does. Master only; nothing here waits. */
#include "proxy/proc/control_server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "proxy/net/listen.h"

enum { LINE_MS = 5000, TEXT_MAX = 160 };

struct control_client {
    int fd;     /* -1: none */
    bool waits; /* its command is being answered */
    uint64_t until_ms;
    size_t n;
    char line[CONTROL_LINE_MAX];
};

struct control_server {
    int fd;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    struct control_client clients[CONTROL_CLIENTS_MAX];
};

struct control_server *control_server_open(const char *path, struct err *e)
{
    struct addr a = {.kind = ADDR_UNIX, .un = {.sun_family = AF_UNIX}};
    struct control_server *c = mem_calloc(1, sizeof(*c));
    if (c == NULL || strlen(path) >= sizeof(c->path)) {
        (void)err_set(e, ERR_CONFIG, "admin.socket: the path is longer than %zu octets",
                      sizeof(c->path) - 1);
        mem_free(c);
        return NULL;
    }
    (void)snprintf(a.un.sun_path, sizeof(a.un.sun_path), "%s", path);
    (void)snprintf(c->path, sizeof(c->path), "%s", path);
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        c->clients[i].fd = -1;
    }
    struct listen_options options = {.backlog = CONTROL_CLIENTS_MAX, .unix_mode = 0600};
    struct err why = {0};
    c->fd = listen_open(&a, &options, &why);
    if (c->fd < 0) {
        (void)err_set(e, why.code, "admin.socket: %.200s", why.text);
        mem_free(c);
        return NULL;
    }
    return c;
}

static void hang_up(struct control_client *client)
{
    (void)close(client->fd);
    *client = (struct control_client){.fd = -1};
}

void control_server_forget(struct control_server *c)
{
    if (c == NULL) {
        return;
    }
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (c->clients[i].fd >= 0) {
            hang_up(&c->clients[i]);
        }
    }
    (void)close(c->fd);
    mem_free(c);
}

void control_server_close(struct control_server *c)
{
    if (c != NULL) {
        (void)unlink(c->path);
        control_server_forget(c);
    }
}

nfds_t control_server_polls(const struct control_server *c, struct pollfd *out)
{
    nfds_t n = 0;
    if (c == NULL) {
        return 0;
    }
    out[n++] = (struct pollfd){.fd = c->fd, .events = POLLIN};
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        /* One that waits for its answer is not read from: a hang-up is noticed when answering. */
        if (c->clients[i].fd >= 0 && !c->clients[i].waits) {
            out[n++] = (struct pollfd){.fd = c->clients[i].fd, .events = POLLIN};
        }
    }
    return n;
}

static void send_line(int fd, struct str text)
{
    struct iovec parts[2] = {{(void *)(uintptr_t)text.p, text.n}, {(char[]){'\n'}, 1}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    /* It fits into the socket's buffer; a client that is gone needs no answer. */
    (void)sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Only root and whoever the master runs as. */
static bool may_ask(int fd, struct log *log)
{
    struct ucred peer = {0};
    socklen_t n = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0) {
        return false;
    }
    if (peer.uid == 0 || peer.uid == geteuid()) {
        return true;
    }
    LOG(log, LOG_LEVEL_WARNING, "control_refused", LOG_NUMBER("uid", peer.uid),
        LOG_NUMBER("pid", peer.pid));
    return false;
}

static void accept_client(struct control_server *c, struct log *log)
{
    int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return;
    }
    if (!may_ask(fd, log)) {
        send_line(fd,
                  STR("{\"error\":\"only root and the user that countersign runs as may ask\"}"));
        (void)close(fd);
        return;
    }
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (c->clients[i].fd < 0) {
            c->clients[i] =
                (struct control_client){.fd = fd, .until_ms = clock_mono_ms() + LINE_MS};
            return;
        }
    }
    send_line(fd, STR("{\"error\":\"too many clients ask at once, try again\"}"));
    (void)close(fd);
}

/* Read on; true when the line is complete. */
static bool read_line(struct control_client *client)
{
    ssize_t n =
        recv(client->fd, client->line + client->n, sizeof(client->line) - client->n, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        if (clock_mono_ms() >= client->until_ms) {
            hang_up(client);
        }
        return false;
    }
    if (n <= 0) {
        hang_up(client);
        return false;
    }
    client->n += (size_t)n;
    if (memchr(client->line, '\n', client->n) == NULL) {
        if (client->n == sizeof(client->line)) {
            send_line(client->fd, STR("{\"error\":\"the line is too long\"}"));
            hang_up(client);
        }
        return false;
    }
    return true;
}

void control_server_turn(struct control_server *c, struct log *log, control_command_fn on_command,
                         void *arg)
{
    if (c == NULL) {
        return;
    }
    accept_client(c, log);
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct control_client *client = &c->clients[i];
        if (client->fd < 0 || client->waits || !read_line(client)) {
            continue;
        }
        struct str line;
        struct str rest;
        struct str command;
        struct str user = STR_NONE;
        (void)str_cut((struct str){client->line, client->n}, '\n', &line, &rest);
        client->waits = true;
        if (control_parse(line, &command, &user) != 0) {
            control_server_answer(c, i, STR("{\"error\":\"that is no command\"}"));
        } else {
            on_command(arg, i, command, user);
        }
    }
}

void control_server_answer(struct control_server *c, unsigned client, struct str text)
{
    if (c != NULL && c->clients[client].fd >= 0) {
        send_line(c->clients[client].fd, text);
        hang_up(&c->clients[client]);
    }
}

/* Take token from the front of *s, with blanks around it. */
static bool take(struct str *s, struct str token)
{
    *s = str_trim(*s);
    if (!str_starts(*s, token)) {
        return false;
    }
    *s = str_trim(str_slice(*s, token.n, s->n));
    return true;
}

/* Take "name":"text" off the front of s. */
static bool take_member(struct str *s, struct str name, struct str *text)
{
    if (!take(s, name) || !take(s, STR(":")) || s->n == 0 || s->p[0] != '"') {
        return false;
    }
    size_t end = str_chr(str_slice(*s, 1, s->n), '"');
    if (end == STR_NPOS || end == 0) {
        return false;
    }
    *text = str_slice(*s, 1, end + 1);
    *s = str_slice(*s, end + 2, s->n);
    return true;
}

int control_parse(struct str line, struct str *command, struct str *user)
{
    struct str s = line;
    struct str word;
    struct str name = STR_NONE;
    if (s.n > 0 && s.p[s.n - 1] == '\r') {
        s.n--;
    }
    if (!take(&s, STR("{")) || !take_member(&s, STR("\"command\""), &word)) {
        return -ERR_MALFORMED;
    }
    for (size_t i = 0; i < word.n; i++) {
        if (word.p[i] < 'a' || word.p[i] > 'z') {
            return -ERR_MALFORMED;
        }
    }
    if (take(&s, STR(",")) && (!take_member(&s, STR("\"user\""), &name) || !str_is_utf8(name) ||
                               str_has_control(name) || str_chr(name, '\\') != STR_NPOS)) {
        return -ERR_MALFORMED;
    }
    if (!take(&s, STR("}")) || s.n > 0) {
        return -ERR_MALFORMED;
    }
    *command = word;
    *user = name;
    return 0;
}
