/* Owns: the columns of the series. */
#include "bench/series.h"

#include <inttypes.h>

int series_write(const struct result *r, struct buf *out)
{
    int rc = buf_printf(out, "second,started,ok,failed,full,resumed,in_flight,p50_ns,p99_ns,"
                             "max_ns\n");
    for (size_t i = 0; i < r->second_count && rc == 0; i++) {
        const struct result_second *s = &r->seconds[i];
        rc = buf_printf(out,
                        "%zu,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
                        ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n",
                        i, s->started, s->ok, s->failed, s->full, s->resumed, s->in_flight,
                        s->p50_ns, s->p99_ns, s->max_ns);
    }
    return rc;
}
