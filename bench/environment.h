/* What this computer and its libraries are, for the result. */
#ifndef BENCH_ENVIRONMENT_H
#define BENCH_ENVIRONMENT_H

#include "bench/result.h"

/* Fill env but for what a handshake tells and what depends on the clients. */
void environment_read(struct result_environment *env);

#endif
