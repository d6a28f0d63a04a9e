/* Questions that wait for a thread of the OCSP helper: a line for each responder, served in turn,
 * so that a responder that does not answer holds up those who have to ask it, and nobody else. */
#ifndef PROXY_PROC_OCSP_LINES_H
#define PROXY_PROC_OCSP_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/revoke/ocsp.h"

enum {
    OCSP_THREADS = 32,
    OCSP_SHARE = 4,     /* threads for one responder that is known to answer */
    OCSP_DOUBTFUL = 24, /* for all others together, one for each */
    OCSP_RESPONDERS = 64,
    OCSP_WAITING = 1024 /* questions in all lines */
};

struct ocsp_lines;

/* NULL without memory. Not for more than one thread at a time. */
struct ocsp_lines *ocsp_lines_new(void);

/* Drop what waits; NULL is fine. */
void ocsp_lines_free(struct ocsp_lines *l);

/* Put q at the end of the line of its responder (the host and port of q->url). Returns true: q is
 * taken over. False: it stays the caller's, because the same certificate is asked about already,
 * the responder has a rest, or there is no room; whoever asks for the answer asks again anyway. */
bool ocsp_lines_put(struct ocsp_lines *l, const struct ocsp_question *q, uint64_t mono_ms);

/* The next question that may be asked, into *out, which is then the caller's. False if there is
 * none: until the next put or done. At most OCSP_THREADS at a time. */
bool ocsp_lines_take(struct ocsp_lines *l, struct ocsp_question *out, uint64_t mono_ms);

/* What was taken is over. answered: the responder said something, whatever that was. Otherwise it
 * has a rest twice as long as the time that it took, doubled with each further failure, 1 to 60
 * seconds, and what waits for it is dropped. */
void ocsp_lines_done(struct ocsp_lines *l, const struct ocsp_question *q, bool answered,
                     uint64_t mono_ms);

#endif
