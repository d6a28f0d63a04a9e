/* The master process: opens the listeners, starts workers, watches files, reloads, replaces the
 * dead, drains. Never touches a client's octet. */
#ifndef PROXY_PROC_MASTER_H
#define PROXY_PROC_MASTER_H

#include <stdbool.h>

#include "conf/model.h"

struct master_options {
    const char *config_path;
    void (*on_ready)(void *arg); /* told once all workers serve; may be NULL */
    void *arg;
    /* A process that is kept alive beside the workers: the arguments of this same program, NULL at
     * the end, and whether a configuration wants it. It is told to end (TERM) when the
     * configuration has changed, and started anew. NULL: none. */
    const char *const *companion;
    bool (*companion_wanted)(const struct conf *conf);
};

/* Run until told to stop. Errors before the start go to standard error. Returns the process's exit
 * status: 0 drained, 1 forced or could not start. Signals: HUP reload, USR1 reopen logs, TERM and
 * INT drain and stop, QUIT stop at once. */
int master_run(const struct master_options *o);

#endif
