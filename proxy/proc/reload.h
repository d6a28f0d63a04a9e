/* The two steps of a reload, as the master sees them: every worker prepares; all of them adopt, or
 * none. Private to proxy/proc. */
#ifndef PROXY_PROC_RELOAD_H
#define PROXY_PROC_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "proxy/proc/children.h"
#include "proxy/proc/ipc.h"
#include "proxy/proc/sockets.h"

#define RELOAD_TIMEOUT_MS 30000

enum reload_answer { RELOAD_NOT_ASKED = 0, RELOAD_ASKED, RELOAD_PREPARED };

enum reload_outcome {
    RELOAD_WAITING = 0, /* not all have answered */
    RELOAD_AGREED,      /* all are prepared: reload_finish(commit) */
    RELOAD_FAILED       /* one refused, died or hangs: reload_finish(abort) */
};

struct reload {
    bool active;
    uint64_t generation; /* of the configuration that is prepared */
    uint64_t deadline_ms;
    enum reload_answer *answers; /* owned; one a place of the children */
    unsigned n;
    char error[IPC_TEXT_MAX + 1]; /* why it failed; NUL-ended */
};

/* For n places. Returns 0 or -ERR_NOMEM. */
int reload_init(struct reload *r, unsigned n) __attribute__((warn_unused_result));
void reload_fini(struct reload *r);

/* Step one: send the new listening sockets and the packed files to every worker that is not
 * leaving. */
enum reload_outcome reload_begin(struct reload *r, const struct children *c, uint64_t generation,
                                 int packed, const struct sockets *fresh, uint64_t now_ms);

/* The worker in place i said IPC_PREPARED or IPC_REFUSED. Answers about another generation are
 * ignored. */
enum reload_outcome reload_heard(struct reload *r, unsigned i, const struct ipc_message *m);

/* The worker in place i is gone. */
enum reload_outcome reload_lost(struct reload *r, unsigned i);

/* The time has come on: past the deadline it has failed. */
enum reload_outcome reload_tick(struct reload *r, uint64_t now_ms);

/* True if the worker in place i was asked and has not answered. */
bool reload_owes(const struct reload *r, unsigned i);

/* Step two: tell every worker that was asked to adopt (commit) or to forget. Calls deaf(arg, i)
 * for a worker that cannot be told. */
void reload_finish(struct reload *r, const struct children *c, bool commit,
                   void (*deaf)(void *arg, unsigned i), void *arg);

#endif
