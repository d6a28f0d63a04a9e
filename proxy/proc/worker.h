/* A worker process: one loop, its own runtime, the listeners it shares with the others. Private to
 * proxy/proc. */
#ifndef PROXY_PROC_WORKER_H
#define PROXY_PROC_WORKER_H

#include <stdint.h>
#include <sys/types.h>

#include "auth/lockout.h"
#include "auth/revoke/deny.h"
#include "auth/totp.h"
#include "base/logfile.h"
#include "proxy/observe/metrics.h"
#include "proxy/proc/ocsp_helper.h"
#include "proxy/proc/privdrop.h"
#include "proxy/proc/sockets.h"
#include "proxy/server/admit.h"

/* What a worker gets from the master; everything is the worker's own copy (by fork). */
struct worker_start {
    unsigned index;
    pid_t master;
    int ipc;    /* its end of the socket pair */
    int packed; /* the files of the configuration */
    uint64_t generation;
    struct deny *deny; /* what is withdrawn; the worker frees it */
    uint64_t deny_generation;
    const char *config_path;
    struct sockets *sockets;
    struct metrics_region *region;
    struct admit_region *admit;
    struct lockout *lockout;
    struct totp_memory *totp_memory;
    struct session_region *sessions; /* NULL: none are kept */
    struct logfile *error_file;
    struct logfile *access_file;
    const struct privdrop *privdrop;
    struct ocsp_line *ocsp;
    struct ocsp_desk *desk; /* the worker's own, made by worker_run() */
};

/* Run until told to end. Returns the exit status of the process: 0 drained, 1 stopped. One that
 * cannot start tells the master why, and ends the process with 1 (2: the master does not hear). */
int worker_run(const struct worker_start *start);

#endif
