/* What the files of the master share. Private to proxy/proc. */
#ifndef PROXY_PROC_MASTER_INNER_H
#define PROXY_PROC_MASTER_INNER_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/lockout.h"
#include "auth/revoke/deny.h"
#include "auth/totp.h"
#include "base/log.h"
#include "conf/files.h"
#include "conf/model.h"
#include "proxy/exchange/env.h"
#include "proxy/observe/metrics.h"
#include "proxy/proc/children.h"
#include "proxy/proc/control_server.h"
#include "proxy/proc/crl_watch.h"
#include "proxy/proc/master.h"
#include "proxy/proc/ocsp_helper.h"
#include "proxy/proc/privdrop.h"
#include "proxy/proc/reload.h"
#include "proxy/proc/sockets.h"
#include "proxy/server/admit.h"

/* Ordered: from MASTER_DELAY on it is about to end. */
enum master_state {
    MASTER_STARTING = 0, /* not every worker was ready yet */
    MASTER_RUNNING,
    MASTER_DELAY, /* not ready, still accepting */
    MASTER_DRAIN, /* workers finish what they have */
    MASTER_STOP   /* workers end at once */
};

#define MASTER_STOP_MS 3000 /* from the order to stop to the kill */

/* The configuration that a reload is about, until it is adopted or refused. */
struct master_next {
    struct files *files;
    int packed;
    struct runtime *runtime; /* as built for the check */
    struct sockets fresh;
    struct deny *deny; /* its deny list; NULL: the one in force stays */
    struct files *deny_files;
};

/* What became of the latest reload. */
struct master_result {
    bool any;
    bool ok;
    int64_t wall_ms;
    char error[IPC_TEXT_MAX + 1];
};

/* The deny list in force, which changes without a reload. */
struct master_deny {
    struct deny *set;      /* never NULL once started */
    struct files *files;   /* what it was made of */
    struct files *refused; /* a state of the files that could not be used; NULL: none */
    uint64_t generation;
    uint64_t watch_at_ms;
    uint64_t retry_at_ms; /* after a refusal */
    uint64_t deadline_ms; /* of the workers' word that it is in force; 0: nobody waits for it */
    uint64_t ended;       /* connections, by this generation */
    bool asked[CONTROL_CLIENTS_MAX];
    char error[IPC_TEXT_MAX + 1]; /* why refused */
};

struct master_companion {
    pid_t pid; /* 0: there is none */
    bool told; /* to end */
    uint64_t rest_until_ms;
};

struct master {
    const struct master_options *options;
    enum master_state state;
    uint64_t state_until_ms; /* MASTER_DELAY, _DRAIN, _STOP: when the next begins */
    bool forced;             /* the exit status is 1 */
    bool failed_start;
    bool in_worker; /* this is a forked copy: nothing outside the process is touched any more */
    uint64_t started_ms;
    int signal_fd;

    struct files *files;   /* in force */
    struct files *watched; /* a change of files that was refused; NULL: none */
    int packed;            /* files, for workers */
    struct conf *conf;     /* in force; a reference */
    uint64_t generation;
    uint64_t last_generation; /* ever tried */
    struct crl_watch crls;    /* of the configuration in force */
    uint64_t watch_at_ms;
    uint64_t watchdog_at_ms;
    uint64_t watchdog_ms;

    unsigned wanted;      /* workers */
    unsigned workers_max; /* fixed at the start */
    struct children children;
    struct sockets sockets;
    struct metrics_region *region;
    struct admit_region *admit;
    struct lockout *lockout;         /* failures, counted by all workers */
    struct totp_memory *totp_memory; /* codes that were used */
    struct session_region *sessions; /* that can be resumed; NULL: none are kept */
    struct privdrop privdrop;

    struct ocsp_line ocsp;
    pid_t ocsp_pid; /* of the helper; 0: there is none */
    uint64_t ocsp_rest_until_ms;

    struct master_companion companion;

    struct logfile *error_file;
    struct logfile *access_file;
    struct log *log;

    struct master_deny deny;
    struct reload reload;
    struct master_next next;
    struct master_result result;
    bool by_watch;                         /* the reload under way began because a file changed */
    bool reload_again;                     /* asked for while one was under way */
    bool asked[CONTROL_CLIENTS_MAX];       /* clients that wait for the reload under way */
    bool asked_again[CONTROL_CLIENTS_MAX]; /* and for the one after it */
    struct control_server *control;
};

/* master_start.c: everything before the first worker. Errors are told on standard error. Returns 0
 * or a negative err_code; master_fini() in any case. */
int master_init(struct master *m) __attribute__((warn_unused_result));
void master_fini(struct master *m);

/* How many processors this process may use. */
unsigned master_cores(void);

/* Say in the log which checks a configuration weakens. */
void master_log_insecure(const struct master *m, const struct conf *conf);

/* master_workers.c: the processes. */

/* Start workers in the empty places below wanted whose rest is over. In a worker this returns its
 * exit status, in the master -1. */
int master_fill(struct master *m, uint64_t now_ms);

/* In a fork: what is the master's alone is closed, keys are wiped. */
void master_leave(struct master *m);

/* master_ocsp.c: start the OCSP helper if it is wanted and not there, end it if it is not wanted.
 * In the helper this returns its exit status, in the master -1. */
int master_ocsp(struct master *m, uint64_t now_ms);

/* When that is due again; UINT64_MAX: not by time. */
uint64_t master_ocsp_deadline(const struct master *m);

/* End it now. */
void master_ocsp_end(struct master *m);

/* master_companion.c: start the companion if it is wanted and not there, tell it to end if it is
 * not wanted. */
void master_companion(struct master *m, uint64_t now_ms);

/* When that is due again; UINT64_MAX: not by time. */
uint64_t master_companion_deadline(const struct master *m);

/* Tell it to end; another one is started if one is wanted. */
void master_companion_renew(struct master *m);

/* End it, and wait for that. */
void master_companion_end(struct master *m);

/* Collect ended workers. */
void master_reap(struct master *m, uint64_t now_ms);

/* Read what the worker in place i sent. */
void master_hear(struct master *m, unsigned i);

/* Tell the worker in place i; one that does not listen is killed. */
void master_tell(struct master *m, unsigned i, enum ipc_type type, int fd);
void master_tell_all(struct master *m, enum ipc_type type, int fd);

/* Kill the worker in place i: it is replaced when it has ended. */
void master_kill(struct master *m, unsigned i);

/* Let the worker in place i go, in peace. */
void master_dismiss(struct master *m, unsigned i, uint64_t now_ms);

/* Workers that are leaving: on to the next step of those whose time is over. */
void master_push_leaving(struct master *m, uint64_t now_ms);

/* master_reload.c: configurations. */

/* Load anew and ask the workers; by_watch: the configuration files themselves stay as they are. */
void master_reload_begin(struct master *m, bool by_watch, uint64_t now_ms);

/* Begin the one that was asked for while it could not be begun, if any. */
void master_reload_again(struct master *m, uint64_t now_ms);

/* Go on with what the workers said. */
void master_reload_step(struct master *m, enum reload_outcome outcome, uint64_t now_ms);

/* Look at the files if it is time. */
void master_watch(struct master *m, uint64_t now_ms);

/* Answer every client that waits: the master ends. */
void master_reload_give_up(struct master *m, const char *why);

/* master_deny.c: what is withdrawn. */

/* Read the deny files of conf; of those that have but grown since the set in force was read only
 * what is new. False with diags; *set and *files are the caller's. */
bool master_deny_load(const struct master *m, const struct conf *conf, struct deny **set,
                      struct files **files, struct diags *diags);

/* Have set in force (taken over, with the files it was made of) and tell every worker. */
void master_deny_adopt(struct master *m, struct deny *set, struct files *files, uint64_t now_ms);

/* The command "deny": read the files anew; client is answered when the workers have them. */
void master_deny_asked(struct master *m, unsigned client);

/* Look at the files if it is time; answer who waits if all workers have told, or it is too late. */
void master_deny_tick(struct master *m, uint64_t now_ms);

/* When master_deny_tick() has something to do; UINT64_MAX: not known. */
uint64_t master_deny_due(const struct master *m);

/* The worker in place i has it. */
void master_deny_heard(struct master *m, unsigned i, const struct ipc_message *message);

/* Show its size in the metrics. */
void master_deny_show(const struct master *m);

/* Free it; in a forked process, which keeps the set itself, all but that. */
void master_deny_fini(struct master *m);
void master_deny_forget(struct master *m);

/* Append what is in force, as members of a JSON object. */
int master_deny_render(const struct master *m, struct buf *out) __attribute__((warn_unused_result));

/* master_status.c: append the JSON of "status", and that of a finished reload. */
int master_status_render(const struct master *m, struct buf *out)
    __attribute__((warn_unused_result));
int master_result_render(const struct master_result *r, struct buf *out)
    __attribute__((warn_unused_result));

#endif
