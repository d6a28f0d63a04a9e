/* The master's book of its workers: who runs, who is leaving, who dies too often. No process is
 * started or ended here. Private to proxy/proc. */
#ifndef PROXY_PROC_CHILDREN_H
#define PROXY_PROC_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CHILDREN_DEATHS_MAX 10    /* so many deaths of one worker ... */
#define CHILDREN_WINDOW_MS  10000 /* ... in this time are let pass without a rest */
#define CHILDREN_REST_MS    1000

enum child_state {
    CHILD_NONE = 0,
    CHILD_STARTING,
    CHILD_READY,
    CHILD_DRAINING, /* told to finish; deadline_ms says when it is told to stop */
    CHILD_STOPPING, /* told to stop; deadline_ms says when it is killed */
    CHILD_KILLED
};

struct child {
    enum child_state state;
    pid_t pid;
    int fd; /* the master's end of the socket pair; owned; -1: none */
    uint64_t started_ms;
    uint64_t deadline_ms;
    uint64_t rest_until_ms;               /* not to be started again before */
    uint64_t deaths[CHILDREN_DEATHS_MAX]; /* when it died; a ring */
    unsigned death_count;                 /* ever */
    uint64_t deny_generation;             /* of the deny list that it has in force */
};

struct children {
    struct child *v; /* owned */
    unsigned n;      /* places */
};

/* n empty places. Returns 0 or -ERR_NOMEM. */
int children_init(struct children *c, unsigned n) __attribute__((warn_unused_result));

/* Close the descriptors and free the places. */
void children_fini(struct children *c);

/* A worker was started in place i; fd is taken over. */
void children_add(struct children *c, unsigned i, pid_t pid, int fd, uint64_t now_ms);

/* The worker in place i is gone: the place is empty, its descriptor closed. */
void children_remove(struct children *c, unsigned i);

/* Note that the worker of place i died without being told to. Returns true if that was once too
 * often: it then rests until rest_until_ms. */
bool children_died(struct children *c, unsigned i, uint64_t now_ms);

/* Places with a process. */
unsigned children_alive(const struct children *c);

/* Workers in state CHILD_READY. */
unsigned children_ready(const struct children *c);

/* The earliest deadline of a leaving worker, or of a rest below place wanted; UINT64_MAX: none. */
uint64_t children_deadline(const struct children *c, unsigned wanted);

#endif
