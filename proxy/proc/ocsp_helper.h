/* The process that asks OCSP responders, so that no worker ever waits for one. */
#ifndef PROXY_PROC_OCSP_HELPER_H
#define PROXY_PROC_OCSP_HELPER_H

#include <stdbool.h>
#include <sys/types.h>

#include "auth/revoke/ocsp_table.h"
#include "base/log.h"
#include "base/str.h"
#include "proxy/observe/metrics.h"
#include "proxy/proc/privdrop.h"

/* Made by the master before its first worker; by fork everyone's. */
struct ocsp_line {
    struct ocsp_table *table;
    int ask; /* workers write questions here, without waiting */
    int serve;
};

/* Returns 0, or -ERR_NOMEM or -ERR_IO: *l is then closed. */
int ocsp_line_open(struct ocsp_line *l) __attribute__((warn_unused_result));

/* A cleared one, or one that was closed, is fine. */
void ocsp_line_close(struct ocsp_line *l);

/* Send a question, or drop it if it does not fit in what is waiting. arg: the line. */
void ocsp_line_send(void *arg, struct str question);

/* What the helper gets from the master; by fork its own. */
struct ocsp_helper_start {
    struct ocsp_line *line;
    const struct privdrop *privdrop;
    pid_t master;
    struct log *log;
    struct metrics *metrics; /* where answers are counted */
};

/* In a fork of the master: drop the rights and answer questions until killed. Returns the exit
 * status if it cannot begin. */
int ocsp_helper_run(const struct ocsp_helper_start *start);

#endif
