/* What the files of a worker share: worker.c is above worker_reload.c, and both above
 * worker_serve.c, worker_users.c, worker_sightings.c, worker_ocsp.c, worker_passwords.c,
 * worker_sessions.c, worker_decoded.c and worker_end.c. Private to proxy/proc. */
#ifndef PROXY_PROC_WORKER_INNER_H
#define PROXY_PROC_WORKER_INNER_H

#include <stdbool.h>

#include "auth/certcache.h"
#include "auth/revoke/ocsp_desk.h"
#include "base/err.h"
#include "base/job.h"
#include "proxy/proc/ipc.h"
#include "proxy/proc/losses.h"
#include "proxy/proc/worker.h"
#include "proxy/server/server.h"

struct preparation;

struct worker {
    struct worker_start start;
    struct env env;
    struct server *server;
    struct admit *admit;
    struct loop_watch *ipc_watch;
    struct loop_waker *password_waker;
    struct loop_waker *lookup_waker;
    struct loop_timer stop_timer;
    struct loop_timer log_timer;      /* runs while lines of the access log are gathered */
    struct loop_timer store_timer;    /* runs while users come from a database */
    struct loop_timer password_timer; /* runs while passwords are remembered */
    struct loop_timer session_timer;  /* runs while sessions are kept */
    struct loop_timer decoded_timer;  /* runs while certificates are to be forgotten */
    struct loop_timer ocsp_timer;     /* runs while responders are asked */
    uint64_t ocsp_revocations;        /* as many as the connections were judged by */
    uint64_t ocsp_walk_at_ms;         /* when all are looked at again, monotonic clock */
    struct ocsp_desk desk;
    struct losses losses;             /* of the access log */
    uint64_t lines_lost;              /* as far as the metrics know */
    uint64_t passwords_computed;      /* the same */
    uint64_t passwords_remembered;    /* the same */
    uint64_t passwords_kept;          /* the same */
    struct certcache *certcache;      /* owned */
    struct decoded *decoded;          /* owned; of certificates */
    struct session_store *store;      /* owned; NULL: no sessions are kept */
    uint64_t chains_remembered;       /* as far as the metrics know */
    uint64_t chains_verified;         /* the same */
    uint64_t chains_kept;             /* the same */
    uint64_t certificates_remembered; /* the same */
    uint64_t certificates_decoded;    /* the same */
    uint64_t certificates_kept;       /* the same */
    uint64_t sessions_kept;           /* the same */
    struct deny *deny;                /* owned; env.deny */
    uint64_t deny_generation;
    bool draining;
    bool stopped; /* told to stop, or the master is gone */
    bool empty;   /* no connection is left */
    char role[24];

    /* The next configuration, while a reload is under way. */
    struct sockets fresh;      /* its new listening sockets */
    bool fresh_broken;         /* one of them could not be kept */
    struct preparation *next;  /* NULL: none */
    struct job_pool *builders; /* one thread; made at the first reload */
    struct loop_waker *builder_waker;
};

/* Build a runtime from the packed files; on any thread. loop and metrics NULL: without upstreams.
 * error (IPC_TEXT_MAX + 1 octets) says why on NULL. */
struct runtime *worker_build(const struct worker_start *start, int packed, struct env *env,
                             char *error);

/* Serve every listener of the runtime in force. Returns 0 or a negative err_code with e. */
int worker_serve(struct worker *w, struct err *e) __attribute__((warn_unused_result));

/* Let r's users be looked up beside the loop. */
void worker_attach_users(struct worker *w, struct runtime *r);

/* Let chains of r's clients be remembered, and their sessions be kept. */
void worker_attach_tls(struct worker *w, struct runtime *r);

/* Tell the CA of the runtime in force, if it has one, of certificates in use. */
void worker_set_sightings(struct worker *w);

/* Look for changes of the users' store from now on, if the runtime in force has one. */
void worker_watch_store(struct worker *w);

/* Step one: take a new listening socket; build what m brings, off the loop, and answer. m's
 * descriptor is taken over. */
void worker_take_listener(struct worker *w, struct ipc_message *m);
void worker_prepare(struct worker *w, struct ipc_message *m);

/* Step two. A worker that cannot adopt ends (and is replaced by one that starts with the new). */
void worker_commit(struct worker *w);
void worker_abort(struct worker *w);

/* Drop everything of a reload. */
void worker_reload_fini(struct worker *w);

/* Answer the master; one that does not hear ends the worker. */
void worker_tell(struct worker *w, enum ipc_type type, uint64_t generation, struct str text);

/* Look at open connections whenever a responder has said that a certificate is revoked, and every
 * keep_min, as long as the configuration in force asks responders. watch: after the start, and
 * whenever the configuration has changed. */
void worker_ocsp_init(struct worker *w);
void worker_ocsp_watch(struct worker *w);
void worker_ocsp_fini(struct worker *w);

/* Wipe remembered passwords when they are over, although nobody comes any more. wipe: in any turn
 * in which there may be the first ones. anew: whenever the configuration has changed how long they
 * stay. */
void worker_passwords_init(struct worker *w);
void worker_wipe_passwords(struct worker *w);
void worker_wipe_passwords_anew(struct worker *w);

/* Wipe kept sessions when they are over. wipe: as of passwords. */
void worker_sessions_init(struct worker *w);
void worker_wipe_sessions(struct worker *w);

void worker_decoded_init(struct worker *w);

/* Make w->decoded, as the configuration in force has it, without room where no handshake can be our
 * own; false without memory. And have it as big as that says now, which gives back the memory of
 * many only little by little. */
bool worker_decoded_make(struct worker *w) __attribute__((warn_unused_result));
void worker_decoded_renew(struct worker *w);

/* Prepare what is below; and what looks users up. */
void worker_end_init(struct worker *w);
void worker_users_init(struct worker *w);

/* Accept no more, let requests finish, then end with status 0. */
void worker_drain(struct worker *w);

/* End with status 1 as soon as the connections are closed, or after a second. */
void worker_stop(struct worker *w);

#endif
