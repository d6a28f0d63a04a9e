/* The master process: opens the listeners, starts workers, watches files, reloads, replaces the
 * dead, drains. Never touches a client's octet. */
#ifndef PROXY_PROC_MASTER_H
#define PROXY_PROC_MASTER_H

#include <stdbool.h>

struct master_options {
    const char *config_path;
    void (*on_ready)(void *arg); /* told once all workers serve; may be NULL */
    void *arg;
};

/* Run until told to stop. Errors before the start go to standard error. Returns the process's exit
 * status: 0 drained, 1 forced or could not start. Signals: HUP reload, USR1 reopen logs, TERM and
 * INT drain and stop, QUIT stop at once. */
int master_run(const struct master_options *o);

#endif
