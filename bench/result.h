/* Everything that a run yields. The engine fills it, the outputs read it; one thread. All times are
 * nanoseconds of the monotonic clock unless they say otherwise. What happened during the warm-up is
 * not in it. */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hist_fine.h"
#include "bench/options.h"

/* What became of one operation: exactly one class each. Only RESULT_OK counts into the histograms
 * of durations. token: name in JSON and CSV, never changed once released. */
#define RESULT_CLASSES(X)                                                                          \
    X(OK, "ok", "answered as expected")                                                            \
    X(REFUSED, "refused", "connection refused")                                                    \
    X(RESET, "reset", "connection reset by the server")                                            \
    X(TIMEOUT, "timeout", "no end within the time-out")                                            \
    X(UNREACHABLE, "unreachable", "host or network not reachable")                                 \
    X(LOCAL, "local", "out of descriptors, ports or memory here")                                  \
    X(ALERT, "alert", "TLS alert from the server")                                                 \
    X(VERIFY, "verify", "the server's certificate did not verify")                                 \
    X(TLS, "tls", "TLS failed otherwise")                                                          \
    X(TRUNCATED, "truncated", "closed before the end of the answer")                               \
    X(PROTOCOL, "protocol", "the answer is no HTTP/1.1")                                           \
    X(STATUS, "status", "wrong status")                                                            \
    X(PAIRING, "pairing", "mismatched credentials were not answered with 403")

enum result_class {
#define RESULT_ENUM(name, token, text) RESULT_##name,
    RESULT_CLASSES(RESULT_ENUM)
#undef RESULT_ENUM
        RESULT_CLASS_COUNT
};

/* The parts of an operation that are timed. For each there are two histograms:
 *   service    as measured: the part's own duration (total: from the true start to the end)
 *   corrected  the same plus the time by which the operation began later than scheduled, so that
 *              no wait is left out (coordinated omission); empty in a closed loop
 * Connect and handshake are counted once for each new connection. */
enum result_part {
    PART_CONNECT = 0, /* connect() until connected */
    PART_HANDSHAKE,   /* connected until our Finished was sent; full and resumed */
    PART_RESUMED,     /* the same, of resumed handshakes only */
    PART_FIRST_BYTE,  /* request's last octets go out until the first octet of the answer */
    PART_TOTAL,       /* start until the last octet of the answer (handshake: until the server's
                         close) */
    PART_COUNT
};

struct result_second {
    uint64_t started; /* operations begun in this second */
    uint64_t ok;
    uint64_t failed;
    uint64_t full; /* handshakes */
    uint64_t resumed;
    uint64_t in_flight;              /* at the end of the second */
    uint64_t p50_ns, p99_ns, max_ns; /* total of those that ended; corrected if there is a schedule;
                                        p50 and p99 within 12 % */
};

/* One rate that --find-max tried. */
struct result_step {
    double rate;     /* asked for */
    double reached;  /* right answers a second */
    uint64_t slo_ns; /* the percentile that the objective is about */
    uint64_t failed;
    bool client_limited;
    bool met;
};

/* What the client side was made of, and what was negotiated first. Empty where not known. */
struct result_environment {
    char cpu[96];     /* model */
    unsigned cores;   /* that this process may use */
    char kernel[96];  /* "Linux 6.1.0-28-amd64" */
    char openssl[64]; /* of the client */
    char tool[32];    /* version */
    char tls[16];     /* "TLSv1.3" */
    char cipher[64];
    char group[32];
    char server_key[48]; /* "EC 256 prime256v1", "RSA 2048" */
    char client_key[48]; /* of the first client certificate */
    size_t identities;   /* client certificates (or users) in play */
    int64_t started_wall_ms;
};

/* Why the figures may be of something else than the server: a set. */
enum result_limit {
    LIMIT_NONE = 0,
    LIMIT_CPU = 1,         /* a thread was on the CPU for 95 % of the time or more */
    LIMIT_LAG = 2,         /* operations began late though a connection was free */
    LIMIT_CONNECTIONS = 4, /* operations waited because --connections was reached */
    LIMIT_LOCAL = 8        /* descriptors or ports ran out */
};

/* What one of them is. */
struct result_limit_row {
    enum result_limit limit;
    bool ours;        /* the client's: its figures say little of the server */
    const char *name; /* in documents */
    const char *text;
};

struct result {
    const struct options *options; /* borrowed */
    struct result_environment env;

    uint64_t elapsed_ns; /* measured part, without warm-up */
    bool interrupted;    /* ended by a signal; figures so far */

    uint64_t started;      /* operations begun that were due in the measured part; their outcomes
                              are counted by class, also of those that ended after it */
    uint64_t not_begun;    /* due in the measured part, but not begun until its end */
    uint64_t ok_in_window; /* right answers that came within elapsed_ns */
    uint64_t by_class[RESULT_CLASS_COUNT]; /* their sum is what ended */
    uint64_t alerts[256];                  /* RESULT_ALERT by alert code (RFC 8446 6) */
    uint64_t statuses[600];                /* answers by status, expected or not */
    uint64_t mismatched;                   /* of the started: sent with deliberately wrong user */
    uint64_t mismatched_refused;           /* of these: got their 403 */

    uint64_t connections;         /* TCP connections established */
    uint64_t full, resumed;       /* handshakes completed, by SSL_session_reused() */
    uint64_t resume_offered;      /* handshakes that offered a session */
    uint64_t resume_missing;      /* wanted to, but the client had no unused session */
    uint64_t tickets;             /* sessions received */
    uint64_t bytes_in, bytes_out; /* of HTTP */

    struct hist_fine service[PART_COUNT];
    struct hist_fine corrected[PART_COUNT];
    struct hist_fine lag; /* true start minus scheduled start; open loop only */

    struct result_second *seconds; /* owned; one for each begun second of the measured part */
    size_t second_count;

    struct result_step *steps; /* owned; --find-max only */
    size_t step_count;
    bool converged;           /* --find-max: bounds met within 3 % */
    double max_low, max_high; /* --find-max: highest rate that met it, lowest that did not */

    uint64_t client_cpu_ns; /* of all threads */
    double busiest_thread;  /* share 0-1 of the time that the busiest was on a CPU */
    unsigned limits;        /* enum result_limit, or-ed */
};

/* Prepare r, empty. Returns 0 or -ERR_NOMEM (r may then be given to result_fini). */
int result_init(struct result *r, const struct options *o) __attribute__((warn_unused_result));

/* Free what r owns. */
void result_fini(struct result *r);

/* Token ("ok") and text ("answered as expected") of a class; name of a part ("first_byte"). */
const char *result_class_token(enum result_class c);
const char *result_class_text(enum result_class c);
const char *result_part_name(enum result_part part);

/* The i-th limit, NULL past the last; and that of a name, NULL if there is none such, or no name.
 */
const struct result_limit_row *result_limit(size_t i);
const struct result_limit_row *result_limit_named(const char *name);

#define RESULT_ALERT_NAME 16

/* Name of a TLS alert ("bad_certificate"), or "unknown_200", written to scratch. Source:
 * RFC 8446 6. */
const char *result_alert_name(unsigned code, char scratch[RESULT_ALERT_NAME]);

/* Sum of all classes but RESULT_OK. */
uint64_t result_failed(const struct result *r);

/* Right answers that came in a second of the measured part. */
double result_rate(const struct result *r);

/* The histogram that percentiles are told from: corrected if there is a schedule, else service. */
const struct hist_fine *result_latency(const struct result *r, enum result_part part);

#endif
