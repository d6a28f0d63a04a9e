/* Owns: the message behind which the program ends. */
#include "bench/micro/need.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>

void need(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "countersign-micro: %s failed\n", what);
        ERR_print_errors_fp(stderr);
        exit(1);
    }
}
