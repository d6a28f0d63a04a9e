/* The line of progress on a terminal, rewritten each second. Main thread. */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include "bench/tally.h"

struct progress {
    bool shown; /* there is a terminal and the line is wanted */
    const char *label;
    uint64_t start_ns, end_ns, last_ns;
    uint64_t last_ok;
    struct hist last; /* total, up to the last line */
};

/* Prepare p: nothing is shown if standard error is no terminal or quiet is true. */
void progress_init(struct progress *p, const char *label, bool quiet, uint64_t start_ns,
                   uint64_t end_ns);

/* Show how far n threads are; at most once a second. */
void progress_show(struct progress *p, uint64_t now_ns, const struct tally *const *v, size_t n);

/* Remove the line. */
void progress_clear(const struct progress *p);

#endif
