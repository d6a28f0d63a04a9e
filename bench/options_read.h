/* Reads the command line of the verb run. One thread. */
#ifndef BENCH_OPTIONS_READ_H
#define BENCH_OPTIONS_READ_H

#include "bench/options.h"

/* Read argv[1..argc) of the verb run into o (all of it is set). Resolves the host. Returns 0;
 * -ERR_CONFIG on what is wrong with it, e says where and what to do; 1 if help was asked for and
 * printed. */
int options_read(int argc, char **argv, struct options *o, struct err *e)
    __attribute__((warn_unused_result));

#endif
