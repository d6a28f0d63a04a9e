/* The master's end of the control socket. Private to proxy/proc. */
#ifndef PROXY_PROC_CONTROL_SERVER_H
#define PROXY_PROC_CONTROL_SERVER_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"

#define CONTROL_CLIENTS_MAX 8
#define CONTROL_POLLS_MAX   (CONTROL_CLIENTS_MAX + 1)
#define CONTROL_LINE_MAX    384

struct control_server;

/* A command came from client (answer it by control_server_answer(), now or later). command, and
 * user, whom it is about (p NULL: nobody), are borrowed for the call. */
typedef void (*control_command_fn)(void *arg, unsigned client, struct str command, struct str user);

/* Listen on the Unix socket path (mode 0600; a stale one is replaced). NULL with e. */
struct control_server *control_server_open(const char *path, struct err *e);

/* Drop every client, remove the socket; NULL is fine. */
void control_server_close(struct control_server *c);

/* Close the descriptors only: in a forked process. NULL is fine. */
void control_server_forget(struct control_server *c);

/* What to poll: fills out[CONTROL_POLLS_MAX], returns how many. NULL: 0. */
nfds_t control_server_polls(const struct control_server *c, struct pollfd *out);

/* Do what the polled descriptors ask for; refusals are logged. NULL: nothing. */
void control_server_turn(struct control_server *c, struct log *log, control_command_fn on_command,
                         void *arg);

/* Send text and a newline to client and say goodbye. */
void control_server_answer(struct control_server *c, unsigned client, struct str text);

/* Read one line of JSON, {"command":"word"} or {"command":"word","user":"text"} and nothing else;
 * the text holds no escapes. *command and *user (p NULL: not there) borrow line. Returns 0 or
 * -ERR_MALFORMED. */
int control_parse(struct str line, struct str *command, struct str *user)
    __attribute__((warn_unused_result));

#endif
