/* What a run is asked to do: the command line, read and checked. No secret stands in here: users
 * and passwords come from a file and stay with bench/identities. Read only once read; any thread.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"

enum options_mode {
    MODE_HANDSHAKE = 0, /* connect, handshake, close */
    MODE_REQUEST,       /* connect, handshake, one request, close */
    MODE_KEEPALIVE,     /* requests over connections that stay open */
    MODE_RESUME         /* MODE_REQUEST that resumes (resume_ratio is 1 unless given) */
};

enum options_pick { PICK_ROUND_ROBIN = 0, PICK_RANDOM, PICK_ZIPF };
enum options_arrivals { ARRIVALS_UNIFORM = 0, ARRIVALS_POISSON };
enum options_tls { TLS_ANY = 0, TLS_ONLY_12, TLS_ONLY_13 };
enum options_format {
    FORMAT_TEXT = 0,
    FORMAT_JSON,
    FORMAT_CSV,
    FORMAT_HGRM,
    FORMAT_HTML,
    FORMAT_COUNT
};

/* One --output FORMAT[:FILE]. */
struct options_output {
    enum options_format format;
    const char *path; /* NULL: standard output */
};

/* --slo pQ<LIMIT: the Q-th percentile of the total latency must be below limit_ns. */
struct options_slo {
    double percent; /* 0 < percent <= 100 */
    uint64_t limit_ns;
};

#define OPTIONS_OUTPUTS_MAX 8
#define OPTIONS_HEADERS_MAX 32
#define OPTIONS_THREADS_MAX 256
#define OPTIONS_SOURCES_MAX 256

/* The texts are borrowed from argv, but those said to be owned. */
struct options {
    /* The target. */
    const char *url;
    char host[256];   /* as in the URL, without brackets: checked against the certificate */
    char server[264]; /* host[:port] as the Host field says it */
    const char *path; /* begins with '/'; query included */
    struct addr addr; /* resolved: ADDR_INET */
    bool own_target;  /* --i-own-this-target */

    /* Clients. */
    const char *certs; /* --certs: directory or glob; NULL: no client certificates */
    const char *users; /* --users: file of lines "name user password"; NULL: no credentials */
    enum options_pick pick;
    double zipf;     /* exponent, default 1.0 */
    double mismatch; /* share 0-1 of requests that carry another client's user and password */

    /* TLS. */
    const char *ca; /* PEM file that the server's chain must lead to; NULL: the system's */
    bool insecure_no_verify;
    bool stock_library; /* all of OpenSSL's default provider, not only what TLS needs */
    enum options_tls tls;
    const char *groups, *ciphers, *sigalgs; /* NULL: the library's */

    /* What is sent, what must come. */
    enum options_mode mode;
    double resume_ratio; /* share 0-1 of new connections that offer a session, if there is one */
    uint64_t in_flight;  /* keepalive: requests under way at once, over all threads; 0: one on
                            each connection */
    uint64_t per_connection; /* keepalive: requests before a connection is closed; 0: no bound */
    const char *method;
    const char *headers[OPTIONS_HEADERS_MAX]; /* "Name: value" */
    size_t header_count;
    uint64_t body_bytes;
    unsigned expect;     /* status; 0: any 2xx */
    uint64_t timeout_ms; /* for one operation, from its true start */

    /* How much, how fast. */
    bool closed; /* closed loop: connections that each go as fast as they can */
    double rate; /* open loop: operations a second over all threads */
    enum options_arrivals arrivals;
    bool find_max;
    struct options_slo slo; /* percent 0: none */
    uint64_t connections;   /* closed: as many; open: at most, over all threads */
    uint64_t duration_ms, warmup_ms;
    uint64_t operations;                      /* end after so many started; 0: no bound */
    uint64_t seed;                            /* of everything drawn by lot */
    size_t threads;                           /* >= 1 */
    struct addr sources[OPTIONS_SOURCES_MAX]; /* bound to by turns */
    size_t source_count;

    /* Output. */
    struct options_output outputs[OPTIONS_OUTPUTS_MAX]; /* text to standard output if none */
    size_t output_count;
    bool quiet;       /* no live line */
    bool tell_opened; /* keepalive: a line when all connections are open */
};

/* Names as the command line spells them, by the enums above; NULL-ended. */
extern const char *const options_mode_names[];
extern const char *const options_pick_names[];
extern const char *const options_arrivals_names[];
extern const char *const options_tls_names[];
extern const char *const options_format_names[];

/* One of them. */
const char *options_mode_name(enum options_mode mode);
const char *options_pick_name(enum options_pick pick);
const char *options_arrivals_name(enum options_arrivals arrivals);
const char *options_tls_name(enum options_tls tls); /* "any", "1.2", "1.3" */
const char *options_format_name(enum options_format format);

#endif
