/* How a small benchmark ends when something does not work: it has nothing to show then. */
#ifndef BENCH_MICRO_NEED_H
#define BENCH_MICRO_NEED_H

#include <stdbool.h>

/* Unless ok, say that what failed, with OpenSSL's own words if it has any, and end the program. */
void need(bool ok, const char *what);

#endif
