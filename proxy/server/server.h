/* The listeners of one worker and the connections they gave. */
#ifndef PROXY_SERVER_SERVER_H
#define PROXY_SERVER_SERVER_H

#include "proxy/exchange/env.h"
#include "proxy/exchange/exchange.h"
#include "proxy/server/admit.h"

struct server;

/* The server of env (borrowed); admit may be NULL (no limits over all workers). NULL without
 * memory. */
struct server *server_new(struct env *env, struct admit *admit);

/* Accept on fd (kept by the caller) as listener index of the runtime's configuration: TLS and the
 * proxy's work. address: its name for logs. Returns 0 or a negative err_code with e. A second call
 * for an address that is served already only renumbers it (after a reload). */
int server_listen(struct server *s, struct str address, int fd, size_t index, struct err *e);

/* Accept on fd as the admin listener: plain HTTP answered by local(arg, ...). */
int server_listen_local(struct server *s, struct str address, int fd, local_fn local, void *arg,
                        struct err *e);

/* After a reload set env->runtime: stop listening where keep(arg, address) is false; connections
 * check their identity again before their next request. */
void server_adopt(struct server *s, bool (*keep)(void *arg, struct str address), void *arg);

/* env->deny or env->runtime has changed, or a responder has spoken: judge every open connection
 * now, and end those whose certificate or user is withdrawn. A few at a time, so that the others go
 * on; done(arg, ended) comes once, when all were judged; ended: how many of them ended. Called
 * again before that, it begins anew, and the earlier done comes with the later. */
void server_judge(struct server *s, void (*done)(void *arg, size_t ended), void *arg);

/* Accept no more, close idle connections, let the others finish their request; empty(arg) comes
 * once when no connection is left. */
void server_drain(struct server *s, void (*empty)(void *arg), void *arg);

/* Close every connection now. */
void server_abort(struct server *s);

/* Free it; every connection must be closed. NULL is fine. */
void server_free(struct server *s);

#endif
