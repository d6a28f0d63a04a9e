/* A process that is given octets on its standard input, and is waited for without waiting. */
#ifndef CA_CHILD_H
#define CA_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

#define CHILD_WORDS_MAX 200
#define CHILD_INPUT_MAX 60000 /* what a pipe takes at once */

/* A cleared one runs nothing. */
struct child {
    pid_t pid;
    int words_fd;
    uint64_t deadline_ms; /* clock_mono_ms() */
};

struct child_wish {
    const char *path;        /* of the program, or CHILD_SELF */
    const char *const *argv; /* NULL at the end */
    struct str input;        /* secret, perhaps; at most CHILD_INPUT_MAX octets */
    bool words;              /* what it says on standard error is kept; otherwise nobody reads it */
    uint32_t limit_ms;       /* then it is killed */
};

#define CHILD_SELF "/proc/self/exe"

/* Start it in a group of its own, with nothing open but its standard streams, and a small
 * environment. Returns 0 or -ERR_IO with e. */
int child_start(struct child *c, const struct child_wish *w, struct err *e)
    __attribute__((warn_unused_result));

/* Whether it has ended; then *status is as waitpid() gives it, words (NUL-ended) what it said, and
 * c is cleared, and what it left behind in its group is killed. One that is past its time is
 * killed. Asked once for each child that was started. */
bool child_ended(struct child *c, int *status, char words[CHILD_WORDS_MAX + 1]);

/* Kill it and wait for that; a cleared one is fine. */
void child_kill(struct child *c);

#endif
