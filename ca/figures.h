/* Numbers about the CA, for monitoring, in the text form of Prometheus. Private to ca. */
#ifndef CA_FIGURES_H
#define CA_FIGURES_H

#include "ca/life.h"

/* Append them to out: requests by state, the oldest that waits, certificates that come to their
 * end, the list's next update, the CA's own end, messages. No name of anybody is among them.
 * Returns 0 or a negative err_code with e. */
int figures_write(const struct life *l, struct buf *out, struct err *e)
    __attribute__((warn_unused_result));

#endif
