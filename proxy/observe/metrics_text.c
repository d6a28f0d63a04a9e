/* Owns: the exposition formats of the numbers, Prometheus text 0.0.4 and OpenMetrics 1.0.0. Not:
 * the numbers (metrics.c). Any thread. */
#include <inttypes.h>

#include "base/err.h"
#include "proxy/observe/metrics_inner.h"

#define PREFIX "countersign_"

struct text {
    struct buf *out;
    bool openmetrics;
    int rc; /* the first failure; nothing is appended behind it */
};

#define PUT(t, ...) ((t)->rc = (t)->rc != 0 ? (t)->rc : buf_printf((t)->out, __VA_ARGS__))

struct row {
    const char *kind;
    const char *name; /* a counter's ends in _total; a label may follow */
    const char *help;
};

#define COUNTER "counter"
#define GAUGE   "gauge"
static const struct row rows[METRIC_COUNT] = {
#define METRIC(id, kind, text, help) [METRIC_##id] = {kind, PREFIX text, help},
#include "proxy/observe/metrics.def"
#undef METRIC
};
static const struct row refusals = {COUNTER, PREFIX "refusals_total",
                                    "requests and connections refused or ended early, by reason"};
static const struct row would_refuse = {
    COUNTER, PREFIX "would_refuse_total",
    "requests let through on routes that only report, by the reason to refuse them"};
static const struct row responses = {COUNTER, PREFIX "http_responses_total",
                                     "answers sent to clients, by status"};
static const struct row certificate_dates = {
    GAUGE, PREFIX "certificate_not_after_timestamp_seconds",
    "when the first certificate of that role expires, seconds since 1970"};
static const struct row crl_date = {GAUGE, PREFIX "crl_next_update_timestamp_seconds",
                                    "when the first CRL expires, seconds since 1970"};
static const struct row start = {GAUGE, "process_start_time_seconds",
                                 "start of the process, seconds since 1970"};

static const struct row times[METRIC_TIME_COUNT] = {
    [METRIC_TIME_HANDSHAKE] = {"histogram", PREFIX "tls_handshake_duration_seconds",
                               "time from the connection to the finished TLS handshake"},
    [METRIC_TIME_REQUEST] = {"histogram", PREFIX "http_request_duration_seconds",
                             "time from a request's first octet to its answer's last"},
    [METRIC_TIME_UPSTREAM] = {"histogram", PREFIX "upstream_response_duration_seconds",
                              "time from a request sent to the head of the upstream's answer"},
    [METRIC_TIME_USER_LOOKUP] = {"histogram", PREFIX "user_lookup_duration_seconds",
                                 "time of a look-up in the database of users, with its wait"},
};

/* The steps shown. Each is the edge of a bucket of base/hist.h, so that no count is rounded; they
 * are the edges next to 1, 2.5, 5, 10 ms and so on. */
static const uint64_t bounds_us[] = {1024,  2560,   5120,   10240,   24576,   49152,
                                     98304, 262144, 524288, 1048576, 2621440, 5242880};
#define BOUND_COUNT (sizeof(bounds_us) / sizeof(bounds_us[0]))

/* A row's name without its label. */
static struct str family_of(const struct row *row)
{
    struct str name = str_of(row->name);
    size_t label = str_chr(name, '{');
    return label != STR_NPOS ? str_slice(name, 0, label) : name;
}

/* OpenMetrics names a counter's family without _total and an info's without _info. */
static void put_head(struct text *t, const struct row *row)
{
    struct str family = family_of(row);
    bool is_counter = str_eq(str_of(row->kind), STR(COUNTER));
    if (t->openmetrics && is_counter && str_ends(family, STR("_total"))) {
        family.n -= sizeof("_total") - 1;
    }
    PUT(t, "# HELP %.*s %s\n", STR_ARG(family), row->help);
    PUT(t, "# TYPE %.*s %s\n", STR_ARG(family), row->kind);
    if (t->openmetrics && str_ends(family, STR("_seconds"))) {
        PUT(t, "# UNIT %.*s seconds\n", STR_ARG(family));
    }
    if (t->openmetrics && str_ends(family, STR("_bytes"))) {
        PUT(t, "# UNIT %.*s bytes\n", STR_ARG(family));
    }
}

static void put_numbers(struct text *t, const struct metrics_region *r)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        if (i == 0 || !str_eq(family_of(&rows[i]), family_of(&rows[i - 1]))) {
            put_head(t, &rows[i]);
        }
        PUT(t, "%s %" PRId64 "\n", rows[i].name, metrics_sum(r, (enum metric)i));
    }
}

/* Also those that never happened: a series that begins at 0 lets the first event be seen. */
static void put_refusals(struct text *t, const struct metrics_region *r)
{
    put_head(t, &refusals);
    for (size_t i = 0; i < REASON_COUNT; i++) {
        if (i != REASON_OK) {
            PUT(t, "%s{reason=\"%s\"} %" PRIu64 "\n", refusals.name, reason_token((enum reason)i),
                metrics_reason_sum(r, (enum reason)i));
        }
    }
}

/* Only those that happened: most routes refuse. */
static void put_would_refuse(struct text *t, const struct metrics_region *r)
{
    put_head(t, &would_refuse);
    for (size_t i = 0; i < REASON_COUNT; i++) {
        uint64_t sum = metrics_would_refuse_sum(r, (enum reason)i);
        if (sum > 0) {
            PUT(t, "%s{reason=\"%s\"} %" PRIu64 "\n", would_refuse.name,
                reason_token((enum reason)i), sum);
        }
    }
}

static void put_responses(struct text *t, const struct metrics_region *r)
{
    put_head(t, &responses);
    for (size_t k = 0; k <= METRICS_STATUS_MAX - METRICS_STATUS_MIN; k++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i <= r->slots; i++) {
            sum += atomic_load_explicit(&r->slot[i].statuses[k], memory_order_relaxed);
        }
        if (sum > 0) {
            PUT(t, "%s{code=\"%zu\"} %" PRIu64 "\n", responses.name, k + METRICS_STATUS_MIN, sum);
        }
    }
}

static uint64_t at_most(const struct metrics_region *r, enum metric_time which, uint64_t us)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i <= r->slots; i++) {
        sum += hist_at_most(&r->slot[i].times[which], us);
    }
    return sum;
}

static void put_time(struct text *t, const struct metrics_region *r, enum metric_time which)
{
    const char *name = times[which].name;
    put_head(t, &times[which]);
    uint64_t last = 0;
    for (size_t i = 0; i < BOUND_COUNT; i++) {
        /* Whole microseconds: less than the bound is at most one less. A writer may count between
         * two of our reads; a cumulative count that fell would be an invalid histogram. */
        uint64_t n = at_most(r, which, bounds_us[i] - 1);
        last = n > last ? n : last;
        PUT(t, "%s_bucket{le=\"%" PRIu64 ".%06" PRIu64 "\"} %" PRIu64 "\n", name,
            bounds_us[i] / 1000000, bounds_us[i] % 1000000, last);
    }
    uint64_t all = at_most(r, which, UINT64_MAX);
    all = all > last ? all : last;
    uint64_t sum_us = 0;
    for (unsigned i = 0; i <= r->slots; i++) {
        sum_us += atomic_load_explicit(&r->slot[i].times[which].sum_us, memory_order_relaxed);
    }
    PUT(t, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, all);
    PUT(t, "%s_sum %" PRIu64 ".%06" PRIu64 "\n", name, sum_us / 1000000, sum_us % 1000000);
    PUT(t, "%s_count %" PRIu64 "\n", name, all);
}

static void put_dates(struct text *t, const struct metrics_region *r)
{
    int64_t server = metrics_earliest(r, METRIC_DATE_SERVER_CERTIFICATE);
    int64_t ca = metrics_earliest(r, METRIC_DATE_CLIENT_CA);
    int64_t crl = metrics_earliest(r, METRIC_DATE_CRL);
    if (server != INT64_MAX || ca != INT64_MAX) {
        put_head(t, &certificate_dates);
    }
    if (server != INT64_MAX) {
        PUT(t, "%s{role=\"server\"} %" PRId64 "\n", certificate_dates.name, server);
    }
    if (ca != INT64_MAX) {
        PUT(t, "%s{role=\"client_ca\"} %" PRId64 "\n", certificate_dates.name, ca);
    }
    if (crl != INT64_MAX) {
        put_head(t, &crl_date);
        PUT(t, "%s %" PRId64 "\n", crl_date.name, crl);
    }
}

static void put_build(struct text *t)
{
    const char *name = t->openmetrics ? PREFIX "build" : PREFIX "build_info";
    PUT(t, "# HELP %s version of the program\n", name);
    PUT(t, "# TYPE %s %s\n", name, t->openmetrics ? "info" : GAUGE);
    PUT(t, PREFIX "build_info{version=\"%s\"} 1\n", COUNTERSIGN_VERSION);
}

static void put_start(struct text *t, const struct metrics_region *r)
{
    put_head(t, &start);
    PUT(t, "%s %" PRId64 ".%03d\n", start.name, r->start_ms / 1000, (int)(r->start_ms % 1000));
}

int metrics_render(const struct metrics_region *r, bool openmetrics, struct buf *out)
{
    struct text t = {.out = out, .openmetrics = openmetrics};
    put_build(&t);
    put_start(&t, r);
    put_numbers(&t, r);
    put_refusals(&t, r);
    put_would_refuse(&t, r);
    put_responses(&t, r);
    for (size_t i = 0; i < METRIC_TIME_COUNT; i++) {
        put_time(&t, r, (enum metric_time)i);
    }
    put_dates(&t, r);
    if (openmetrics) {
        PUT(&t, "# EOF\n");
    }
    return t.rc;
}
