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

enum reload_phase {
    RELOAD_IDLE = 0,
    RELOAD_PREPARING, /* step one: workers build the new configuration */
    RELOAD_ADOPTING   /* step two: they change over to it; there is no way back */
};

enum reload_answer {
    RELOAD_NOT_ASKED = 0,
    RELOAD_ASKED,    /* to prepare */
    RELOAD_PREPARED, /* it said so */
    RELOAD_TOLD      /* to adopt */
};

enum reload_outcome {
    RELOAD_WAITING = 0, /* not all have answered */
    RELOAD_AGREED,      /* all are prepared: reload_commit() */
    RELOAD_FAILED,      /* one refused, died or hangs: reload_abort() */
    RELOAD_DONE         /* all have adopted, are gone, or hang */
};

struct reload {
    enum reload_phase phase;
    uint64_t generation; /* of the new configuration */
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

/* The worker in place i said IPC_PREPARED, IPC_REFUSED or IPC_ADOPTED. Answers about another
 * generation, or out of turn, are ignored. */
enum reload_outcome reload_heard(struct reload *r, unsigned i, const struct ipc_message *m);

/* The worker in place i is gone. */
enum reload_outcome reload_lost(struct reload *r, unsigned i);

/* The time has come on: past the deadline, step one has failed and step two is done. */
enum reload_outcome reload_tick(struct reload *r, uint64_t now_ms);

/* True if the worker in place i was asked or told, and has not answered. */
bool reload_owes(const struct reload *r, unsigned i);

/* Step two: tell every worker that has prepared to adopt. Calls deaf(arg, i) for one that cannot be
 * told. */
enum reload_outcome reload_commit(struct reload *r, const struct children *c, uint64_t now_ms,
                                  void (*deaf)(void *arg, unsigned i), void *arg);

/* Or tell every worker that was asked to forget. */
void reload_abort(struct reload *r, const struct children *c, void (*deaf)(void *arg, unsigned i),
                  void *arg);

/* Step two is over for the master. */
void reload_end(struct reload *r);

#endif
