/* Runs a load: threads, progress, and the result of all of them. Called from the main thread. */
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include <stdatomic.h>

#include "bench/identities.h"
#include "bench/result.h"

struct engine {
    const struct options *o;
    struct identities ids;
    OSSL_LIB_CTX *lib; /* for handshakes; NULL: the default one */
    double *zipf;      /* owned; NULL unless asked for */
    _Atomic int stop;  /* a signal handler may set it to 1 */
};

/* Load certificates and users, raise the limit of descriptors. Returns 0 or -ERR_CONFIG,
 * -ERR_NOMEM with e set; call engine_fini either way. */
int engine_init(struct engine *g, const struct options *o, struct err *e)
    __attribute__((warn_unused_result));

/* Wipe and free. */
void engine_fini(struct engine *g);

/* One run of warm-up and measured part at rate (open loop); r is prepared and gets everything but
 * steps. label: before the line of progress, "" for none. Returns 0 or a negative error with e
 * set. */
int engine_run(struct engine *g, double rate, const char *label, struct result *r, struct err *e)
    __attribute__((warn_unused_result));

#endif
