/* The steps of the CA as lines of the error log, one each. What counts is the record (audit.h), of
 * which they are taken: they come soon after, never instead, and those of a time when the CA's
 * process did not run are there alone. */
#ifndef CA_JOURNAL_H
#define CA_JOURNAL_H

#include <stdint.h>

#include "base/log.h"
#include "base/reason.h"
#include "ca/life.h"

struct call;

/* Begin behind what is recorded now: *seq. Returns 0 or a negative err_code with e. */
int journal_begin(const struct life *l, int64_t *seq, struct err *e)
    __attribute__((warn_unused_result));

/* A line for each entry behind *seq, which becomes the last one's. What cannot be read now is
 * tried again by the next call. log NULL: nothing. */
void journal_write(const struct life *l, struct log *log, int64_t *seq);

/* Why a call that ended with a negative err_code (or 0) and this status was refused; REASON_OK if
 * it was not. */
enum reason journal_reason(const struct call *c, unsigned status);

/* A line if c, which is over, was refused and would have changed something, or failed by our own
 * fault. */
void journal_refused(const struct call *c);

#endif
