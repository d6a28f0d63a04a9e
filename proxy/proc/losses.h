/* Says in the error log that lines of another log are lost: that log cannot say it itself. Private
 * to proxy/proc. One thread. */
#ifndef PROXY_PROC_LOSSES_H
#define PROXY_PROC_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

/* Zeroed at first. */
struct losses {
    uint64_t told; /* lines */
    uint64_t told_at_ms;
    bool any;
};

/* How long it is silent after it has said something. */
#define LOSSES_SILENT_MS 60000

/* Tell log (event "log_lines_lost") how many lines f, which is called name ("access"), has lost
 * since the last time: at the first loss, then at most once a minute. */
void losses_tell(struct losses *l, const struct logfile *f, const char *name, struct log *log,
                 uint64_t mono_ms);

#endif
