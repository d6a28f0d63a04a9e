/* Our own TLS part as a contender: proxy/tls/session with the verification of auth. */
#ifndef BENCH_MICRO_ENGINE_H
#define BENCH_MICRO_ENGINE_H

#include "bench/micro/contest.h"
#include "conf/model.h"

/* What an engine is made with. */
struct engine_options {
    const struct conf_tuning *tuning;
    const struct conf_resumption *resumption;
    size_t kept;   /* sessions; 0: they are in their tickets */
    bool identity; /* who the certificate names is read, too, as for each connection */
};

/* Make c our engine. Ends the program on a failure. */
void engine_init(struct contender *c, const struct pki *pki, const struct engine_options *o);

#endif
