/* A result as a run of 20 seconds would give it, made without one. */
#ifndef TESTS_UNIT_BENCH_SAMPLE_RESULT_H
#define TESTS_UNIT_BENCH_SAMPLE_RESULT_H

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bench/result.h"
#include "tests/support/check.h"

#define SAMPLE_OPERATIONS 20000
#define SAMPLE_SECONDS    20

static inline struct options sample_options(void)
{
    return (struct options){
        .url = "https://localhost:8443/",
        .certs = "pki/clients",
        .users = "pki/users",
        .zipf = 1.0,
        .mismatch = 0.01,
        .mode = MODE_REQUEST,
        .resume_ratio = 0.5,
        .method = "GET",
        .headers = {"X-Token: not to be told"},
        .header_count = 1,
        .rate = 1000.0,
        .arrivals = ARRIVALS_POISSON,
        .connections = 1000,
        .duration_ms = 20000,
        .warmup_ms = 1000,
        .timeout_ms = 10000,
        .seed = 1,
        .threads = 2,
    };
}

/* The duration of operation i: most near 2 ms, one in a hundred ten times that, and a pause. */
static inline uint64_t sample_ns(size_t i)
{
    uint64_t scattered = (uint64_t)(i * 7919 % 1000) * 1000;
    return UINT64_C(1500000) + scattered + (i % 100 == 0 ? UINT64_C(20000000) : 0) +
           (i % 5000 == 0 ? UINT64_C(300000000) : 0);
}

static inline void sample_seconds(struct result *r)
{
    r->seconds = mem_calloc(SAMPLE_SECONDS, sizeof(*r->seconds));
    assert_non_null(r->seconds);
    r->second_count = SAMPLE_SECONDS;
    for (size_t i = 0; i < SAMPLE_SECONDS; i++) {
        r->seconds[i] = (struct result_second){.started = 1000,
                                               .ok = 998 - i % 3,
                                               .failed = i % 3,
                                               .full = 500,
                                               .resumed = 500,
                                               .in_flight = i,
                                               .p50_ns = 2000000 + i * 1000,
                                               .p99_ns = 22000000,
                                               .max_ns = 23000000 + i};
    }
}

/* r (result_fini) filled; o: its options, borrowed. */
static inline void sample_result(struct result *r, const struct options *o)
{
    assert_int_equal(result_init(r, o), 0);
    r->env = (struct result_environment){.cpu = "Some CPU <1 GHz>",
                                         .cores = 2,
                                         .kernel = "Linux 6.1",
                                         .openssl = "OpenSSL 3.0",
                                         .tool = "0.1.0",
                                         .tls = "TLSv1.3",
                                         .cipher = "TLS_AES_128_GCM_SHA256",
                                         .group = "X25519",
                                         .server_key = "EC 256",
                                         .client_key = "EC 256",
                                         .identities = 1000,
                                         .started_wall_ms = INT64_C(1800000000123)};
    r->elapsed_ns = UINT64_C(20000000000);
    r->started = SAMPLE_OPERATIONS + 20;
    r->ok_in_window = SAMPLE_OPERATIONS;
    r->by_class[RESULT_OK] = SAMPLE_OPERATIONS;
    r->by_class[RESULT_ALERT] = 13;
    r->by_class[RESULT_STATUS] = 7;
    r->alerts[42] = 10;
    r->alerts[200] = 1;
    r->alerts[201] = 2;
    r->statuses[200] = SAMPLE_OPERATIONS;
    r->statuses[503] = 7;
    r->mismatched = 200;
    r->mismatched_refused = 200;
    r->connections = SAMPLE_OPERATIONS;
    r->full = 10000;
    r->resumed = 10000;
    r->client_cpu_ns = UINT64_C(9000000000);
    r->busiest_thread = 0.31;
    for (size_t i = 0; i < SAMPLE_OPERATIONS; i++) {
        hist_fine_add(&r->service[PART_TOTAL], sample_ns(i));
        hist_fine_add(&r->service[PART_CONNECT], sample_ns(i) / 20);
        hist_fine_add(&r->service[PART_HANDSHAKE], sample_ns(i) / 2);
        hist_fine_add(&r->service[PART_FIRST_BYTE], sample_ns(i) / 3);
        if (!o->closed) {
            hist_fine_add(&r->corrected[PART_TOTAL], sample_ns(i) + (i % 50 == 0 ? 9000000 : 0));
            hist_fine_add(&r->lag, i % 50 == 0 ? 9000000 : 1000);
        }
    }
    sample_seconds(r);
}

#endif
