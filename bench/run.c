/* The verb run. */
#include <stdio.h>

#include "bench/bench.h"
#include "bench/options_read.h"

int bench_run_main(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    int rc = options_read(argc, argv, &o, &e);
    if (rc < 0) {
        (void)fprintf(stderr, "countersign-bench: %s\n", e.text);
        return 2;
    }
    return 0;
}
