/* Conditions under which a comparison of two runs fails: "p99>+10%". Pure; one thread. */
#ifndef BENCH_CONDITION_H
#define BENCH_CONDITION_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define CONDITION_FIELD_MAX 96

enum condition_kind {
    CONDITION_ITSELF = 0, /* the new figure against a bound: "p99>50ms", "error_share>0.01" */
    CONDITION_BY,         /* how much it differs from the old: "p99>+2ms", "rate<-100" */
    CONDITION_PERCENT     /* the same in percent of the old: "p99>+10%", "rate<-5%" */
};

struct condition {
    char field[CONDITION_FIELD_MAX]; /* as document_figure() takes it; with '*': every member of
                                        the summary that it fits */
    bool above;                      /* '>': fails above the bound; '<': below */
    enum condition_kind kind;
    double bound; /* nanoseconds if is_time; percent for CONDITION_PERCENT; with its sign */
    bool is_time; /* the bound has a unit of time */
};

/* Read "FIELD > BOUND" or "FIELD < BOUND"; blanks around the parts are fine. BOUND: a number, with
 * a unit of time (ns, us, ms, s, m, h) or '%' or nothing behind it; a sign in front makes it a
 * difference to the old figure, and '%' needs one. Returns 0, or -ERR_MALFORMED with e. */
int condition_read(struct str text, struct condition *out, struct err *e)
    __attribute__((warn_unused_result));

/* True if the condition is met, that is, the comparison fails. was, is: old and new figure, in
 * nanoseconds for times. From an old figure of 0 any rise is more than any percentage. */
bool condition_met(const struct condition *c, double was, double is);

#endif
