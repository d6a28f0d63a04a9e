/* What a worker that crashes still says. Private to proxy/proc. */
#ifndef PROXY_PROC_LAST_WORDS_H
#define PROXY_PROC_LAST_WORDS_H

#include "base/logfile.h"

/* Write the lines that wait for f (borrowed until the process ends) when a signal of a crash comes
 * to this process, which then dies by it. A signal that somebody else handles is left to them. */
void last_words_of(struct logfile *f);

#endif
